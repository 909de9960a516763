"""What Grafana reads, and as whom."""
