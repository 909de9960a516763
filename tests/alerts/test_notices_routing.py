"""Which channels a notice is led to, and when."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.notices.hours import parse_hours
from alerts.notices.notice import Content, Notice, Subject
from alerts.notices.routing import Habits, Planned, Route, plan
from devices.instants import from_datetime

ZONE = ZoneInfo("Asia/Shanghai")
MINUTE = 60_000_000


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZONE))


NOON, NIGHT = at("2026-11-23T12:00:30"), at("2026-11-23T23:00:00")


def notice(entered_at: int = NOON, action: str = "raised", **content: str) -> Notice:
    fields = {"rule": "bin_full", "severity": "warning", "device": Subject("bin-1", kind="bin", area="east")}
    return Notice(1, "k", action, entered_at, Content(raised_at=entered_at, **(fields | content)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("route", "taken"),
    [
        (Route(("a",)), True),
        (Route(("a",), severities=frozenset({"warning", "critical"})), True),
        (Route(("a",), severities=frozenset({"critical"})), False),
        (Route(("a",), areas=frozenset({"east"})), True),
        (Route(("a",), areas=frozenset({"west"})), False),
        (Route(("a",), device_kinds=frozenset({"toilet"})), False),
        (Route(("a",), rules=("bin_*",)), True),
        (Route(("a",), rules=("toilet_*", "vehicle_*")), False),
        (Route(("a",), actions=frozenset({"cleared"})), False),
        (Route(("a",), hours=parse_hours("08:00-17:30")), True),
        (Route(("a",), hours=parse_hours("22:00-06:00")), False),
    ],
)
def test_routes(route: Route, taken: bool) -> None:
    assert bool(plan(notice(), [route], {"a": Habits()}, ZONE, NOON)) is taken


def test_the_hours_of_a_route_are_those_of_the_notice_not_of_its_routing() -> None:
    route = Route(("a",), hours=parse_hours("08:00-17:30"))
    assert plan(notice(NOON), [route], {"a": Habits()}, ZONE, NIGHT)


def test_a_channel_is_told_once_however_many_routes_lead_to_it() -> None:
    routes = [Route(("b", "a")), Route(("a", "c")), Route(("gone",))]
    planned = plan(notice(), routes, dict.fromkeys("abc", Habits()), ZONE, NOON)
    assert [one.channel for one in planned] == ["b", "a", "c"]


def one(habits: Habits, now: int, **content: str) -> Planned:
    (planned,) = plan(notice(now, **content), [Route(("a",))], {"a": habits}, ZONE, now)
    return planned


def test_quiet_hours_hold_back_all_but_what_is_critical() -> None:
    quiet = Habits(quiet=parse_hours("22:00-07:00"))
    assert one(quiet, NIGHT) == Planned("a", at("2026-11-24T07:00:00"), "quiet")
    assert one(quiet, NIGHT, severity="critical") == Planned("a", NIGHT, urgent=True)
    assert one(quiet, NOON) == Planned("a", NOON)


def test_a_digest_ends_on_the_clock() -> None:
    digest = Habits(digest_us=10 * MINUTE)
    assert one(digest, NOON) == Planned("a", at("2026-11-23T12:10:00"), "digest")
    assert one(digest, at("2026-11-23T12:10:00")) == Planned("a", at("2026-11-23T12:20:00"), "digest")
    assert one(digest, NOON, severity="critical") == Planned("a", NOON, urgent=True)


def test_a_digest_that_ends_in_quiet_hours_waits_for_their_end() -> None:
    both = Habits(quiet=parse_hours("22:00-07:00"), digest_us=30 * MINUTE)
    assert one(both, at("2026-11-23T21:50:00")) == Planned("a", at("2026-11-24T07:00:00"), "quiet")


def test_what_cannot_be_bundled_has_no_digest() -> None:
    single = Habits(quiet=parse_hours("22:00-07:00"), digest_us=10 * MINUTE, bundles=False)
    assert one(single, NOON) == Planned("a", NOON)
    assert one(single, NIGHT) == Planned("a", at("2026-11-24T07:00:00"))
