"""Live trackers: what a vehicle or worker is doing, moment by moment, in the time of the device."""
