"""The bench of the questions of Grafana boards."""
