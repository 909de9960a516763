"""The bench of alerts: how well they are found, how fast, and what they cost."""
