"""A vehicle over a day: trips, stands, way and time."""
