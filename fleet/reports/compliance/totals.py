"""Sums over judged plans: what the key figures of a compliance report are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from fleet.reports.compliance.judged import Judged
from fleet.reports.document import COUNT, DURATION, SHARE, Figure, Form, Said, against, number

ON_TIME_AIM = 0.99  #: DOMAIN.md, route compliance report
COVERAGE_AIM = 0.95
COMPLETE_AIM = 0.95


class Totals(msgspec.Struct, frozen=True):
    """Lengths in metres, durations in seconds. ``stops`` counts by state; ``complete_s`` is time with data."""

    plans: int
    planned_m: float
    covered_m: float
    missed_m: float
    unknown_m: float
    driven_m: float
    work_m: float
    wrong_speed_m: float
    deviation_m: float
    deviations: int
    work_s: float
    transit_s: float
    idle_s: float
    off_s: float
    no_data_s: float
    shift_s: float
    complete_s: float
    served: int
    late: int
    early: int
    missed: int
    not_full: int
    by_others: int
    stops_unknown: int
    empty_m: float | None
    fuel_l: float | None
    fuelled_m: float
    loads: int | None

    @property
    def scheduled(self) -> int:
        """Stops that were to be served."""
        return self.served + self.late + self.early + self.missed + self.excused + self.stops_unknown

    @property
    def excused(self) -> int:
        """Stops that were not served and that nobody missed: not full, or emptied by another vehicle."""
        return self.not_full + self.by_others

    @property
    def known(self) -> int:
        """Scheduled stops that were the vehicle's to serve, of those that there is data about."""
        return self.scheduled - self.stops_unknown - self.excused

    @property
    def coverage(self) -> float | None:
        """Share of the planned length that was covered, of what there is data about."""
        return _share(self.covered_m, self.covered_m + self.missed_m)

    @property
    def on_time(self) -> float | None:
        """On time ÷ scheduled, of the stops that were to be served and that there is data about."""
        return _share(self.served, self.known)

    @property
    def missed_per_10000(self) -> float | None:
        """Missed stops in ten thousand."""
        share = _share(self.missed, self.known)
        return None if share is None else share * 10_000

    @property
    def completeness(self) -> float | None:
        """Share of the shifts that there is data about."""
        return _share(self.complete_s, self.shift_s)

    @property
    def empty_running(self) -> float | None:
        """(total - effective) ÷ total way."""
        return None if self.empty_m is None else _share(self.empty_m, self.driven_m)

    @property
    def fuel_per_100_km(self) -> float | None:
        """Litres, of the vehicles that tell."""
        return None if self.fuel_l is None else _share(self.fuel_l * 100_000, self.fuelled_m)


def totals(judged: Sequence[Judged]) -> Totals:
    """The sums over plans, whatever their order."""
    all_ = [one.compliance for one in sorted(judged, key=lambda one: (one.compliance.start, one.compliance.plan))]
    passes = [one for each in all_ for one in each.passes]
    stops = Counter(stop.state for each in all_ for stop in each.stops)
    shift = [(each.end - each.start) / 1e6 for each in all_]
    empty = [each.empty_running * each.driven_m for each in all_ if each.empty_running is not None]
    fuelled = [each for each in all_ if each.fuel_l is not None]
    loads = [each.loads for each in all_ if each.loads is not None]
    return Totals(
        plans=len(all_),
        planned_m=sum(one.planned_m for one in passes),
        covered_m=sum(one.covered_m for one in passes),
        missed_m=sum(one.missed_m for one in passes),
        unknown_m=sum(one.no_data_m for one in passes),
        driven_m=sum(each.driven_m for each in all_),
        work_m=sum(each.split.work_m for each in all_),
        wrong_speed_m=sum(each.wrong_speed_m for each in all_),
        deviation_m=sum(one.length_m for each in all_ for one in each.deviations),
        deviations=sum(len(each.deviations) for each in all_),
        work_s=sum(each.split.work_s for each in all_),
        transit_s=sum(each.split.transit_s for each in all_),
        idle_s=sum(each.split.idle_s for each in all_),
        off_s=sum(each.split.off_s for each in all_),
        no_data_s=sum(each.split.no_data_s for each in all_),
        shift_s=sum(shift),
        complete_s=sum(each.completeness * length for each, length in zip(all_, shift, strict=True)),
        served=stops["served"],
        late=stops["late"],
        early=stops["early"],
        missed=stops["missed"],
        not_full=stops["not_full"],
        by_others=stops["other_vehicle"],
        stops_unknown=stops["no_data"],
        empty_m=sum(empty) if empty else None,
        fuel_l=sum(each.fuel_l or 0.0 for each in fuelled) if fuelled else None,
        fuelled_m=sum(each.driven_m for each in fuelled),
        loads=sum(loads) if loads else None,
    )


def main_figures(sums: Totals) -> tuple[Figure, ...]:
    """What a manager looks at first."""
    covered = Said(
        "note.of_km",
        {"part": f"{sums.covered_m / 1000:,.1f}", "whole": f"{(sums.covered_m + sums.missed_m) / 1000:,.1f}"},
    )
    complete = sums.completeness
    found = [
        Figure(
            "coverage", "figure.coverage", sums.coverage, SHARE, COVERAGE_AIM,
            against(sums.coverage, COVERAGE_AIM, 0.05), covered,
        ),
        Figure("completeness", "figure.completeness", complete, SHARE, None, against(complete, COMPLETE_AIM, 0.1)),
    ]  # fmt: skip
    if sums.scheduled:
        served = Said("note.of", {"part": str(sums.served), "whole": str(sums.known)})
        rate = sums.missed_per_10000
        found += [
            Figure(
                "on_time", "figure.on_time", sums.on_time, SHARE, ON_TIME_AIM,
                against(sums.on_time, ON_TIME_AIM, 0.04), served,
            ),
            Figure(
                "missed_per_10000", "figure.missed_per_10000", rate, Form("number", decimals=1), None,
                against(rate, 0, 50, at_most=True), Said("note.missed", {"count": str(sums.missed)}),
            ),
        ]  # fmt: skip
    return tuple(found)


def way_figures(sums: Totals) -> tuple[Figure, ...]:
    """Ways, fuel, loads."""
    km = number("unit.km", 1)
    deviated = against(sums.deviation_m, 0, 500, at_most=True)
    return (
        Figure("driven", "figure.driven", sums.driven_m / 1000, km),
        Figure("worked", "figure.worked", sums.work_m / 1000, km),
        Figure("wrong_speed", "figure.wrong_speed", sums.wrong_speed_m / 1000, number("unit.km", 2), None,
               against(sums.wrong_speed_m, 0, 500, at_most=True)),
        Figure("empty_running", "figure.empty_running", sums.empty_running, SHARE),
        Figure("deviation", "figure.deviation", sums.deviation_m / 1000, number("unit.km", 2), None, deviated,
               Said("note.times", {"count": str(sums.deviations)})),
        Figure("fuel", "figure.fuel", sums.fuel_per_100_km, number("unit.l100", 1)),
        Figure("loads", "figure.loads", sums.loads, COUNT),
    )  # fmt: skip


def time_figures(sums: Totals) -> tuple[Figure, ...]:
    """Where the time went."""
    named: Iterable[tuple[str, float]] = (
        ("work", sums.work_s), ("transit", sums.transit_s), ("idle", sums.idle_s), ("no_data", sums.no_data_s),
    )  # fmt: skip
    return tuple(Figure(f"time_{name}", f"figure.time.{name}", seconds, DURATION) for name, seconds in named)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
