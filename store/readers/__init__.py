"""Readers for boards and the API: each asks in one read-only transaction."""
