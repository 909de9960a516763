from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.instants import from_datetime, parse, to_iso

MOMENTS = st.datetimes(
    min_value=datetime(1973, 3, 4), max_value=datetime(2200, 1, 1), timezones=st.timezones() | st.just(UTC)
)


@given(MOMENTS)
def test_every_form_of_a_moment_reads_the_same(moment: datetime) -> None:
    instant = from_datetime(moment)
    assert parse(moment.isoformat()) == instant
    assert parse(to_iso(instant)) == instant
    assert parse(instant) == instant
    assert parse(str(instant)) == instant
    assert parse(instant * 1_000) == instant
    assert parse(instant // 1_000) == instant // 1_000 * 1_000
    assert parse(instant // 1_000_000) == instant // 1_000_000 * 1_000_000


def test_zones() -> None:
    eight = datetime(2026, 11, 23, 8, tzinfo=timezone(timedelta(hours=8)))
    assert parse("2026-11-23T08:00:00+08:00") == parse("2026-11-23T00:00:00Z") == from_datetime(eight)


@pytest.mark.parametrize(
    "bad",
    [
        "yesterday",
        "",
        "2026-11-23T08:00:00",
        "2026-11-23",
        -1,
        True,
        1e30,
        float("inf"),
        float("nan"),
        "9" * 41,
        "٣" * 10,
    ],
)
def test_what_is_no_time_is_told(bad: object) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse(bad)  # type: ignore[arg-type]
