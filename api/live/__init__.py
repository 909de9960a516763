"""The live stream: one feed of what was committed, and any number of readers that it never waits for."""
