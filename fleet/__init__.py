"""Routes, coverage, compliance, attendance and evaluation: pure functions over filed telemetry."""
