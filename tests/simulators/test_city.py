from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise

import msgspec
import pytest

from devices.kinds import DEVICE_ID, guess_kind
from devices.metrics import Catalogue
from simulators.city import City, Incidents, Intervals, Observation, Size
from simulators.city.local_time import HOUR, MINUTE
from simulators.city.observation import SECOND
from simulators.city.plane import from_wgs84
from simulators.city.route import Corridor
from simulators.truth import Record, TruthLog

SMALL = Size(vehicles=10, bins=68, toilets=3, workers=6)
FOR_EVER = 1 << 62
BUSY = Incidents(
    idle=1, deviation=1, speeding=1, odour=0.5, water_leak=0.5, off_post=1, standing=0.5, sos=0.5, fire=0.02
)


class Run:
    def __init__(self, seed: int, start_us: int, hours: float, size: Size = SMALL, **options: object) -> None:
        self.lines: list[bytes] = []
        log = TruthLog(self.lines.append)
        self.city = City(seed, start_us, size, truth=log, **options)  # type: ignore[arg-type]
        self.observations = list(self.city.advance(start_us + int(hours * HOUR)))
        log.footer({})

    @property
    def records(self) -> list[Record]:
        return [msgspec.json.decode(line, type=Record) for line in self.lines[:-1]]

    def of(self, device_id: str) -> list[Observation]:
        return [observation for observation in self.observations if observation.device_id == device_id]

    def bytes(self) -> bytes:
        return msgspec.json.encode(self.observations)


@pytest.fixture(scope="module")
def busy() -> Run:
    return Run(5, 1_795_392_000_000_000, 8, incidents=BUSY)


def test_a_seed_determines_every_byte(start_us: int) -> None:
    first, second = Run(3, start_us, 1), Run(3, start_us, 1)
    assert first.bytes() == second.bytes()
    assert first.lines == second.lines
    other = Run(4, start_us, 1)
    assert other.bytes() != first.bytes()
    assert other.lines != first.lines


def test_steps_do_not_matter(start_us: int) -> None:
    lines: list[bytes] = []
    log = TruthLog(lines.append)
    city = City(3, start_us, SMALL, truth=log)
    observations: list[Observation] = []
    at, step = start_us, 1
    while at < start_us + HOUR:
        at = min(at + step * 317 * 1_000, start_us + HOUR)
        step = step * 2 % 1_001 + 1
        observations += city.advance(at)
    log.footer({})
    whole = Run(3, start_us, 1)
    assert msgspec.json.encode(observations) == whole.bytes()
    assert lines == whole.lines


def test_more_devices_change_nothing_for_the_others(start_us: int) -> None:
    few = Run(3, start_us, 1)
    more = Run(3, start_us, 1, Size(vehicles=10, bins=68, toilets=9, workers=20))
    for device_id in few.city.device_ids:
        assert few.of(device_id) == more.of(device_id)
    trucks = Run(3, start_us, 1, Size(vehicles=14, bins=200, toilets=0, workers=0))
    assert trucks.of("vehicle-0002") == few.of("vehicle-0002"), "a sweeper meets no bins"


def test_every_reading_is_in_the_catalogue_and_in_range(busy: Run) -> None:
    catalogue = Catalogue()
    problems = set()
    for observation in busy.observations:
        for name, value in observation.readings.items():
            problems.add(catalogue.check(name, value))
            assert observation.kind in catalogue.by_name[name].kinds
    assert problems == {None}


def test_ids_sequences_and_times(busy: Run, start_us: int) -> None:
    latest: dict[str, Observation] = {}
    previous = start_us
    for observation in busy.observations:
        assert observation.observed_at >= previous
        previous = observation.observed_at
        assert observation.observed_at % 1_000 == 0
        before = latest.get(observation.device_id)
        if before is not None:
            assert observation.observed_at > before.observed_at
        assert observation.seq == (1 if before is None else before.seq + 1)
        latest[observation.device_id] = observation
    assert set(latest) == set(busy.city.device_ids)
    for device_id, observation in latest.items():
        assert DEVICE_ID.match(device_id)
        assert guess_kind(device_id) == observation.kind


