"""The bench of the API."""
