"""Who may connect to the embedded broker, and what they may say there (ADR 0044)."""