def test_movement_is_bounded_and_on_the_streets(busy: Run) -> None:
    streets = Corridor(arc for leaving in busy.city.streets.leaving for arc in leaving)
    tracks: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for observation in busy.observations:
        if observation.kind in ("vehicle", "worker"):
            assert observation.readings.get("speed_kmh", 0) <= 50 * 1.9
            if observation.fix is not None:
                place = from_wgs84(observation.fix["lat"], observation.fix["lon"])
                tracks[observation.device_id].append((observation.observed_at, *place))
    for device_id, track in tracks.items():
        greatest = 95 / 3.6 if device_id.startswith("vehicle") else 1.2
        for (t0, x0, y0), (t1, x1, y1) in pairwise(track):
            # Two fixes may each be off by 18 m east and north; lanes differ by 5 m.
            assert math.hypot(x1 - x0, y1 - y0) <= greatest * (t1 - t0) / SECOND + 2 * 26 + 5
        for _, x, y in track[::40]:
            assert streets.distance(x, y) <= 26 + 6


def test_mileage_agrees_with_speed(busy: Run) -> None:
    for vehicle in busy.city.vehicles:
        for before, after in pairwise(busy.of(vehicle.id)):
            driven = after.readings["mileage_km"] - before.readings["mileage_km"]
            hours = (after.observed_at - before.observed_at) / HOUR
            assert -1e-9 <= driven <= 95 * hours + 0.02


def test_bins_only_fall_when_the_truth_says_emptied(busy: Run) -> None:
    emptied = defaultdict(list)
    for record in busy.records:
        if record.kind == "emptied":
            emptied[record.device_id].append(record)
    falls = 0
    for container in busy.city.bins:
        for before, after in pairwise(busy.of(container.id)):
            if after.readings["fill_pct"] >= before.readings["fill_pct"] - 6:
                continue
            falls += 1
            between = [r for r in emptied[container.id] if before.observed_at <= r.start_us <= after.observed_at]
            assert len(between) == 1
            assert between[0].detail["before_pct"] > between[0].detail["after_pct"]
            assert between[0].detail["vehicle"] in busy.city.plans
    seen = [
        r
        for container in busy.city.bins
        for r in emptied[container.id]
        if (own := busy.of(container.id)) and own[0].observed_at < r.start_us < own[-1].observed_at
    ]
    assert falls == len(seen) > 5


def test_a_lift_is_seen_on_the_truck(busy: Run) -> None:
    for record in busy.records:
        if record.kind == "emptied":
            truck = busy.of(record.detail["vehicle"])
            before = [o for o in truck if o.observed_at < record.start_us]
            after = [o for o in truck if o.observed_at >= record.start_us]
            assert after[0].readings["lift_count"] == before[-1].readings["lift_count"] + 1 if before else True
            assert not before or before[-1].readings["lift"] == 1
    events = [event["kind"] for o in busy.observations if o.kind == "bin" for event in o.events]
    known = sum(record.kind == "emptied" for record in busy.records)
    assert known - 2 <= events.count("emptied") <= known, "the report follows within seconds"


def test_thresholds_are_crossed_upwards_once_between_emptyings(busy: Run) -> None:
    latest: dict[str, float] = {}
    for record in sorted(busy.records, key=lambda record: record.start_us):
        if record.kind == "emptied":
            latest.pop(record.device_id, None)
        elif record.kind == "bin_threshold":
            assert record.detail["threshold_pct"] > latest.get(record.device_id, 0)
            latest[record.device_id] = record.detail["threshold_pct"]
    assert latest


