"""Collection planning: which bins are fetched tomorrow, by which truck, in which order, and what became of it."""
