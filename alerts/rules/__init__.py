"""Kinds of rule, one file for each; found by :func:`alerts.kind.kinds`."""
