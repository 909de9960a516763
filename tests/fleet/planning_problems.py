"""Problems of collection to plan: any, within reason, for property tests; and a small one that a person can follow."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from fleet.master.places import Place
from fleet.planning.problem import Break, Demand, Options, Problem, Tip, Truck

S = 1_000_000
BEGIN = 1_780_000_000 * S
DEPOT = Place("depot", "depot", 114.30, 30.58)
TIP = Place("tip", "tip", 114.34, 30.60)
ON = date(2026, 5, 29)  # in Shanghai, at BEGIN


def truck(name: str = "truck-1", hours: float = 8, **fields: object) -> Truck:
    values = {"capacity_l": 3_000.0, "compaction": 3.0} | fields
    return Truck(name, DEPOT, DEPOT, BEGIN, BEGIN + round(hours * 3_600) * S, **values)  # type: ignore[arg-type]


def row(count: int, litres: float = 1_000.0, **fields: object) -> tuple[Demand, ...]:
    """Bins along a street that leads from the depot towards the tip, 100 m or so apart."""
    return tuple(
        Demand(f"bin-{n:03d}", 114.301 + n * 0.001, 30.581, litres, **fields)  # type: ignore[arg-type]
        for n in range(count)
    )


def problem(
    demands: tuple[Demand, ...], *trucks: Truck, tips: tuple[Tip, ...] = (Tip(TIP),), **options: object
) -> Problem:
    return Problem(ON, demands, trucks or (truck(),), tips, Options(**options))  # type: ignore[arg-type]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to 25 bins and 3 trucks, with windows, breaks, skills, priorities, tips or none; not all can be served."""
    hours = st.integers(0, 9 * 60).map(lambda minutes: BEGIN + minutes * 60 * S)
    demands = []
    for number in range(draw(st.integers(0, 25))):
        windows = draw(st.lists(st.tuples(hours, hours).map(lambda w: (min(w), max(w))), max_size=2))
        demands.append(
            Demand(
                f"bin-{number}",
                114.28 + draw(st.integers(0, 60)) / 1_000,
                30.56 + draw(st.integers(0, 40)) / 1_000,
                draw(st.floats(0, 4_000)),
                draw(st.floats(0, 700)),
                draw(st.floats(0, 900)),
                tuple(windows),
                draw(st.integers(0, 100)),
                skills=draw(st.sampled_from([(), (), ("crane",)])),
            )
        )
    trucks = []
    for number in range(draw(st.integers(1, 3))):
        start = draw(hours)
        rest = start + draw(st.integers(0, 5 * 60)) * 60 * S
        breaks = draw(st.sampled_from([(), (Break(rest, rest + 3_600 * S, 1_800.0),)]))
        trucks.append(
            Truck(
                f"truck-{number}",
                DEPOT,
                draw(st.sampled_from([DEPOT, TIP])),
                start,
                start + draw(st.integers(10, 480)) * 60 * S,
                draw(st.floats(500, 5_000)),
                draw(st.floats(1, 4)),
                draw(st.floats(500, 5_000)),
                breaks,
                draw(st.floats(0.5, 1.5)),
                draw(st.sampled_from([(), ("crane",)])),
            )
        )
    tips = draw(st.sampled_from([(), (Tip(TIP),), (Tip(TIP), Tip(Place("tip-2", "tip", 114.29, 30.57), 300.0))]))
    options = Options(exploration=0, threads=1, balance=draw(st.sampled_from([None, 0.1])), fewest=draw(st.booleans()))
    return Problem(ON, tuple(demands), tuple(trucks), tips, options)