def test_idle_episodes_show_in_the_reports(busy: Run) -> None:
    idles = [record for record in busy.records if record.kind == "idle"]
    assert idles
    for record in idles:
        end = record.end_us or FOR_EVER
        inside = [o for o in busy.of(record.device_id) if record.start_us <= o.observed_at < end]
        assert record.open or record.end_us is not None
        assert record.open or (end - record.start_us >= 6 * MINUTE and len(inside) >= 12)
        for observation in inside:
            readings = observation.readings
            assert (readings["ignition"], readings["pto"], readings["speed_kmh"]) == (1, 0, 0)


def test_nobody_else_idles_for_long(busy: Run) -> None:
    known = [(r.device_id, r.start_us, r.end_us or FOR_EVER) for r in busy.records if r.kind == "idle"]
    for vehicle in busy.city.vehicles:
        since: int | None = None
        for observation in busy.of(vehicle.id):
            readings = observation.readings
            if readings["ignition"] and not readings["pto"] and readings["speed_kmh"] == 0:
                since = observation.observed_at if since is None else since
                told = any(i == vehicle.id and a <= observation.observed_at <= b for i, a, b in known)
                assert told or observation.observed_at - since < 5 * MINUTE
                if told:
                    since = None
            else:
                since = None


def test_deviations_and_speeding_are_as_told(busy: Run) -> None:
    kinds = Counter(record.kind for record in busy.records)
    assert kinds["deviation"] and kinds["speeding"]
    for record in busy.records:
        inside = [
            o for o in busy.of(record.device_id) if record.start_us <= o.observed_at <= (record.end_us or FOR_EVER)
        ]
        if record.kind == "deviation":
            corridor = busy.city.plans[record.device_id].corridor
            distances = [corridor.distance(*from_wgs84(o.fix["lat"], o.fix["lon"])) for o in inside if o.fix]
            assert record.detail["greatest_distance_m"] > 50
            assert max(distances) <= record.detail["greatest_distance_m"] + 40
            assert max(distances) >= record.detail["greatest_distance_m"] * 0.5
        elif record.kind == "speeding":
            greatest = max((o.readings["speed_kmh"] for o in inside), default=0)
            assert record.detail["limit_kmh"] < record.detail["greatest_speed_kmh"]
            assert greatest <= record.detail["greatest_speed_kmh"] + 0.1


def test_working_speed_is_kept_outside_speeding_episodes(busy: Run) -> None:
    spans = [(r.device_id, r.start_us, r.end_us or FOR_EVER) for r in busy.records if r.kind == "speeding"]
    for vehicle in busy.city.vehicles:
        limit = vehicle.type.work_limit_kmh
        for observation in busy.of(vehicle.id):
            readings = observation.readings
            if readings["pto"] and readings["speed_kmh"] > limit:
                assert any(i == vehicle.id and a <= observation.observed_at <= b for i, a, b in spans)


def test_odour_leak_sos_and_fire(busy: Run) -> None:
    records = busy.records
    for record in records:
        inside = [
            o for o in busy.of(record.device_id) if record.start_us <= o.observed_at <= (record.end_us or FOR_EVER)
        ]
        if record.kind == "odour":
            assert max(o.readings["nh3_ppm"] for o in inside) > record.detail["limit"]
            assert record.detail["peak"] > record.detail["limit"]
        elif record.kind == "water_leak":
            assert all(o.readings["water_leak"] and o.readings["water_flow_lpm"] > 8 for o in inside[1:-1])
        elif record.kind == "fire":
            assert max(o.readings["temperature_c"] for o in inside) > 40
        elif record.kind == "sos":
            (pressed,) = [o for o in busy.of(record.device_id) if o.observed_at == record.start_us]
            assert pressed.readings["sos"] == 1
            assert pressed.events == ({"kind": "sos"},)
    assert {"odour", "water_leak", "fire", "sos"} <= {record.kind for record in records}


