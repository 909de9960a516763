"""Ports of the API: what its routes need of the hub, a module for each topic; services that fill them are handed in."""
