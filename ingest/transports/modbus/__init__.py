"""Polling of Modbus units over TCP and serial lines."""
