"""The servers that come with the hub, PostgreSQL and the MQTT broker: started, tried, watched, ended."""
