"""Settings of the hub: the whole of them, and the sections that have no room of their own."""
