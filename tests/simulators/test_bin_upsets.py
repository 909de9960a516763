"""Bins whose refuse settles and whose sensors read wildly, on demand."""

import msgspec

from simulators.city import City
from simulators.city.observation import Observation
from simulators.city.settings import Incidents, Size
from simulators.truth import Record, TruthLog

START = 1_780_243_200_000_000
DAY = 86_400_000_000
MINUTE = 60_000_000


def run(incidents: Incidents) -> tuple[list[Observation], list[Record]]:
    lines: list[bytes] = []
    truth = TruthLog(lines.append)
    city = City(7, START, Size(vehicles=0, bins=20, toilets=0, workers=0), incidents=incidents, truth=truth)
    seen = list(city.advance(START + DAY))
    truth.footer({})
    read = msgspec.json.Decoder(Record, strict=False).decode
    return seen, [read(line) for line in lines[:-1]]


def test_settling_lowers_the_level_and_nothing_else_does() -> None:
    seen, records = run(Incidents(compaction=0.2))
    settled = {(one.device_id, one.start_us) for one in records if one.kind == "compaction"}
    assert len(settled) > 20
    last: dict[str, float] = {}
    for one in seen:
        fill = one.readings["fill_pct"]
        if one.device_id in last and (one.device_id, one.observed_at) in settled:
            assert last[one.device_id] - 25 < fill < last[one.device_id] - 4
        else:
            assert fill > last.get(one.device_id, 0.0) - 5, "noise is all that there is"
        last[one.device_id] = fill


def test_wild_readings_are_in_the_truth_and_leave_the_bin_as_it_is() -> None:
    calm, _ = run(Incidents())
    seen, records = run(Incidents(outlier=0.2))
    wild = {(one.device_id, one.start_us): one.detail["fill_pct"] for one in records if one.kind == "outlier"}
    assert len(wild) > 50
    for one, usual in zip(seen, calm, strict=True):
        told = wild.get((one.device_id, one.observed_at))
        expected = usual.readings["fill_pct"] if told is None else told
        assert one.readings["fill_pct"] == expected
    assert run(Incidents())[0] == calm
