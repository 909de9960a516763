"""Benches of the command line: they run the real parts on loopback and print ratios measured in one run."""
