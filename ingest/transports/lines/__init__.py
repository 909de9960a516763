"""Lines over TCP, UDP, serial ports and files."""
