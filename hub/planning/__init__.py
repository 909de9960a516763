"""Collection planning in the hub: what the store knows as a problem, and the solver beside the hub."""
