"""The alert engine at work: beside every batch, through time, and over history that came late."""
