"""The service of a public toilet over a span, from what is stored: air, visitors, stalls, meters, cleaning.

Air is judged by means of ten minutes against the limits of the toilet's class (DOMAIN.md: the older GB/T 17217-1998;
limits are per toilet, for those of the 2021 edition were not found). A reading holds until the next one, but for
:attr:`Limits.hold_s` at most; beyond that there is no data. Order and repetition of the readings change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import msgspec
import numpy as np

from fleet.toilets.counter import Counted, counted, summed
from fleet.toilets.held import Held, bounds, held
from fleet.track import Driven, Signal, in_order

MGM3_PER_PPM: Mapping[str, float] = {"nh3_ppm": 0.70, "h2s_ppm": 1.39}  #: at 25 °C (DOMAIN.md)
CLEANED = ("cleaned", "check_in")
METRICS = (
    *MGM3_PER_PPM, "people_in", "people_in_line_2", "people_in_line_3", "people_in_line_4", "people_out",
    "people_in_period", "stalls_occupied", "stall_occupied", "water_m3", "energy_kwh",
)  # fmt: skip
HOUR = 3_600_000_000
_COUNTERS = ("people_in", "people_in_line_2", "people_in_line_3", "people_in_line_4")


class Limits(msgspec.Struct, frozen=True):
    """How a toilet is judged. Limits in mg/m³, by class; ``known`` is how much of a window has to be known.

    The last three are the most that counters can rise in a minute (:mod:`fleet.toilets.counter`): one person a second
    through one door, where a door of 1 m lets about 1.2 through in a crowd; what a pipe of 65 mm brings at 3 m/s;
    what a connection of 100 kW does.
    """

    nh3_by_class: Mapping[str, float] = msgspec.field(default_factory=lambda: {"1": 0.3, "2": 1.0, "3": 3.0})
    h2s: float = 0.01
    window_s: int = 600
    hold_s: int = 900
    known: float = 0.6
    people_per_min: float = 60.0
    water_m3_per_min: float = 0.6
    energy_kwh_per_min: float = 1.7

    def of(self, metric: str, odour_class: str) -> float:
        """The limit of a gas; class 2 for a class that is not known."""
        if metric == "h2s_ppm":
            return self.h2s
        return self.nh3_by_class.get(odour_class, self.nh3_by_class["2"])


class Air(msgspec.Struct, frozen=True):
    """A gas over the span, mg/m³. ``over_s`` of ``known_s`` it was over ``limit``; ``hours`` are means of hours."""

    metric: str
    limit: float
    mean: float | None
    greatest: float | None
    known_s: float
    over_s: float
    hours: tuple[tuple[int, float | None], ...] = ()


class Doubt(msgspec.Struct, frozen=True):
    """A counter that cannot be right throughout: so many steps from a reading to the next were ``refused``."""

    metric: str
    refused: int


class Service(msgspec.Struct, frozen=True):
    """A toilet over ``[start, end)``. What its devices do not tell is None.

    ``hours`` are visits by hour. ``stall_use`` is the share of the stalls' time in which they were in use. ``cleaned``
    are the instants of cleaning; ``longest_s`` the longest time without one, counted from the beginning to the end.
    ``counters`` are those of which something was refused.
    """

    device: str
    name: str
    start: int
    end: int
    odour_class: str
    air: tuple[Air, ...]
    visits: int | None
    hours: tuple[tuple[int, float | None], ...]
    stall_use: float | None
    water_m3: float | None
    energy_kwh: float | None
    cleaned: tuple[int, ...]
    longest_s: float
    completeness: float
    place: tuple[float, float] | None = None
    counters: tuple[Doubt, ...] = ()


def serve(
    driven: Driven, *, name: str = "", odour_class: str = "2", stalls: int | None = None,
    place: tuple[float, float] | None = None, limits: Limits | None = None,
) -> Service:  # fmt: skip
    """What a toilet's readings and events over a span say. ``stalls`` is how many it has, where that is known."""
    limits = limits or Limits()
    driven = driven._replace(signals={name: in_order(signal) for name, signal in driven.signals.items()})
    start, end = driven.start, driven.end
    air = tuple(
        _air(metric, driven.signals[metric], start, end, odour_class, limits)
        for metric in MGM3_PER_PPM if metric in driven.signals
    )  # fmt: skip
    visits, hours, doubts = _visits(driven, limits)
    water, energy = _metered(driven, "water_m3", limits), _metered(driven, "energy_kwh", limits)
    doubts = (*doubts, _doubt("water_m3", water), _doubt("energy_kwh", energy))
    cleaned = tuple(sorted({at for kind, at, _ in driven.events if kind in CLEANED and start <= at < end}))
    marks = (start, *cleaned, end)
    return Service(
        device=driven.device,
        name=name,
        start=start,
        end=end,
        odour_class=odour_class,
        air=air,
        visits=visits,
        hours=hours,
        stall_use=_stalls(driven, stalls, limits),
        water_m3=_sum(water),
        energy_kwh=_sum(energy),
        cleaned=cleaned,
        longest_s=max(after - before for before, after in pairwise(marks)) / 1e6,
        completeness=_completeness(driven, limits),
        place=place,
        counters=tuple(one for one in doubts if one.refused),
    )


