"""The bench of JT/T 808."""
