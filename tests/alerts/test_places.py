"""Rules about where a device is: fences, routes, frozen positions, standing still. Examples by hand."""

from __future__ import annotations

from alerts.areas import Area
from alerts.hours import Hours, Window
from alerts.rule import Rule
from alerts.rules.frozen_position import FrozenPosition
from alerts.rules.geofence import Geofence, Mode
from alerts.rules.route_deviation import RouteDeviation
from alerts.rules.stationary import Stationary
from devices.instants import parse
from devices.vocabulary import Device
from tests.alerts.live import Stored, Teller

TELLER = Teller(Device(1, "truck-1", "vehicle"), parse("2026-03-02T08:00:00+08:00"))
LAT, LON = 30.0, 114.0
DEPOT = Area("depot", lat=LAT, lon=LON, radius_m=100)
FAR = Area("far", lat=LAT + 0.01, lon=LON, radius_m=100)


def north(second: float, metres: float, **more: float) -> list[Stored]:
    """A position so far north of the middle of the depot."""
    return TELLER.stands(second, LAT + metres / 111_195, LON, **more)


def track(*places: tuple[float, float]) -> list[Stored]:
    return [one for second, metres in places for one in north(second, metres)]


def fence(mode: Mode, **more: object) -> Rule:
    return Rule("fence", "geofence", Geofence((DEPOT,), mode, **{"dwell_s": 60, "fixes": None, **more}))  # type: ignore[arg-type]


class TestGeofence:
    def test_it_must_be_inside_and_is_told_when_it_has_been_outside_for_a_minute(self) -> None:
        rule = fence("must_be_inside")
        assert TELLER.told(rule, track((0, 0), (60, 200), (119, 200))) == []
        assert TELLER.told(rule, track((0, 0), (60, 200), (120, 200))) == [(120, None)]
        assert TELLER.told(rule, track((0, 200), (60, 200))) == [(60, None)], "wherever it was before"
        back = ((130, 50), (189, 50), (190, 50))
        assert TELLER.told(rule, track((0, 200), (60, 200), *back)) == [(60, 190)]

    def test_between_the_edge_and_the_margin_nothing_changes(self) -> None:
        rule = fence("must_be_inside", dwell_s=0)
        wandering = track(*((second, 95 + (second % 7) * 5) for second in range(0, 600, 10)))
        assert TELLER.told(rule, wandering) == [], "95 to 125 m of 100 m and a margin of 30"
        assert TELLER.told(rule, [*track((0, 135)), *track((10, 120), (20, 101), (30, 99))]) == [(0, 30)]

    def test_entering_needs_to_have_been_outside(self) -> None:
        rule = fence("enter")
        assert TELLER.told(rule, track((0, 0), (60, 0), (120, 0))) == []
        assert TELLER.told(rule, track((0, 300), (60, 0), (120, 0), (180, 300), (240, 300))) == [(120, 240)]
        assert TELLER.told(fence("must_be_outside"), track((0, 0), (60, 0))) == [(60, None)]

    def test_leaving_needs_to_have_been_inside(self) -> None:
        rule = fence("exit")
        assert TELLER.told(rule, track((0, 300), (60, 300), (120, 300))) == []
        assert TELLER.told(rule, track((0, 0), (60, 300), (120, 300))) == [(120, None)]

    def test_one_position_astray_is_no_leaving(self) -> None:
        rule = fence("exit", dwell_s=60, fixes=3)
        assert TELLER.told(rule, track((0, 0), (60, 900), (90, 0), (150, 900), (170, 900))) == []
        assert TELLER.told(rule, track((0, 0), (60, 900), (70, 900), (80, 900))) == [(80, None)], "three in a row"

    def test_a_gap_is_no_evidence(self) -> None:
        rule = fence("exit", gap_s=300)
        assert TELLER.told(rule, track((0, 0), (60, 300), (361, 300))) == []
        assert TELLER.told(rule, track((0, 0), (60, 300), (360, 300))) == [(360, None)]

    def test_a_poor_or_invalid_position_does_not_count(self) -> None:
        rule = fence("exit", dwell_s=0)
        assert TELLER.told(rule, [*north(0, 0), *north(60, 900, hdop=5.1)]) == []
        assert TELLER.told(rule, [*north(0, 0), *north(60, 900, valid=False)]) == []
        assert TELLER.told(rule, [*north(0, 0), *north(60, 900, hdop=5.0)]) == [(60, None)]

    def test_each_fence_has_its_own_alert(self) -> None:
        rule = Rule("fence", "geofence", Geofence((DEPOT, FAR), "enter", dwell_s=0))
        way = track((0, 500), (60, 0), (120, 500), (180, 1_112), (240, 500))
        assert [one.scope for one in TELLER.alerts(rule, way, 1_000)] == ["depot", "far"]
        assert TELLER.told(rule, way) == [(60, 120), (180, 240)]

    def test_hours_end_what_is_asked_only_in_them(self) -> None:
        rule = fence("must_be_inside", dwell_s=0, hours=Hours((Window("08:10", "09:00"),)))
        assert TELLER.told(rule, track((0, 300), (599, 300), (600, 300))) == [(600, 3_600)], "told without new data"
        assert TELLER.told(rule, track((600, 300), (3_600, 300))) == [(600, 3_600)]
        assert TELLER.told(rule, track((600, 300)), horizon=3_599) == [(600, None)]


