"""Where the pieces of reports come from, a file for each; found by :func:`hub.reporting.source.sources`."""
