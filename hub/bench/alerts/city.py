"""A simulated city with faults, for scoring alerts: what its devices send, and what really happened.

Nothing is sent. The messages are those that the city's speakers would publish as JSON over MQTT, with the instants at
which they would arrive; the truth is the simulator's own.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from functools import cached_property

import msgspec

from alerts.sight import Happening, Reports, Sight
from devices.vocabulary import Device, Frame
from fleet.calendar import local_date
from fleet.offset import PlannedOffsets
from fleet.trackers.book import TaskBook
from hub.city_master import master_of
from hub.fleet.plan_source import tasks
from ingest.adapters.mqtt_json import NAME
from simulators.city import City, registry
from simulators.city.local_time import ZONE
from simulators.faults import FaultLine
from simulators.message import Message
from simulators.scenario import Scenario, load_scenario
from simulators.speakers.native_json import Encoder
from simulators.truth import Record, TruthLog

HOUR = 3_600_000_000
START_US = 1_780_243_200_000_000  #: 2026-06-01, a Monday, at midnight in Shanghai
ON = {"vehicle": "ignition", "worker": "on_duty"}

FAULTY = load_scenario(
    "faulty",
    {
        # Long enough for the patience of every rule, and more of what is rare.
        "faults.silence.per_hour": 0.08,
        "faults.silence.longest_s": 3_600,
        "incidents.fire": 0.002,
        "incidents.water_leak": 0.03,
        "incidents.odour": 0.04,
        "incidents.sos": 0.02,
        # Attendance is scored by its own bench.
        "incidents.late": 0,
        "incidents.early": 0,
        "incidents.absent": 0,
    },
)


class AlertCity:
    """One seed of the scenario over so many hours. ``frames`` are in the order in which they arrive."""

    def __init__(self, seed: int, hours: float, scenario: Scenario = FAULTY) -> None:
        self.seed, self.begin, self.end = seed, START_US, START_US + int(hours * HOUR)
        self.records: list[Record] = []
        self.reports: dict[str, Reports] = defaultdict(lambda: Reports([], []))
        self.frames: list[Frame] = []
        lines: list[bytes] = []
        truth = TruthLog(lines.append)
        self.city = City(
            seed, self.begin, scenario.size, intervals=scenario.intervals, incidents=scenario.incidents, truth=truth
        )
        encoder, line = Encoder(), FaultLine(scenario.faults, seed, truth)
        for observation in self.city.advance(self.end):
            for message in line.feed(observation):
                self._take(message, encoder)
        for message in line.flush():
            self._take(message, encoder)
        truth.footer({})
        read = msgspec.json.Decoder(Record, strict=False).decode
        self.records = [read(one) for one in lines[:-1]]

    @cached_property
    def devices(self) -> dict[str, Device]:
        """The devices as an operator would enter them, by id."""
        return {
            entry["id"]: Device(key, entry["id"], entry["kind"], attributes=entry["attributes"])
            for key, entry in enumerate(registry.devices(self.city), 1)
        }

    @cached_property
    def book(self) -> TaskBook:
        """What is planned for vehicles and workers; the day before goes on after midnight."""
        first, last = (local_date(at, ZONE) for at in (self.begin - 24 * HOUR, self.end))
        master = master_of(self.city, (first + timedelta(days=day) for day in range((last - first).days + 1)))
        book = TaskBook()
        book.settle(master.places)
        planned = [(device, task) for device, own in tasks(master).items() for task in own]
        book.enter(planned, self.begin - 24 * HOUR, self.end)
        return book

    @cached_property
    def tracker(self) -> PlannedOffsets:
        """How far vehicles and workers are from what is planned for them."""
        return PlannedOffsets(self.book)

    @cached_property
    def sight(self) -> Sight:
        """The truth, and what could be seen of it."""
        happened = [
            Happening(one.kind, one.device_id, one.start_us, one.end_us, one.detail | {"open": one.open})
            for one in self.records
        ]
        clock = {one.device_id: one.detail["offset_us"] for one in self.records if one.kind == "fault_skew"}
        reports = {}
        for device, found in self.reports.items():
            offset = clock.get(device, 0)
            pairs = sorted((at - offset, on) for at, on in zip(found.at, found.on, strict=True))
            reports[device] = Reports([at for at, _ in pairs], [on for _, on in pairs])
        return Sight(happened, reports, self.begin, self.end)

    def _take(self, message: Message, encoder: Encoder) -> None:
        if message.offline:
            topic, payload = encoder.status(message.device_id, online=False)
        else:
            topic, payload = encoder.telemetry(message)
        self.frames.append(Frame(NAME, "bench", topic, payload, message.sent_at))
        if not message.copy:
            found = self.reports[message.device_id]
            for one in message.observations:
                found.at.append(one.observed_at)
                found.on.append(one.readings.get(ON.get(one.kind, ""), 0.0) >= 0.5)
