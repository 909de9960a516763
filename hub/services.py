"""What the API works with, made of a hub: readers and keepers over its pool, and the parts of it that answer."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from api.ports.posting import PostLimits
from api.ports.services import Services
from hub.areas import Areas
from hub.fleet.evaluating import Evaluating
from hub.incidents.wiring import make_incident_desk
from hub.influx.wiring import history
from hub.orders.wiring import make_order_desk
from hub.probe import Probe
from hub.reporting.sources.plans import Rounds
from store.access.api_keys import ApiKeys
from store.access.people import People
from store.access.sessions import SessionTable
from store.fleet.entry import FleetEntry
from store.readers.devices import Readers
from store.reading import Pool, ReadSession
from store.telemetry.device_entry import DeviceEntry
from store.writing import WriteSession

if TYPE_CHECKING:
    from hub.bootstrap import Hub


def make_services(hub: Hub, pool: Pool) -> Services:
    """The services of a running hub; what they read and write goes through ``pool``."""
    readers, writes, settings = Readers.over(pool), WriteSession(pool), hub.settings
    areas = Areas(ReadSession(pool))
    probe, keys = Probe(hub, time_ns() // 1_000), ApiKeys(writes)
    return Services(
        devices=readers.devices,
        telemetry=history(settings.influx, readers.telemetry),
        dead_letters=readers.dead_letters,
        store=readers.status,
        keys=keys,
        audit=readers.audit,
        uplinks=hub.uplinks,
        commands=hub.commanding,
        alerts=readers.alerts,
        alert_handling=hub.alerting.actions,
        rules=hub.alerting.rule_sets,
        fleet=readers.fleet,
        trips=readers.trips,
        emptyings=readers.bins,
        outlook=hub.outlook,
        fleet_keeper=FleetEntry(writes),
        planning=hub.planning,
        city=hub.live_store,
        probe=probe,
        people=People(writes),
        sessions=SessionTable(writes),
        key_keeper=keys,
        registry=DeviceEntry(writes),
        areas=areas,
        access=settings.api.policy(),
        reports=hub.reports,
        incidents=make_incident_desk(settings.incidents, pool, areas, hub.courier),
        order_desk=make_order_desk(settings.orders, pool, hub.following),
        evaluation=Evaluating(pool, judge=Rounds(pool)),
        limits=_limits(hub),
        board=settings.api.board.settings(),
        metrics=probe.families,
        catalogue=hub.catalogue,
    )


def _limits(hub: Hub) -> PostLimits:
    return PostLimits(
        body_bytes=hub.settings.intake.max_payload_bytes,
        body_within_s=hub.http.body_within_s,
        waiting=hub.http.max_waiting,
        waiting_per_key=hub.http.max_waiting_per_key,
        posts_per_s=hub.http.max_posts_per_s,
    )
