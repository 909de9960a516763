"""Receivers that speak NMEA 0183, over TCP, UDP, serial lines and files."""
