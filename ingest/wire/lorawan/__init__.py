"""LoRaWAN: the envelope of each network server, and what the hub makes of what is in it."""
