"""Formats of reports, one file for each; found by :func:`fleet.reports.format.formats`."""
