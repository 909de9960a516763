"""JT/T 808 terminals over TCP."""
