"""Spells: when a fault that lasts befalls a device, as a pure function of seed, fault, device and hour."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from simulators.city.chance import stream
from simulators.city.local_time import HOUR
from simulators.city.observation import SECOND
from simulators.truth import Episode, TruthLog

Length = Annotated[float, msgspec.Meta(ge=1, le=3_600)]


class Spell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often and for how long: at most one spell an hour and device, with chance ``per_hour``.

    A spell lasts ``shortest_s`` to ``longest_s`` seconds and lies within its hour (UTC). ``kinds`` are the kinds of
    device that it befalls.
    """

    per_hour: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    shortest_s: Length = 60
    longest_s: Length = 600
    kinds: tuple[str, ...] = ("vehicle", "bin", "toilet", "worker")


Span = tuple[int, int]


class SpellTracker:
    """Says whether a device is in a spell, and keeps the truth of it under ``fault_<name>``."""

    def __init__(self, name: str, spell: Spell, seed: int, truth: TruthLog) -> None:
        self._name, self._spell, self._seed, self._truth = name, spell, seed, truth
        self._spans: dict[str, tuple[int, Span | None]] = {}
        self._open: dict[str, tuple[Span, Episode]] = {}

    def span(self, device_id: str, kind: str, at: int) -> Span | None:
        """The spell (begin, end in µs) that covers ``at`` for this device, or None. Call in the device's order."""
        if self._spell.per_hour == 0 or kind not in self._spell.kinds:
            return None
        hour = at // HOUR
        known = self._spans.get(device_id)
        if known is None or known[0] != hour:
            known = self._spans[device_id] = (hour, self._draw(device_id, hour))
        span = known[1]
        inside = span is not None and span[0] <= at < span[1]
        ongoing = self._open.get(device_id)
        if ongoing is not None and (not inside or ongoing[0] != span):
            del self._open[device_id]
            self._truth.end(ongoing[1], ongoing[0][1])
        if span is None or not inside:
            return None
        if device_id not in self._open:
            self._open[device_id] = span, self._truth.begin(f"fault_{self._name}", device_id, span[0], observations=0)
        self._open[device_id][1].detail["observations"] += 1
        return span

    def note(self, device_id: str, **detail: Any) -> None:
        """Add to the truth of the device's present spell."""
        self._open[device_id][1].detail.update(detail)

    def _draw(self, device_id: str, hour: int) -> Span | None:
        rng = stream(self._seed, "fault", self._name, device_id, hour)
        if rng.random() >= self._spell.per_hour:
            return None
        longest = max(self._spell.shortest_s, self._spell.longest_s)
        length = int(rng.uniform(self._spell.shortest_s, longest) * 1_000) * 1_000
        begin = hour * HOUR + rng.randrange((HOUR - length) // SECOND + 1) * SECOND
        return begin, begin + length
