"""The bench of planning of collection."""
