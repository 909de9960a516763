"""MQTT as a client of any broker."""
