"""The embedded PostgreSQL: its programs, its account, its folders and its port."""
