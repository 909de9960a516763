"""The bench of the live board in a browser."""
