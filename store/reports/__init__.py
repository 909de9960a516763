"""Reports: their revisions, and what they ask of the store."""
