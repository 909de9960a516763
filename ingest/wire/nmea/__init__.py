"""NMEA 0183: lines, sentences, and the epochs that they make."""
