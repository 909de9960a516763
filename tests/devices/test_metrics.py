from __future__ import annotations

from devices.kinds import DEVICE_ID, KINDS, guess_kind
from devices.metrics import CATALOGUE, Catalogue


def test_every_entry_is_whole() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
    for metric in CATALOGUE:
        assert metric.low < metric.high, metric.name
        assert set(metric.kinds) <= set(KINDS), metric.name
        assert metric.title and metric.title_zh, metric.name
        assert metric.name.isidentifier() and metric.name.islower()


def test_sentinel_codes_are_outside_of_every_gas_range() -> None:
    catalogue = Catalogue()
    for code in (0xFFFE, 0xFFFF):
        assert catalogue.check("nh3_ppm", code) == f"nh3_ppm: {code} is outside 0..1000 ppm"
        assert catalogue.check("h2s_ppm", code) is not None
    assert catalogue.check("nh3_ppm", float("nan")) is not None


def test_kind_of_a_newcomer() -> None:
    assert guess_kind("bin-0042") == "bin"
    assert guess_kind("x7", "toilet") == "toilet"
    assert guess_kind("bin-1", "spaceship") == "bin"
    assert guess_kind("京A12345") == "unknown"


def test_device_ids() -> None:
    assert DEVICE_ID.match("bin-0042") and DEVICE_ID.match("a" * 64)
    for bad in ("", "-x", "a" * 65, "a b", "a/b", "京A", "a\n", "$SYS"):
        assert not DEVICE_ID.match(bad), bad
