"""Rollups: readings summed up by hours and days, in both modes."""
