"""Work orders: given and done, ended by evidence, and planned."""
