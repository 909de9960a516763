"""YAML that knows its lines, and checking it against types: how files that people write are read."""
