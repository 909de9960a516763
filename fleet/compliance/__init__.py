"""Planned against driven: what of a plan was done, with its evidence."""
