"""Alerts: what the engine reads and writes, which of them ring, what people do with them, and what is told to whom."""
