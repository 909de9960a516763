"""Emptyings found, entered and taken back, beside the way of the data."""
