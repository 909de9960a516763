"""Incidents at work: photos are looked at, areas found, other departments told."""
