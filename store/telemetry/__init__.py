"""Telemetry: the writer and what it needs, and keeping and forgetting what was written."""
