"""Work orders at work: sent down to vehicles, and ended by evidence."""