def _air(metric: str, signal: Signal, start: int, end: int, odour_class: str, limits: Limits) -> Air:
    scaled = Signal(signal.at, signal.value * MGM3_PER_PPM[metric])
    form = held(scaled, start, end, limits.hold_s * 1_000_000)
    limit = limits.of(metric, odour_class)
    width = limits.window_s * 1_000_000
    total, known = form.between(bounds(start, end, width))
    sure = known >= limits.known * width
    means = np.divide(total, known, out=np.zeros_like(total), where=known > 0)
    all_known = float(known.sum())
    return Air(
        metric=metric,
        limit=limit,
        mean=float(total.sum()) / all_known if all_known else None,
        greatest=float(means[sure].max()) if sure.any() else None,
        known_s=all_known / 1e6,
        over_s=float(known[sure & (means > limit)].sum()) / 1e6,
        hours=_hours(form, start, end),
    )


def _hours(form: Held, start: int, end: int) -> tuple[tuple[int, float | None], ...]:
    edges = bounds(start, end, HOUR)
    total, known = form.between(edges)
    pairs = zip(edges[:-1], total, known, strict=True)
    return tuple((int(at), float(worth / sure) if sure > 0 else None) for at, worth, sure in pairs)


def _visits(
    driven: Driven, limits: Limits
) -> tuple[int | None, tuple[tuple[int, float | None], ...], tuple[Doubt, ...]]:
    """Visits by the best that is told: counters of people in, what came in each period, counters of people out."""
    names = [name for name in _COUNTERS if name in driven.signals]
    names = names or [name for name in ("people_in_period", "people_out") if name in driven.signals][:1]
    if not names:
        return None, (), ()
    found = [_people(name, driven, limits) for name in names]
    at = np.concatenate([one.at for one in found])
    steps = np.concatenate([one.steps for one in found])
    edges = bounds(driven.start, driven.end, HOUR)
    by_hour, _ = np.histogram(at, bins=edges, weights=steps)
    told, _ = np.histogram(at, bins=edges)
    hours = tuple(
        (int(hour), float(sum_) if any_ else None) for hour, sum_, any_ in zip(edges[:-1], by_hour, told, strict=True)
    )
    return round(float(steps.sum())), hours, tuple(map(_doubt, names, found))


def _people(name: str, driven: Driven, limits: Limits) -> Counted:
    signal, start, end = driven.signals[name], driven.start, driven.end
    if name == "people_in_period":
        return summed(signal, start, end, limits.people_per_min)
    return counted(signal, start, end, limits.people_per_min)


def _doubt(metric: str, found: Counted | None) -> Doubt:
    return Doubt(metric, found.refused if found else 0)


def _stalls(driven: Driven, stalls: int | None, limits: Limits) -> float | None:
    hold = limits.hold_s * 1_000_000
    if "stalls_occupied" in driven.signals and stalls:
        form = held(driven.signals["stalls_occupied"], driven.start, driven.end, hold)
        worth = 1.0 / stalls
    elif "stall_occupied" in driven.signals:
        form, worth = held(driven.signals["stall_occupied"], driven.start, driven.end, hold), 1.0
    else:
        return None
    return float(form.sum[-1] / form.known[-1] * worth) if len(form.known) and form.known[-1] else None


def _metered(driven: Driven, metric: str, limits: Limits) -> Counted | None:
    signal = driven.signals.get(metric)
    if signal is None or not len(signal.at):
        return None
    most = limits.water_m3_per_min if metric == "water_m3" else limits.energy_kwh_per_min
    return counted(signal, driven.start, driven.end, most)


def _sum(found: Counted | None) -> float | None:
    return None if found is None else float(found.steps.sum())


def _completeness(driven: Driven, limits: Limits) -> float:
    """Share of the windows from which anything was heard."""
    edges = bounds(driven.start, driven.end, max(limits.window_s, limits.hold_s) * 1_000_000)
    found = np.zeros(len(edges) - 1, bool)
    for signal in driven.signals.values():
        found |= np.histogram(signal.at, bins=edges)[0] > 0
    return float(found.mean()) if len(found) else 0.0
