"""Notifications on their way out: channels, and the sender that works through the outbox."""
