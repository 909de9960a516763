"""The channels: a file for each kind, which ends with ``KIND``."""
