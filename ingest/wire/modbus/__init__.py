"""Modbus: frames of RTU and TCP, their PDUs, and what the registers of a poll claim."""
