"""Public toilets: what a service report says of their air, visitors, meters and cleaning."""
