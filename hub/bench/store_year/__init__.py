"""The bench of a year in the store."""
