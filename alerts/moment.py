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

from devices.vocabulary import Device, Event, Fix, Position, Quality, Reading

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


class Gathering:
    """Filed records as they become moments, and the devices that they are of, by key."""

    __slots__ = ("_chosen", "devices", "moments")

    def __init__(self) -> None:
        self.moments: Moments = {}
        self.devices: dict[int, Device] = {}
        self._chosen: dict[tuple[int, int], Fix] = {}

    def add(self, readings: Iterable[Reading], fixes: Iterable[Fix], events: Iterable[Event]) -> None:
        """Take in records: those of a batch, and then what was derived of them."""
        last_device, last_at = None, -1
        told: dict[str, float] = {}
        for reading in readings:
            if reading.quality and reading.quality & Quality.UNCERTAIN:
                continue
            device, at = reading.device, reading.observed_at
            if device is not last_device or at != last_at:  # those of a message come one after the other
                told = self._moment(device, at).readings
                last_device, last_at = device, at
            metric, value = reading.metric, reading.value
            known = told.get(metric)
            if known is None or value > known:
                told[metric] = value
        for fix in fixes:
            if fix.position.valid:
                self._place(fix)
        for event in events:
            if event.kind in CONNECTION:
                continue
            moment = self._moment(event.device, event.observed_at)
            item = (event.kind, event.attributes)
            if item not in moment.events:
                moment.events = tuple(sorted((*moment.events, item), key=_event_key))

    def _place(self, fix: Fix) -> None:
        place = fix.device.key, fix.observed_at
        other = self._chosen.get(place)
        if other is None or _rank(fix) > _rank(other):
            self._chosen[place] = fix
            self._moment(fix.device, fix.observed_at).position = fix.position

    def _moment(self, device: Device, at: int) -> Moment:
        of_device = self.moments.get(device.key)
        if of_device is None:
            self.devices[device.key] = device
            moment = Moment(at, {})
            self.moments[device.key] = {at: moment}
            return moment
        known = of_device.get(at)
        if known is None:
            known = of_device[at] = Moment(at, {})
        return known


def gather(readings: Iterable[Reading], fixes: Iterable[Fix], events: Iterable[Event]) -> Moments:
    """The moments of filed records."""
    gathering = Gathering()
    gathering.add(readings, fixes, events)
    return gathering.moments


def adds_nothing(known: Moment, again: Moment) -> bool:
    """Whether all that is said of an instant was known: it was delivered twice."""
    readings = known.readings
    return (
        all(value <= readings.get(metric, -inf) for metric, value in again.readings.items())
        and (again.position is None or again.position == known.position)
        and all(event in known.events for event in again.events)
    )


def _rank(fix: Fix) -> tuple[int, str]:
    """The order among positions of one instant; the text of the content settles what numbers do not."""
    return (-(2**63) if fix.seq is None else fix.seq, repr(fix.position))


def _event_key(item: tuple[str, Mapping[str, Any]]) -> tuple[str, bytes]:
    return item[0], msgspec.json.encode(item[1], order="sorted")
