"""The HTTP interface: a router for each resource, and the pages that the hub serves."""
