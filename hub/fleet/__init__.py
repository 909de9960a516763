"""Live trackers within a hub."""
