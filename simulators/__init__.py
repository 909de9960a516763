"""A seedable city, and speakers of the protocols that devices use; every run records the truth."""
