"""The bench of what is known of bins: emptyings and when they are full."""
