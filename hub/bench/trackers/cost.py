"""What the trackers cost: a simulated shift of vehicles and workers with their plans, a message at a time.

The messages are decoded and filed as in the hub, in batches of its usual size, and then what the trackers do with each
batch is measured part by part, in CPU time of this process: nothing is stored. Decoding and filing is what it is held
against, and what the hub cannot do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import process_time

import msgspec

from alerts.moment import Gathering
from devices.clock import ClockPolicy
from devices.metrics import Catalogue
from devices.vocabulary import Batch, Frame
from fleet.offset import PlannedOffsets
from fleet.trackers.fold import Fold, Proposal
from fleet.trackers.tracker import State, Tracker
from hub.bench.alerts.city import AlertCity
from hub.fleet.desk import SHOWN_EVERY, records, rows, tracked
from ingest.adapters.mqtt_json import MqttJson
from ingest.filing import Filer
from simulators.scenario import load_scenario

PREFIX = "sanihub"
PARTS = ("decode and file", "offsets", "moments", "fold", "tell")
BATCH = 500


class Cost(msgspec.Struct):
    """CPU of the trackers, µs a message: the least of the rounds for each part. ``ratio``: with them to without."""

    devices: int
    messages: int
    derived: int
    parts_us: dict[str, float]
    without_us: float
    with_us: float
    messages_per_s: float
    ratio: float


class Course:
    """The messages of a city's vehicles and workers in batches, and a hub's trackers to take them."""

    def __init__(self, seed: int, hours: float, vehicles: int, workers: int) -> None:
        size = {"size.vehicles": vehicles, "size.workers": workers, "size.bins": 0, "size.toilets": 0}
        self.city = AlertCity(seed, hours, load_scenario("small", size))
        frames = self.city.frames
        self.batches = [frames[begin : begin + BATCH] for begin in range(0, len(frames), BATCH)]
        self.messages = len(frames)

    def run(self, spend: Callable[[str], None]) -> int:
        """Take every batch once, from nothing; ``spend`` is told the part that is over. How much was derived."""
        fold, offsets, filer = Fold(Tracker(self.city.book)), PlannedOffsets(self.city.book), Filer(ClockPolicy())
        decode, shown, count = MqttJson(PREFIX, Catalogue()), dict[int, int](), 0
        for device in self.city.devices.values():
            fold.admit(device.key, State())
        for frames in self.batches:
            batch = self._filed(frames, decode, filer)
            spend("decode and file")
            batch.readings.extend(offsets.derive(batch.fixes))
            spend("offsets")
            gathered = Gathering()
            gathered.add(batch.readings, batch.fixes, batch.events)
            devices, moments = gathered.devices, tracked(gathered)
            spend("moments")
            proposal = fold.propose(moments, devices)
            fold.accept(proposal)
            spend("fold")
            count += _tell(proposal, fold, {one.key: one.id for one in devices.values()}, shown)
            spend("tell")
        return count

    def _filed(self, frames: Sequence[Frame], decode: MqttJson, filer: Filer) -> Batch:
        batch = Batch()
        for frame in frames:
            decoded = decode(frame)
            for index, uplink in enumerate(decoded.uplinks):
                filer.file(frame, uplink, index, self.city.devices[uplink.identity.value], {}, batch)
        return batch


def _tell(proposal: Proposal, fold: Fold, names: dict[int, str], shown: dict[int, int]) -> int:
    """What the desk makes of a proposal for the store: records, rows, and boards once a minute."""
    readings, events = records(proposal.derived, 0)
    rows(proposal.derived)
    news = {device.key for device, _ in proposal.derived}
    for key, state in proposal.states.items():
        if key in news or state.at - shown.get(key, 0) >= SHOWN_EVERY:
            shown[key] = fold.tracker.live(state, names[key]).at
    return len(readings) + len(events)


class _Clock:
    """CPU seconds by part."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(PARTS, 0.0)
        self._last = process_time()

    def spend(self, part: str) -> None:
        now = process_time()
        self.spent[part] += now - self._last
        self._last = now


def measure(seed: int, hours: float, vehicles: int, workers: int, rounds: int) -> Cost:
    """Run the same messages so many times."""
    course = Course(seed, hours, vehicles, workers)
    spent, derived = zip(*_rounds(course, rounds), strict=True)
    parts = {part: min(one[part] for one in spent) * 1e6 / course.messages for part in PARTS}
    without, whole = parts["decode and file"], sum(parts.values())
    return Cost(
        devices=len(course.city.devices),
        messages=course.messages,
        derived=derived[0],
        parts_us={part: round(value, 2) for part, value in parts.items()},
        without_us=round(without, 2),
        with_us=round(whole, 2),
        messages_per_s=round(1e6 / (whole - without)),
        ratio=round(whole / without, 3),
    )


def _rounds(course: Course, rounds: int) -> Iterator[tuple[dict[str, float], int]]:
    for _ in range(rounds):
        clock = _Clock()
        derived = course.run(clock.spend)
        yield clock.spent, derived
