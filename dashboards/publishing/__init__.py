"""Publishing: data source, folders and boards brought into a running Grafana through its HTTP API.

:func:`plan` only reads, and refuses before anything is written; :func:`carry_out` writes what the plan found to
differ. Whatever is not named here is left alone: nothing is ever deleted, and what somebody else made under one of our
names is an error that names it. A plan that was carried out half is completed by the next one.
"""

from dashboards.publishing.datasource import Source
from dashboards.publishing.grafana import Address, Api, connect
from dashboards.publishing.plan import admitted, plan
from dashboards.publishing.refusals import AwayError, GrafanaError
from dashboards.publishing.wanted import Board, Folder, Plan, Step, Wanted
from dashboards.publishing.writing import carry_out, source_fault

__all__ = [
    "Address",
    "Api",
    "AwayError",
    "Board",
    "Folder",
    "GrafanaError",
    "Plan",
    "Source",
    "Step",
    "Wanted",
    "admitted",
    "carry_out",
    "connect",
    "plan",
    "source_fault",
]
