"""Settings, wiring, supervision and the command line."""
