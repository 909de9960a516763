"""Modbus units that the hub polls."""
