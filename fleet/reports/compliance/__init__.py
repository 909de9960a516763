"""The contents of the route compliance report: of one plan in full, of many side by side."""
