"""The fleet: its master data, and what the trackers read and write."""
