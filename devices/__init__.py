"""The vocabulary of the house: what a device is, what it can say, and what the hub files of it."""