class TestRouteDeviation:
    RULE = Rule("off", "route_deviation", RouteDeviation(exempt=(DEPOT,)))

    def offsets(self, *found: tuple[float, float]) -> list[Stored]:
        return [one for second, metres in found for one in TELLER.reads(second, route_offset_m=metres)]

    def test_three_positions_or_a_minute(self) -> None:
        assert TELLER.told(self.RULE, self.offsets((0, 51), (10, 51))) == []
        assert TELLER.told(self.RULE, self.offsets((0, 51), (10, 51), (20, 51))) == [(20, None)]
        assert TELLER.told(self.RULE, self.offsets((0, 51), (60, 51))) == [(60, None)]
        assert TELLER.told(self.RULE, self.offsets((0, 50), (60, 50), (120, 50))) == [], "beyond, not at"

    def test_it_leaves_under_thirty_metres_for_half_a_minute(self) -> None:
        off = ((0, 90), (30, 120), (60, 80))
        assert TELLER.told(self.RULE, self.offsets(*off, (70, 29), (99, 29), (100, 29))) == [(60, 100)]
        assert TELLER.told(self.RULE, self.offsets(*off, (70, 29), (90, 30), (110, 29))) == [(60, None)], (
            "30 begins anew"
        )
        assert TELLER.told(self.RULE, self.offsets(*off, (70, 29), (400, 29))) == [(60, None)], "a gap is no evidence"
        (alert,) = TELLER.alerts(self.RULE, self.offsets(*off, (70, 400), (80, 0), (110, 0)), 1_000)
        assert alert.raised.detail == {"since": TELLER.at(0), "greatest_m": 120}
        assert alert.cleared is not None
        assert alert.cleared.value == 400, "the greatest distance of all"

    def test_poor_positions_and_the_depot_do_not_count(self) -> None:
        far = self.offsets((0, 300), (10, 300), (20, 300), (60, 300))
        poor = [one for second in (0, 10, 20, 60) for one in north(second, 900, hdop=9.9)]
        depot = [one for second in (0, 10, 20, 60) for one in north(second, 0)]
        assert TELLER.told(self.RULE, far) == [(20, None)]
        assert TELLER.told(self.RULE, [*far, *poor]) == []
        assert TELLER.told(self.RULE, [*far, *depot]) == []
        home = [*self.offsets((100, 300), (130, 300)), *track((100, 0), (130, 0))]
        assert TELLER.told(self.RULE, [*self.offsets((0, 90), (60, 90)), *home]) == [(60, 130)], "home ends it"


class TestFrozenPosition:
    RULE = Rule("frozen", "frozen_position", FrozenPosition())

    def drive(self, *places: tuple[float, float], speed: float = 30, ignition: float = 1) -> list[Stored]:
        begun = TELLER.reads(0, ignition=ignition)
        return [*begun, *(one for second, metres in places for one in north(second, metres, speed_kmh=speed))]

    def test_the_same_place_at_speed(self) -> None:
        same = tuple((second, 0.0) for second in range(0, 121, 30))
        assert TELLER.told(self.RULE, self.drive(*same)) == [(120, None)]
        assert TELLER.told(self.RULE, self.drive(*same[:-1])) == [], "four positions over 90 s"
        assert TELLER.told(self.RULE, self.drive(*same, (150, 0.5), (180, 20))) == [(120, 180)]

    def test_not_when_it_stands_or_moves(self) -> None:
        same = tuple((second, 0.0) for second in range(0, 301, 30))
        assert TELLER.told(self.RULE, self.drive(*same, speed=0)) == []
        assert TELLER.told(self.RULE, self.drive(*same, ignition=0)) == []
        moving = tuple((second, second * 8.0) for second in range(0, 301, 30))
        assert TELLER.told(self.RULE, self.drive(*moving)) == []

    def test_a_gap_begins_anew(self) -> None:
        places = ((0, 0.0), (30, 0.0), (60, 0.0), (361, 0.0), (400, 0.0))
        assert TELLER.told(self.RULE, self.drive(*places)) == []


class TestStationary:
    RULE = Rule("still", "stationary", Stationary())

    def stand(self, *places: tuple[float, float]) -> list[Stored]:
        return [*TELLER.reads(0, on_duty=1), *track(*places)]

    def test_twenty_minutes_in_one_place_on_duty(self) -> None:
        still = tuple((second, second % 25) for second in range(0, 1_201, 60))
        assert TELLER.told(self.RULE, self.stand(*still)) == [(1_200, None)]
        assert TELLER.told(self.RULE, self.stand(*still[:-1])) == []
        assert TELLER.told(self.RULE, [*self.stand(*still), *north(1_230, 80)]) == [(1_200, 1_230)]
        assert TELLER.told(self.RULE, [*self.stand(*still), *TELLER.reads(1_300, on_duty=0)]) == [(1_200, 1_300)]

    def test_not_off_duty_not_in_a_rest_zone_not_by_a_gap(self) -> None:
        still = tuple((second, 0.0) for second in range(0, 2_401, 60))
        assert TELLER.told(self.RULE, track(*still)) == [], "nobody said that they are on duty"
        rest = Rule("still", "stationary", Stationary(exempt=(DEPOT,)))
        assert TELLER.told(rest, self.stand(*still)) == []
        assert TELLER.told(self.RULE, self.stand((0, 0), (300, 0), (601, 0), (1_200, 0))) == []
