"""Back-ups of a hub: its database, and what its data folder holds beside it."""
