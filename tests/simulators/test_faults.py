from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

import msgspec
import pytest

from simulators.city import City, Observation, Size
from simulators.city.local_time import HOUR
from simulators.city.observation import SECOND
from simulators.fault_spells import Spell
from simulators.faults import ClockSkew, Delayed, FaultLine, FaultSettings
from simulators.message import Batcher, Message
from simulators.scenario import load_scenario
from simulators.truth import Record, TruthLog, nowhere

OFTEN = Spell(per_hour=0.8, shortest_s=120, longest_s=900)


@pytest.fixture(scope="module")
def reports() -> list[Observation]:
    start = 1_795_392_000_000_000
    return list(City(4, start, Size(vehicles=4, bins=10, toilets=2, workers=3)).advance(start + 3 * HOUR))


def apply(
    reports: list[Observation], settings: FaultSettings, seed: int = 1
) -> tuple[list[Message], list[Record], list[bytes]]:
    lines: list[bytes] = []
    log = TruthLog(lines.append)
    line = FaultLine(settings, seed, log)
    messages = [message for report in reports for message in line.feed(report)]
    messages += line.flush()
    log.footer({})
    return messages, [msgspec.json.decode(line, type=Record) for line in lines[:-1]], lines


def sent(messages: list[Message]) -> Counter[bytes]:
    return Counter(msgspec.json.encode(o) for m in messages if not m.copy for o in m.observations)


def told(reports: list[Observation]) -> Counter[bytes]:
    return Counter(map(msgspec.json.encode, reports))


def test_without_faults_each_report_is_a_message(reports: list[Observation]) -> None:
    messages, records, _ = apply(reports, FaultSettings())
    assert [m.observations for m in messages] == [(report,) for report in reports]
    assert records == []


@pytest.mark.parametrize(
    "settings",
    [
        FaultSettings(backfill=OFTEN),
        FaultSettings(duplicates=Delayed(0.2)),
        FaultSettings(reorder=Delayed(0.2)),
        FaultSettings(garbage=0.2),
        FaultSettings(backfill=OFTEN, duplicates=Delayed(0.2), reorder=Delayed(0.2), garbage=0.2),
    ],
)
def test_transport_faults_keep_the_multiset(reports: list[Observation], settings: FaultSettings) -> None:
    messages, records, _ = apply(reports, settings)
    assert sent(messages) == told(reports)
    assert records
    times = [message.sent_at for message in messages]
    assert times == sorted(times)


def test_silence_removes_what_the_truth_says(reports: list[Observation]) -> None:
    messages, records, _ = apply(reports, FaultSettings(silence=OFTEN))
    spans = defaultdict(list)
    for record in records:
        assert record.kind == "fault_silence"
        spans[record.device_id].append((record.start_us, record.end_us or 1 << 62))
    kept = [r for r in reports if not any(a <= r.observed_at < b for a, b in spans[r.device_id])]
    assert sent(messages) == told(kept)
    assert sum(record.detail["observations"] for record in records) == len(reports) - len(kept) > 0


def test_reordering_is_bounded(reports: list[Observation]) -> None:
    messages, records, _ = apply(reports, FaultSettings(reorder=Delayed(0.3, longest_s=25)))
    overtaken = 0
    newest: dict[str, int] = defaultdict(int)
    for message in messages:
        (observation,) = message.observations
        assert 0 <= message.sent_at - observation.observed_at <= 25.01 * SECOND
        overtaken += observation.seq < newest[message.device_id]
        newest[message.device_id] = max(newest[message.device_id], observation.seq)
    assert overtaken > 5
    assert {record.kind for record in records} == {"fault_reorder"}


def test_duplicates_are_marked_and_follow(reports: list[Observation]) -> None:
    messages, records, _ = apply(reports, FaultSettings(duplicates=Delayed(0.2)))
    seen: set[tuple[str, int]] = set()
    copies = 0
    for message in messages:
        key = (message.device_id, message.observations[0].seq)
        assert message.copy == (key in seen)
        copies += message.copy
        seen.add(key)
    assert copies == len(records) > 50


