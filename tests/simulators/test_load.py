from __future__ import annotations

from collections import Counter

import msgspec

from devices.metrics import Catalogue
from simulators.city.observation import SECOND
from simulators.load import LoadFleet, LoadSettings


def test_periodic_reports_within_the_catalogue(start_us: int) -> None:
    settings = LoadSettings(devices=21, interval_s=5, readings=6)
    fleet = LoadFleet(1, start_us, settings)
    reports = list(fleet.advance(start_us + 50 * SECOND - 1))
    counts = Counter(report.device_id for report in reports)
    assert set(counts) == set(fleet.device_ids)
    assert set(counts.values()) == {10}
    catalogue = Catalogue()
    for report in reports:
        assert 3 <= len(report.readings) <= 6
        for name, value in report.readings.items():
            assert catalogue.check(name, value) is None
            assert report.kind in catalogue.by_name[name].kinds
    instants = [report.observed_at for report in reports]
    assert instants == sorted(instants)


def test_steps_do_not_matter(start_us: int) -> None:
    settings = LoadSettings(devices=7, interval_s=1)
    whole = list(LoadFleet(1, start_us, settings).advance(start_us + 20 * SECOND))
    fleet = LoadFleet(1, start_us, settings)
    parts = [report for step in range(201) for report in fleet.advance(start_us + step * SECOND // 10)]
    assert msgspec.json.encode(parts) == msgspec.json.encode(whole)
    assert fleet.next_at > start_us + 20 * SECOND
