"""How the hub is doing, in one answer for boards."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from alerts.records import AlertCount
from api.instants import SECOND
from api.models.status import (
    AlertsOpenBody,
    ConnectionBody,
    DevicesBody,
    EndpointBody,
    KindBody,
    ProtocolBody,
    RowsBody,
    StatusBody,
    StoreBody,
)
from api.ports.probe import About
from api.wiring import Wired
from devices.errors import TransientError
from devices.read_models import StoreFigures

REPORTING_WINDOW_S = 15 * 60

router = APIRouter(tags=["Hub"])


@router.get("/status", summary="How the hub is doing")
async def get_status(wired: Wired) -> StatusBody:
    """Counts, rates' counters, health and versions.

    While the store is away this still answers, with `store.reachable` false and its figures null: a board has to be
    able to say so.
    """
    now = wired.clock()
    about = wired.probe.about()
    figures, alerts, detail = None, None, None
    try:
        alerts = await wired.alerts.counts()
        figures = await wired.store.figures(reporting_since=now - REPORTING_WINDOW_S * SECOND)
    except TransientError as error:
        detail = str(error)
    return StatusBody(
        as_of=now,
        version=about.version,
        started_at=about.started_at,
        uptime_s=max(0, now - about.started_at) // 1_000 / 1_000,
        data_dir=about.data_dir,
        endpoints=[EndpointBody.model_validate(item) for item in about.endpoints],
        devices=None if figures is None else _devices(figures),
        dead_letters_open=None if figures is None else figures.dead_letters_open,
        alerts_open=None if figures is None or alerts is None else _alerts(alerts),
        pipeline=dict(wired.probe.counters()),
        store=_store(about, figures, detail),
        connections=[ConnectionBody.model_validate(item) for item in wired.probe.connections()],
    )


def _alerts(counts: Mapping[str, AlertCount]) -> AlertsOpenBody:
    by_severity = {name: counts[name].open if name in counts else 0 for name in ("critical", "warning", "info")}
    new = sum(count.unacknowledged for count in counts.values())
    return AlertsOpenBody(total=sum(by_severity.values()), unacknowledged=new, **by_severity)


def _devices(figures: StoreFigures) -> DevicesBody:
    return DevicesBody(
        total=sum(kind.devices for kind in figures.kinds),
        reporting=sum(kind.reporting for kind in figures.kinds),
        reporting_window_s=REPORTING_WINDOW_S,
        newest_received_at=figures.newest_received_at,
        by_kind=[KindBody.model_validate(kind) for kind in figures.kinds],
        by_protocol=[ProtocolBody.model_validate(protocol) for protocol in figures.protocols],
    )


def _store(about: About, figures: StoreFigures | None, detail: str | None) -> StoreBody:
    if figures is None:
        return StoreBody(reachable=False, mode=about.store_mode, capability=about.store_capability, detail=detail)
    readings, fixes, events = figures.readings_rows, figures.fixes_rows, figures.events_rows
    return StoreBody(
        reachable=True,
        mode=about.store_mode,
        capability=about.store_capability,
        server_version=figures.server_version,
        timescaledb_version=figures.timescaledb_version,
        rows=RowsBody(readings=readings, fixes=fixes, events=events, total=readings + fixes + events),
    )
