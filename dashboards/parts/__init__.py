"""What boards are made of: words, colours by meaning, queries, panels, variables and the grid."""

import warnings

# The SDK would rather have dashboards of its second schema, which only the newest Grafanas read (ADR 0036). It warns
# when its modules are imported, so that is done here, before anybody else does.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.geomap  # noqa: F401
