"""What people and machines are told of alerts: the wording, who is told, when, and what goes out together. Pure."""
