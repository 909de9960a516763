"""The bench of the parts of the way of a message."""
