"""Drawings in SVG: maps, charts, the timeline of a day. No tiles, no network, no scripts."""
