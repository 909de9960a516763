"""Boards in Grafana: their settings, the role that Grafana reads as, and the command that publishes."""
