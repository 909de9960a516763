"""Carrying a plan out: the requests that write, and the data source's own word on whether it works."""

from __future__ import annotations

from collections.abc import Callable

from dashboards.publishing.grafana import Api
from dashboards.publishing.refusals import GrafanaError
from dashboards.publishing.wanted import Plan, Step


def carry_out(api: Api, plan: Plan, tell: Callable[[Step], None] = lambda step: None) -> None:
    """Write what differs, in the plan's order; ``tell`` hears of each step that is done.

    Raises GrafanaError, which says how far it came; what was done stays, and the next plan goes on from there.
    """
    for number, step in enumerate(plan.to_do):
        try:
            _write(api, step)
        except GrafanaError as error:
            done = f"{number} of {len(plan.to_do)} changes are made and stay"
            raise type(error)(f"{error} ({done}; run it again to complete them)") from None
        tell(step)


def source_fault(api: Api, uid: str) -> str | None:
    """What keeps Grafana from the database, by its own health check of the data source; None when it reads it."""
    answer = api.source_health(uid)
    if answer.get("status") == "OK":
        return None
    return " ".join(str(answer.get("message", answer)).split())[:300]


def _write(api: Api, step: Step) -> None:
    match step.what, step.does:
        case "data source", "create":
            api.create_source(step.body)
        case "data source", "change":
            api.change_source(step.uid, step.body)
        case "folder", "create":
            api.create_folder(step.uid, step.title)
        case "folder", "change":
            api.change_folder(step.uid, step.title, step.body)
        case _:
            api.save_board(step.body, step.title, new=step.does == "create")
