"""The bench of polling over Modbus."""
