"""The bench of posts over HTTP."""
