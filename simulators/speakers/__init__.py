"""Speakers: each turns observations into the bytes of one protocol and sends them as devices would."""
