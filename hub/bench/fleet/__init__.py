"""The bench of what is known of vehicles: trips, coverage, compliance."""
