"""From settings to the alert engine."""

from __future__ import annotations

from devices.metrics import Catalogue
from devices.registry import Registry
from hub.alerting.service import Alerting
from hub.settings.settings import Settings
from store.alerts.actions import AlertActions
from store.alerts.history import AlertHistory
from store.alerts.rule_sets import RuleSets
from store.reading import Pool, ReadSession
from store.telemetry.writer import PostgresStore
from store.writing import WriteSession


def make_alerting(
    settings: Settings, store: PostgresStore, pool: Pool, registry: Registry, catalogue: Catalogue
) -> Alerting:
    """The alert engine over a store; it reads through ``pool``."""
    reads, writes = ReadSession(pool, statement_timeout_s=60.0), WriteSession(pool)
    history, rule_sets, actions = AlertHistory(reads), RuleSets(reads, writes), AlertActions(writes)
    return Alerting(store, history, rule_sets, registry, catalogue, actions, settings.alerts)
