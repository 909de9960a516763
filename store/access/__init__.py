"""Who may come in and what they did: people, sessions, keys, and the audit."""
