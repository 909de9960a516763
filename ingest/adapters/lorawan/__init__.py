"""LoRaWAN network servers, a file for each."""
