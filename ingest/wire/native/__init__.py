"""sanihub's own JSON, as MQTT and HTTP carry it."""
