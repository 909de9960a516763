"""What Grafana makes of a query, by the examples of its documents of the PostgreSQL data source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.parts.expansion import All, Constant, Span, expand

START = datetime(2026, 11, 17, 8, 30, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=7))


@pytest.mark.parametrize(
    ("query", "expanded"),
    [
        ("SELECT $__time(at)", 'SELECT at AS "time"'),
        ("SELECT $__timeEpoch(at)", 'SELECT extract(epoch from at) as "time"'),
        ("WHERE $__timeFilter(at)", "WHERE at BETWEEN '2026-11-17T08:30:00Z' AND '2026-11-24T08:30:00Z'"),
        ("$__timeFrom()::timestamptz", "'2026-11-17T08:30:00Z'::timestamptz"),
        ("$__timeTo()", "'2026-11-24T08:30:00Z'"),
        ("$__timeGroup(at, '5m') AS t", "floor(extract(epoch from at)/300)*300 AS t"),
        ("$__timeGroup(at, 1h), x", 'floor(extract(epoch from at)/3600)*3600 AS "time", x'),
        ("$__timeGroupAlias(at, $__interval)", 'floor(extract(epoch from at)/900)*900 AS "time"'),
        ("$__unixEpochFilter(at)", "at >= 1794904200 AND at <= 1795509000"),
        ("$__unixEpochFrom() $__unixEpochTo()", "1794904200 1795509000"),
        ("$__unixEpochGroup(at, 1m)", "floor((at)/60)*60"),
        ("$__interval_ms < 300000", "900000 < 300000"),
        ("a IN ($area) OR ${area} = [[area]]", "a IN ('it''s','b') OR 'it''s','b' = 'it''s','b'"),
        ("a IN ($all)", "a IN ('*')"),
        ("'$zone'", "'Asia/Shang''hai'"),
    ],
)
def test_macros_and_variables(query: str, expanded: str) -> None:
    values = {"area": ["it's", "b"], "all": All("'*'"), "zone": Constant("Asia/Shang'hai")}
    assert expand(query, values, SPAN) == expanded


def test_with_timescaledb_time_is_grouped_by_its_buckets() -> None:
    assert expand("$__timeGroup(at, 10m) AS t", {}, SPAN, timescale=True) == "time_bucket('600.000s',at) AS t"


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("$__timeShift(at)", "the data source has no such macro"),
        ("$area", "no such variable"),
        ("${area:csv}", "no such variable"),
        ("${all:csv}", "formats are not for queries"),
        ("$__timeFilter()", "the column is missing"),
        ("$__timeGroup(at)", "needs a column and an interval"),
        ("$__timeGroup(at, soon)", "no interval"),
    ],
)
def test_what_grafana_does_not_know_is_refused(query: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        expand(query, {"all": All("'*'")}, SPAN)


@pytest.mark.parametrize(("hours", "seconds"), [(1, 60), (24, 120), (48, 300), (168, 900), (24 * 90, 10_800)])
def test_a_point_is_as_wide_as_the_span_asks(hours: int, seconds: int) -> None:
    assert Span(START, START + timedelta(hours=hours)).interval_s == seconds
