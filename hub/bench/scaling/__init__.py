"""The bench of how cost grows with devices and with stored readings."""