def test_quiet_toilets_stay_below_the_limit(start_us: int) -> None:
    run = Run(2, start_us, 24, Size(vehicles=0, bins=0, toilets=8, workers=0), incidents=Incidents(odour=0))
    assert max(o.readings["nh3_ppm"] for o in run.observations) < 1.43 * 0.9
    assert max(o.readings["h2s_ppm"] for o in run.observations) < 0.0072
    for toilet in run.city.toilets:
        counts = [o.readings["people_in"] for o in run.of(toilet.id)]
        assert counts == sorted(counts)
        assert counts[-1] > counts[0] + 50
        assert all(o.readings["people_in"] >= o.readings["people_out"] for o in run.of(toilet.id))


def test_workers_are_not_tracked_off_shift(start_us: int) -> None:
    punctual = Incidents(late=0, early=0, absent=0)
    run = Run(2, start_us, 30, Size(vehicles=0, bins=0, toilets=0, workers=8), incidents=punctual)
    for worker in run.city.workers:
        start, length = worker.window
        for observation in run.of(worker.id):
            minutes = ((observation.observed_at + 8 * HOUR) // MINUTE - start) % 1_440
            assert observation.readings["on_duty"] == (minutes < length)
            assert (observation.fix is not None) == (minutes < length)


def test_the_truth_of_attendance_is_what_the_badges_say(start_us: int) -> None:
    incidents = Incidents(late=0.3, early=0.3, absent=0.2)
    run = Run(2, start_us, 60, Size(vehicles=0, bins=0, toilets=0, workers=12), incidents=incidents)
    kept = [record for record in run.records if record.kind == "attendance" and record.start_us >= start_us]
    seen = Counter[str]()
    for record in kept:
        assert record.end_us is not None or record.open
        end = record.end_us or start_us + 60 * HOUR
        arrived, left = record.detail.get("arrived_us", end), record.detail.get("left_us", end)
        seen["absent" if record.detail.get("absent") else "late" if arrived > record.start_us else "rest"] += 1
        seen["early"] += left < end
        for observation in run.of(record.device_id):
            if record.start_us <= observation.observed_at < end:
                there = arrived <= observation.observed_at < left
                assert observation.readings["on_duty"] == there
                assert (observation.fix is not None) == there
    assert min(seen[kind] for kind in ("absent", "late", "early", "rest")) > 0
    assert len(kept) > 20


def test_absences_from_posts_are_far(busy: Run) -> None:
    absences = [record for record in busy.records if record.kind == "off_post"]
    assert absences
    assert all(record.detail["greatest_distance_m"] > 80 for record in absences)


def test_intervals_and_counts(start_us: int) -> None:
    size = Size(vehicles=10, bins=34, toilets=4, workers=4)
    run = Run(1, start_us, 4, size, incidents=Incidents(sos=0, fire=0))
    kinds = Counter(observation.kind for observation in run.observations)
    assert kinds["toilet"] == 4 * 4 * 60
    emptied = sum(len(o.events) for o in run.observations if o.kind == "bin")
    assert kinds["bin"] == 34 * 4 * 6 + emptied
    for vehicle in run.city.vehicles:
        gaps = [b.observed_at - a.observed_at for a, b in pairwise(run.of(vehicle.id))]
        assert max(gaps) <= 30 * SECOND
        assert len(gaps) <= 4 * 3_600 / 10 + 2 * vehicle.lifts + 60


def test_intervals_can_be_set(start_us: int) -> None:
    intervals = Intervals(vehicle_moving_s=5, vehicle_still_s=5, bin_s=60, toilet_s=30, worker_s=10)
    size = Size(vehicles=0, bins=2, toilets=2, workers=0)
    run = Run(1, start_us, 1, size, intervals=intervals, incidents=Incidents(fire=0))
    assert Counter(observation.kind for observation in run.observations) == {"bin": 120, "toilet": 240}


def test_an_empty_city_is_silent(start_us: int) -> None:
    run = Run(1, start_us, 1, Size(vehicles=0, bins=0, toilets=0, workers=0))
    assert run.observations == []
    assert run.city.next_at is None
