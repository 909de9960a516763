"""One file for each protocol, joining a transport to its wire decoder."""
