"""Alert rules as pure steps over filed telemetry, their lifecycle and their notification."""
