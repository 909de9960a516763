"""Kinds of report, one file for each; found by :func:`fleet.reports.kind.kinds`."""
