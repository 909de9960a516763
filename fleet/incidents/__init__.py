"""Incidents: what people see and no sensor does, from the report to its end, and where they happen how often."""
