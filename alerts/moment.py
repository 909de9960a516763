"""Moments: everything that one device said of one instant, whoever carried it and in whichever order it came.

Rules are stepped over moments in the order of their instants. A moment is made of *stored* records only by what they
say, so that any order, repetition or batching of deliveries makes the same moments: of several values of one metric the
greatest counts, of several positions the one with the greatest ``seq``, as for the latest state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import msgspec

from devices.vocabulary import Event, Fix, Position, Quality, Reading

CONNECTION = frozenset(("online", "offline"))
"""Events that tell of a connection. They are the broker's word and in its time, and nothing that the device said: a
last will would otherwise end the silence that it announces, and move a device on whose clock is slow."""


class Moment(msgspec.Struct, gc=False):
    """One instant (µs) of one device. ``events`` are (kind, attributes), sorted.

    Readings that the source itself doubts, positions that the receiver calls invalid, and the coming and going of
    connections are left out.
    """

    at: int
    readings: dict[str, float] = {}
    position: Position | None = None
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()


Moments = dict[int, dict[int, Moment]]
"""Moments by device key and instant."""


def gather(readings: Iterable[Reading], fixes: Iterable[Fix], events: Iterable[Event]) -> Moments:
    """The moments of filed records."""
    found: Moments = {}
    last_key = last_at = -1
    told: dict[str, float] = {}
    for reading in readings:
        if reading.quality and reading.quality & Quality.UNCERTAIN:
            continue
        key, at = reading.device.key, reading.observed_at
        if key != last_key or at != last_at:  # those of a message come one after the other
            told = _moment(found, key, at).readings
            last_key, last_at = key, at
        known = told.get(reading.metric)
        if known is None or reading.value > known:
            told[reading.metric] = reading.value
    chosen: dict[tuple[int, int], Fix] = {}
    for fix in fixes:
        if not fix.position.valid:
            continue
        place = fix.device.key, fix.observed_at
        other = chosen.get(place)
        if other is None or _rank(fix) > _rank(other):
            chosen[place] = fix
            _moment(found, *place).position = fix.position
    for event in events:
        if event.kind in CONNECTION:
            continue
        moment = _moment(found, event.device.key, event.observed_at)
        item = (event.kind, event.attributes)
        if item not in moment.events:
            moment.events = tuple(sorted((*moment.events, item), key=_event_key))
    return found


def adds_nothing(known: Moment, again: Moment) -> bool:
    """Whether all that is said of an instant was known: it was delivered twice."""
    readings = known.readings
    return (
        all(value <= readings.get(metric, -inf) for metric, value in again.readings.items())
        and (again.position is None or again.position == known.position)
        and all(event in known.events for event in again.events)
    )


def _moment(found: Moments, key: int, at: int) -> Moment:
    of_device = found.get(key)
    if of_device is None:
        of_device = found[key] = {}
    moment = of_device.get(at)
    if moment is None:
        moment = of_device[at] = Moment(at, {})
    return moment


def _rank(fix: Fix) -> tuple[int, str]:
    """The order among positions of one instant; the text of the content settles what numbers do not."""
    return (-(2**63) if fix.seq is None else fix.seq, repr(fix.position))


def _event_key(item: tuple[str, Mapping[str, Any]]) -> tuple[str, bytes]:
    return item[0], msgspec.json.encode(item[1], order="sorted")
