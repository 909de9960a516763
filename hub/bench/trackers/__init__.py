"""The bench of live trackers."""
