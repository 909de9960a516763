"""Bins: what the search for emptyings reads and writes, and their levels for planning."""
