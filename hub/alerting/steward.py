"""The steward: what becomes of alerts by the clock, without telemetry.

What nobody acknowledges is escalated, what was snoozed rings again, a storm is told once it has gathered, and what was
held back rings when it is calm. Several hubs may do it on one store: each of these happens once.
"""

from __future__ import annotations

import asyncio

import structlog

from devices.errors import TransientError
from hub.alerting.settings import AlertsSection
from ingest.runner import Condition, pause, persist
from store.alerts.actions import AlertActions

log = structlog.get_logger("hub.alerts")

EVERY_S = 1.0
MOST = 1_000  #: alerts at a time, so that no transaction is long


class Steward:
    """Works until it is stopped."""

    def __init__(self, actions: AlertActions, section: AlertsSection) -> None:
        self._actions = actions
        self._section = section

    async def run(self, stop: asyncio.Event) -> None:
        """Look every second, until ``stop`` is set."""
        condition = Condition("alert steward")
        while not stop.is_set():
            try:
                done = await persist(self.step, condition, stop)
            except TransientError:  # only while stopping
                return
            if done < MOST:
                await pause(stop, EVERY_S)

    async def step(self) -> int:
        """Do what is due now; how many notifications came of it. Raises TransientError."""
        section, actions = self._section, self._actions
        counts = {
            "storms": await actions.tell_storms(MOST),
            "released": await actions.release(section.flapping_within_s, section.storm_release_s, MOST),
            "awake": await actions.wake(MOST),
            "escalated": 0,
        }
        for severity, steps in section.escalate_after_s.items():
            if steps:
                counts["escalated"] += await actions.escalate(list(steps), [severity], MOST)
        if any(counts.values()):
            log.info("alerts_tended", **counts)
        return sum(counts.values())
