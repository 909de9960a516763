"""Lines and points in metres."""
