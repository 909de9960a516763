"""The bench of reports."""
