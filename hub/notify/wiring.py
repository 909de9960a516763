"""From settings to a sender."""

from __future__ import annotations

from collections.abc import Mapping

from hub.notify.channel import ChannelSection, Surroundings, kinds
from hub.notify.sender import Line, Pace, Sender
from hub.notify.settings import NotifySection
from ingest.transports.mqtt.broker import Broker
from store.alerts.outbox import Outbox


def make_sender(section: NotifySection, dsn: str, brokers: Mapping[str, Broker], pace: Pace | None = None) -> Sender:
    """The sender of these settings on the store at ``dsn``; ``brokers`` by the names of their connections.

    ``pace`` takes the place of that of the settings. Raises ConfigError for a channel that cannot be.
    """
    lines = [make_line(channel, section, brokers) for channel in section.channels]
    pace = pace or Pace(give_up_after_s=section.give_up_after_h * 3_600, keep_days=section.keep_days)
    return Sender(Outbox(dsn), lines, [route.route() for route in section.routes], section.zone, pace)


def make_line(channel: ChannelSection, section: NotifySection, brokers: Mapping[str, Broker]) -> Line:
    """One channel, ready for work. Raises ConfigError."""
    kind = kinds()[channel.kind]  # type: ignore[attr-defined]  # each kind's section has it
    around = Surroundings(section.targets(), brokers, section.zone)
    habits = channel.habits(bundles=kind.bundles)
    made = kind.connect(channel, around)
    return Line(channel.name, made, habits, parallel=channel.parallel, timeout_s=channel.timeout_s)
