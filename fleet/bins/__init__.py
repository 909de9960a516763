"""Bins: when they were emptied, how fast they fill, which are ready, and what a planned visit came to."""
