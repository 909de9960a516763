"""Faults on demand: a seeded transformer of the stream of observations, each fault with its record of the truth.

A fault depends on the seed, the device and its instants, and on nothing else: the same run has the same faults, however
it is cut into steps, and one more device changes nothing for the others. Only ``silence`` removes observations; only
``duplicates`` and ``garbage`` add messages (marked as copies, or without observations), and ``silence`` and
``backfill`` the sign that a device is offline; ``skew``, ``tunnel``,
``jitter`` and ``stuck`` change observations; ``reorder`` and ``backfill`` change when and in which piece they leave.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random
from typing import Annotated, Any

import msgspec

from simulators.city.chance import stream
from simulators.city.observation import SECOND, Observation
from simulators.city.plane import METRES_PER_DEGREE_LAT, METRES_PER_DEGREE_LON
from simulators.city.settings import Share
from simulators.fault_spells import Spell, SpellTracker
from simulators.message import LONGEST_ARRAY, Message
from simulators.truth import TruthLog

Delay = Annotated[float, msgspec.Meta(gt=0, le=3_600)]
Skew = Annotated[float, msgspec.Meta(gt=0, le=10_000_000)]
Metres = Annotated[float, msgspec.Meta(gt=0, le=100_000)]


class Delayed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of messages, and the greatest delay in seconds: of the copy, or of the message that is overtaken."""

    share: Share = 0.0
    longest_s: Delay = 20


class ClockSkew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of *devices* whose clock is off, fast or slow, by up to ``greatest_s`` seconds for good."""

    share: Share = 0.0
    greatest_s: Skew = 600


class FaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which faults befall the stream. The default is none.

    ``silence``: reports are lost. ``backfill``: reports are held during the spell and come as arrays after it.
    ``tunnel``: no valid fix, the last position is repeated. ``jitter``: fixes off by up to ``jitter_m``. ``stuck``:
    one metric keeps its value. ``garbage``: a share of messages is followed by senseless bytes.
    """

    silence: Spell = Spell()
    backfill: Spell = Spell()
    tunnel: Spell = Spell()
    jitter: Spell = Spell()
    jitter_m: Metres = 250
    stuck: Spell = Spell()
    duplicates: Delayed = Delayed()
    reorder: Delayed = Delayed()
    skew: ClockSkew = ClockSkew()
    garbage: Share = 0.0


