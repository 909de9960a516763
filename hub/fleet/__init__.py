"""The fleet, wired: services over the store that fulfil what the API and the commands ask for."""
