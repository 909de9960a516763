"""What the store is made of, for whoever looks after it."""
