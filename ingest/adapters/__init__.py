"""One file or folder for each protocol, joining a transport to its wire decoder. What holds a PLUGIN is found."""
