"""The bench of attendance."""
