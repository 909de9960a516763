"""Who is told of a notice, and when: routes lead to channels, and each channel has its habits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from fnmatch import fnmatchcase

import msgspec

from alerts.notices.hours import Hours
from alerts.notices.notice import Notice


class Route(msgspec.Struct, frozen=True):
    """Leads notices to ``channels``: those that are in each of the lists that is not empty.

    ``rules`` are patterns as of file names (``bin_*``). ``hours`` are compared with the instant at which the notice was
    entered, so that a hub that was down meanwhile tells the same people.
    """

    channels: tuple[str, ...]
    severities: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    device_kinds: frozenset[str] = frozenset()
    rules: tuple[str, ...] = ()
    actions: frozenset[str] = frozenset()
    hours: Hours | None = None

    def takes(self, notice: Notice, zone: tzinfo) -> bool:
        """Whether the notice goes this way."""
        content = notice.content
        return (
            (not self.severities or content.severity in self.severities)
            and (not self.areas or content.device.area in self.areas)
            and (not self.device_kinds or content.device.kind in self.device_kinds)
            and (not self.rules or any(fnmatchcase(content.rule, pattern) for pattern in self.rules))
            and (not self.actions or notice.action in self.actions)
            and (self.hours is None or self.hours.hold(notice.entered_at, zone))
        )


class Habits(msgspec.Struct, frozen=True):
    """When a channel may be used.

    In ``quiet`` hours only what is critical goes out; the rest waits for their end and goes out together. With
    ``digest_us`` what is not critical is gathered for so long and goes out together.
    ``per_minute`` bounds the messages of a minute; what is beyond goes out together with the last of them.
    ``bundles`` is False for channels that cannot carry several notices in a message; they hold back instead.
    """

    quiet: Hours | None = None
    digest_us: int = 0
    per_minute: int | None = None
    bundles: bool = True


class Planned(msgspec.Struct, frozen=True):
    """A delivery: to which channel, not before when (µs), with which digest, and whether it waits for nothing."""

    channel: str
    not_before: int
    digest: str | None = None
    urgent: bool = False


def plan(
    notice: Notice, routes: Sequence[Route], habits: Mapping[str, Habits], zone: tzinfo, now: int
) -> list[Planned]:
    """The deliveries of a notice: one for each channel that any route leads it to, in the order of the routes."""
    ways = (route.channels for route in routes if route.takes(notice, zone))
    channels = dict.fromkeys(channel for way in ways for channel in way)
    return [_planned(channel, habits[channel], notice, zone, now) for channel in channels if channel in habits]


def _planned(channel: str, habits: Habits, notice: Notice, zone: tzinfo, now: int) -> Planned:
    if notice.content.severity == "critical":
        return Planned(channel, now, urgent=True)
    due, digest = now, None
    if habits.digest_us and habits.bundles:
        due = (now // habits.digest_us + 1) * habits.digest_us
        digest = "digest"
    if habits.quiet is not None and (end := habits.quiet.end_after(due, zone)) is not None:
        due = end
        digest = "quiet" if habits.bundles else None
    return Planned(channel, due, digest)