class FaultLine:
    """The transformer. Feed it observations in order of time; messages come out in order of their sending.

    ``clockless`` devices have no clock that could be wrong. A device that is silent, or holds its reports back, is
    ``offline`` first: a message without observations says so.
    """

    def __init__(
        self, settings: FaultSettings, seed: int, truth: TruthLog, clockless: frozenset[str] = frozenset()
    ) -> None:
        self._settings, self._seed, self._truth, self._clockless = settings, seed, truth, clockless
        self._idle = settings == FaultSettings()
        self._spells = {
            name: SpellTracker(name, getattr(settings, name), seed, truth)
            for name in ("silence", "backfill", "tunnel", "jitter", "stuck")
        }
        self._streams: dict[str, Random] = {}
        self._offsets: dict[str, int] = {}
        self._held: dict[str, list[Observation]] = {}
        self._offline: set[str] = set()
        self._stuck: dict[str, tuple[int, str, float]] = {}
        self._tunnel: dict[str, tuple[int, dict[str, Any]]] = {}
        self._queue: list[tuple[int, int, Message]] = []
        self._count = 0

    def feed(self, observation: Observation) -> Iterator[Message]:
        """Take an observation; yields the messages that leave up to its instant."""
        at = observation.observed_at
        if self._idle:
            yield Message(observation.device_id, at, (observation,))
            return
        self._take(observation)
        yield from self.release(at)

    def release(self, until: int) -> Iterator[Message]:
        """The messages whose time has come by ``until`` (µs)."""
        while self._queue and self._queue[0][0] <= until:
            yield heapq.heappop(self._queue)[2]

    def flush(self) -> Iterator[Message]:
        """Everything that is still held back or delayed: the run is over."""
        for device_id, held in self._held.items():
            self._send_held(device_id, held, held[-1].observed_at)
        self._held.clear()
        while self._queue:
            yield heapq.heappop(self._queue)[2]

    def _take(self, observation: Observation) -> None:
        device_id, kind, at = observation.device_id, observation.kind, observation.observed_at
        if self._spells["silence"].span(device_id, kind, at) is not None:
            self._fall_silent(device_id, at)
            return
        rng = self._streams.get(device_id)
        if rng is None:
            rng = self._streams[device_id] = stream(self._seed, "fault", device_id)
        changed = self._altered(observation, rng)
        if self._spells["backfill"].span(device_id, kind, at) is not None:
            self._fall_silent(device_id, at)
            self._held.setdefault(device_id, []).append(changed)
            return
        self._offline.discard(device_id)
        held = self._held.pop(device_id, None)
        if held is not None:
            self._send_held(device_id, held, at)
        self._send(changed, at, rng)

    def _fall_silent(self, device_id: str, at: int) -> None:
        if device_id not in self._offline:
            self._offline.add(device_id)
            self._put(Message(device_id, at, offline=True))

    def _altered(self, observation: Observation, rng: Random) -> Observation:
        readings = self._with_stuck(observation, rng)
        fix = self._with_tunnel(observation, self._with_jitter(observation, rng))
        offset = self._offset(observation)
        return Observation(
            observation.device_id,
            observation.kind,
            observation.seq,
            observation.observed_at + offset,
            readings,
            fix,
            observation.events,
        )

    def _with_stuck(self, observation: Observation, rng: Random) -> dict[str, float]:
        device_id = observation.device_id
        span = self._spells["stuck"].span(device_id, observation.kind, observation.observed_at)
        if span is None:
            return observation.readings
        known = self._stuck.get(device_id)
        if known is None or known[0] != span[0]:
            metric = rng.choice(sorted(observation.readings))
            known = self._stuck[device_id] = (span[0], metric, observation.readings[metric])
            self._spells["stuck"].note(device_id, metric=metric, value=known[2])
        if known[1] not in observation.readings:
            return observation.readings
        return {**observation.readings, known[1]: known[2]}

    def _with_jitter(self, observation: Observation, rng: Random) -> dict[str, Any] | None:
        fix = observation.fix
        span = self._spells["jitter"].span(observation.device_id, observation.kind, observation.observed_at)
        if span is None or fix is None:
            return fix
        east, north = (rng.uniform(-1, 1) * self._settings.jitter_m for _ in range(2))
        lat = round(fix["lat"] + north / METRES_PER_DEGREE_LAT, 7)
        return {**fix, "lat": lat, "lon": round(fix["lon"] + east / METRES_PER_DEGREE_LON, 7), "hdop": 6.5}

    def _with_tunnel(self, observation: Observation, fix: dict[str, Any] | None) -> dict[str, Any] | None:
        span = self._spells["tunnel"].span(observation.device_id, observation.kind, observation.observed_at)
        if span is None or fix is None:
            return fix
        known = self._tunnel.get(observation.device_id)
        if known is None or known[0] != span[0]:
            known = self._tunnel[observation.device_id] = (span[0], fix)
        return {**known[1], "satellites": 0, "hdop": 99.9, "valid": False}

    def _offset(self, observation: Observation) -> int:
        """How far the device's clock is off (µs): drawn once, from the device alone."""
        device_id = observation.device_id
        offset = self._offsets.get(device_id)
        if offset is None:
            rng, skew = stream(self._seed, "fault", "skew", device_id), self._settings.skew
            offset = 0
            if device_id not in self._clockless and rng.random() < skew.share:
                offset = int(rng.uniform(-skew.greatest_s, skew.greatest_s) * 1_000) * 1_000
                self._truth.point("fault_skew", device_id, observation.observed_at, offset_us=offset)
            self._offsets[device_id] = offset
        return offset

    def _send(self, observation: Observation, at: int, rng: Random) -> None:
        device_id, settings = observation.device_id, self._settings
        leaves = at
        if rng.random() < settings.reorder.share:
            leaves = at + _delay(rng, settings.reorder)
            self._truth.point("fault_reorder", device_id, at, seq=observation.seq, delay_us=leaves - at)
        self._put(Message(device_id, leaves, (observation,)))
        if rng.random() < settings.duplicates.share:
            again = leaves + _delay(rng, settings.duplicates)
            self._truth.point("fault_duplicate", device_id, at, seq=observation.seq, delay_us=again - leaves)
            self._put(Message(device_id, again, (observation,), copy=True))
        if rng.random() < settings.garbage:
            raw = rng.choice((b'{"ts":"20', b"[1,2", b"\xff\xfe", b"")) + rng.randbytes(rng.randrange(1, 60))
            self._truth.point("fault_garbage", device_id, leaves, length=len(raw))
            self._put(Message(device_id, leaves, raw=raw))

    def _send_held(self, device_id: str, held: list[Observation], at: int) -> None:
        for begin in range(0, len(held), LONGEST_ARRAY):
            self._put(Message(device_id, at, tuple(held[begin : begin + LONGEST_ARRAY])))

    def _put(self, message: Message) -> None:
        self._count += 1
        heapq.heappush(self._queue, (message.sent_at, self._count, message))


def _delay(rng: Random, delayed: Delayed) -> int:
    return int(rng.uniform(0.001, delayed.longest_s) * 1_000) * 1_000 + SECOND // 1_000
