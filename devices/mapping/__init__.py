"""Mappings: from the names of a codec's object to our metrics."""