def test_backfill_comes_in_arrays_after_the_gap(reports: list[Observation]) -> None:
    messages, records, _ = apply(reports, FaultSettings(backfill=OFTEN))
    arrays = [message for message in messages if len(message.observations) > 1]
    assert arrays
    for message in arrays:
        assert len(message.observations) <= 50
        instants = [observation.observed_at for observation in message.observations]
        assert instants == sorted(instants)
        (span,) = [
            r
            for r in records
            if r.device_id == message.device_id
            and r.start_us <= instants[0]
            and (r.end_us is None or instants[-1] < r.end_us)
        ]
        assert message.sent_at >= (span.end_us or 0)


def test_skew_moves_whole_devices(reports: list[Observation]) -> None:
    messages, records, _ = apply(reports, FaultSettings(skew=ClockSkew(0.5, 300)))
    offsets = {record.device_id: record.detail["offset_us"] for record in records}
    assert 0 < len(offsets) < 19
    for message, report in zip(messages, reports, strict=True):
        (observation,) = message.observations
        offset = offsets.get(report.device_id, 0)
        assert abs(offset) <= 300 * SECOND
        assert observation.observed_at == report.observed_at + offset
        assert message.sent_at == report.observed_at


def changed(field: str) -> Callable[[Message, Observation], bool]:
    return lambda message, report: getattr(message.observations[0], field) != getattr(report, field)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (FaultSettings(tunnel=OFTEN), "fix"),
        (FaultSettings(jitter=OFTEN), "fix"),
        (FaultSettings(stuck=OFTEN), "readings"),
    ],
)
def test_what_is_changed_lies_in_a_recorded_spell(
    reports: list[Observation], settings: FaultSettings, field: str
) -> None:
    messages, records, _ = apply(reports, settings)
    touched = 0
    for message, report in zip(messages, reports, strict=True):
        (observation,) = message.observations
        assert msgspec.structs.replace(observation, **{field: getattr(report, field)}) == report
        if getattr(observation, field) != getattr(report, field):
            touched += 1
            assert any(
                r.device_id == report.device_id and r.start_us <= report.observed_at < (r.end_us or 1 << 62)
                for r in records
            )
    assert touched > 20


def test_tunnels_invalidate_and_stuck_sensors_repeat(reports: list[Observation]) -> None:
    messages, _, _ = apply(reports, FaultSettings(tunnel=OFTEN))
    lost = [m.observations[0].fix for m in messages if m.observations[0].fix and not m.observations[0].fix["valid"]]
    assert lost
    messages, records, _ = apply(reports, FaultSettings(stuck=OFTEN))
    for record in records:
        inside = [
            m.observations[0].readings
            for m in messages
            if m.device_id == record.device_id and record.start_us <= m.sent_at < (record.end_us or 1 << 62)
        ]
        metric, value = record.detail["metric"], record.detail["value"]
        assert {readings[metric] for readings in inside if metric in readings} == {value}


def test_faults_follow_from_seed_and_device_alone(reports: list[Observation]) -> None:
    settings = load_scenario("faulty").faults
    first, second, other = apply(reports, settings), apply(reports, settings), apply(reports, settings, 2)
    assert first == second
    assert first[0] != other[0]
    alone = [report for report in reports if report.device_id == "vehicle-0002"]
    one, _, _ = apply(alone, settings)
    assert one == [message for message in first[0] if message.device_id == "vehicle-0002"]


def test_time_alone_releases_what_was_delayed(reports: list[Observation]) -> None:
    line = FaultLine(FaultSettings(reorder=Delayed(1.0, 20)), 1, nowhere())
    assert list(line.feed(reports[0])) == []
    (message,) = line.release(reports[0].observed_at + 21 * SECOND)
    assert message.observations == (reports[0],)
    assert list(line.flush()) == []


def test_arrays_keep_the_order_of_a_device(reports: list[Observation]) -> None:
    batcher = Batcher(7)
    messages, _, _ = apply(reports, FaultSettings(duplicates=Delayed(0.1), garbage=0.05, backfill=OFTEN))
    joined = [array for message in messages for array in batcher.add(message)] + list(batcher.flush())
    assert sent(joined) == sent(messages)
    assert sum(message.raw is not None for message in joined) == sum(message.raw is not None for message in messages)
    for device_id in {report.device_id for report in reports}:
        before = [o.seq for m in messages if m.device_id == device_id for o in m.observations]
        after = [o.seq for m in joined if m.device_id == device_id for o in m.observations]
        assert before == after
