"""The second sink: marks, points, and their delivery to InfluxDB."""
