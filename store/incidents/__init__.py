"""Incidents that people report, and the letters about them."""
