"""The alert engine's life within a hub: its rules, its tracks at the start, its timers and its repairs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from itertools import islice

import structlog

from alerts.engine import Engine
from alerts.records import EnteredSet
from alerts.rule_file import RuleFileError, read_rules
from alerts.rulebook import Rulebook, RuleSet
from devices.errors import TransientError
from devices.metrics import Catalogue
from devices.registry import Registry
from hub.alerting.desk import AlertDesk
from hub.alerting.repair import Repairer, keep_time
from hub.alerting.settings import AlertsSection
from hub.alerting.steps import Steps
from hub.alerting.steward import Steward
from ingest.runner import Condition, pause, persist
from store.alerts.actions import AlertActions
from store.alerts.history import AlertHistory
from store.alerts.rule_sets import RuleSets
from store.telemetry.writer import PostgresStore

log = structlog.get_logger("hub.alerts")

FOLLOW_S = 2.0  #: between two looks at the rules, which the API or another hub may have changed
AT_ONCE = 200  #: devices whose tracks are brought in one turn


class Alerting:
    """The desk of the pipeline, and everything that works behind it."""

    def __init__(
        self,
        store: PostgresStore,
        history: AlertHistory,
        rule_sets: RuleSets,
        registry: Registry,
        catalogue: Catalogue,
        actions: AlertActions,
        section: AlertsSection | None = None,
    ) -> None:
        section = section or AlertsSection()
        self.rule_sets = rule_sets
        self.desk = AlertDesk(
            store, history, Engine(Rulebook((RuleSet(0, 0, ()),))), catalogue, section.ringing(), steps=Steps().taken
        )
        self.actions = actions
        self.steward = Steward(actions, section)
        self.repairer = Repairer(self.desk, registry.by_key)
        self._history = history
        self._registry = registry

    async def open(self) -> None:
        """Read the rules; where there are none yet, those that come along are entered. Raises TransientError."""
        sets = await self.rule_sets.all()
        if not sets:
            await self.rule_sets.enter_first(default_text(), "hub", "the rules that come along")
            sets = await self.rule_sets.all()
        self._take(sets)

    async def run(self, stop: asyncio.Event) -> None:
        """Bring the tracks of all devices, then keep time, repair, and follow the rules, until ``stop`` is set."""
        try:
            await persist(self._bring_all, Condition("alert tracks"), stop)
        except TransientError:  # only while stopping
            return
        work = (keep_time(self.desk, stop), self.repairer.run(stop), self.steward.run(stop), self._follow(stop))
        await asyncio.gather(*work)

    async def _bring_all(self) -> None:
        """The tracks of all devices that were ever heard, so that those which are silent now are noticed too."""
        engine = self.desk.engine
        keys = iter(await self._history.heard())
        while some := list(islice(keys, AT_ONCE)):
            devices = {key: device for key in some if (device := self._registry.by_key(key)) is not None}
            async with self.desk.turn:
                await self.desk.load({key: devices[key] for key in engine.unknown(devices)})

    async def _follow(self, stop: asyncio.Event) -> None:
        condition = Condition("alert rules")
        while not stop.is_set():
            await pause(stop, FOLLOW_S)
            try:
                sets = await persist(self.rule_sets.all, condition, stop)
            except TransientError:
                return
            if sets[-1].version != self.desk.engine.book.current.version:
                async with self.desk.turn:
                    self._take(sets)

    def _take(self, sets: Sequence[EnteredSet]) -> None:
        """Go over to these rules. One that this version of the hub no longer understands is left out, loudly."""
        understood = []
        for one in sets:
            try:
                understood.append(RuleSet(one.version, one.since, read_rules(one.text, f"rules {one.version}")))
            except RuleFileError as error:
                log.warning("alert_rules_not_understood", version=one.version, error=str(error))
        if not understood:
            understood = [RuleSet(0, 0, read_rules(default_text(), "default_rules.yaml"))]
        self.desk.engine.book = Rulebook(understood)
        current = self.desk.engine.book.current
        log.info("alert_rules", version=current.version, rules=len(current.rules))


def default_text() -> str:
    """The rules that come along, as YAML."""
    return (files("alerts") / "default_rules.yaml").read_text("utf-8")
