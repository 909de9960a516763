"""Carrying a plan out: the requests that write, and the data source's own word on whether it works."""

from __future__ import annotations

from collections.abc import Callable

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException

from dashboards.publishing.grafana import GrafanaError, explained
from dashboards.publishing.wanted import Plan, Step

_VERBS = {"create": "creating", "change": "changing"}
_PERMISSIONS = {
    ("data source", "create"): "datasources:create",
    ("data source", "change"): "datasources:write",
    ("folder", "create"): "folders:create",
    ("folder", "change"): "folders:write",
    ("dashboard", "create"): "dashboards:create (of its folder)",
    ("dashboard", "change"): "dashboards:write (of its folder)",
}


def carry_out(api: GrafanaApi, plan: Plan, tell: Callable[[Step], None] = lambda step: None) -> None:
    """Write what differs, in the plan's order; ``tell`` hears of each step that is done.

    Raises GrafanaError, which says how far it came; what was done stays, and the next plan goes on from there.
    """
    for number, step in enumerate(plan.to_do):
        try:
            with explained(f"{_VERBS[step.does]} the {step.what} {step.title!r}", _PERMISSIONS[step.what, step.does]):
                _write(api, step)
        except GrafanaError as error:
            done = f"{number} of {len(plan.to_do)} changes are made and stay"
            raise type(error)(f"{error} ({done}; run it again to complete them)") from None
        tell(step)


def source_fault(api: GrafanaApi, uid: str) -> str | None:
    """What keeps Grafana from the database, by its own health check of the data source; None when it reads it."""
    doing = "asking the data source for its health"
    with explained(doing, "datasources:query"):
        try:
            answer = api.datasource.health(uid)
        except GrafanaException as error:
            # A source that cannot be reached is told as 400 with a status and a message of the plugin.
            if not (isinstance(error.response, dict) and "status" in error.response):
                raise
            answer = error.response
    if not isinstance(answer, dict) or answer.get("status") != "OK":
        message = answer.get("message", answer) if isinstance(answer, dict) else answer
        return " ".join(str(message).split())[:300]
    return None


def _write(api: GrafanaApi, step: Step) -> None:
    match step.what, step.does:
        case "data source", "create":
            api.datasource.create_datasource(step.body)
        case "data source", "change":
            api.datasource.update_datasource_by_uid(step.uid, step.body)
        case "folder", "create":
            api.folder.create_folder(step.title, uid=step.uid)
        case "folder", "change":
            api.folder.update_folder(step.uid, title=step.title, **step.body)
        case _:
            api.dashboard.update_dashboard(step.body)
