"""Which bins are to be collected: those that are ready, or will be before a truck comes again, and why.

From general practice (no standard): collect at 85 %, overflow at 95 %, and nothing stands longer than a week.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import msgspec

from fleet.planning.problem import Demand, Reason, Source, Span

HOUR_US = 3_600_000_000
_STEP_US = HOUR_US // 4
KG_PER_L = 0.16  #: of loose household refuse, where a bin does not say


class BinLevel(msgspec.Struct, frozen=True):
    """A bin and what is known of it. ``fill_pct`` was measured at ``at``; None: it was never heard.

    ``rate_pct_h`` is how fast it fills. ``alert``: something about it is open that the crew has to see to.
    """

    bin: str
    lon: float
    lat: float
    litres: float
    fill_pct: float | None = None
    at: int = 0
    rate_pct_h: float = 0.0
    emptied_at: int | None = None
    alert: bool = False
    kg_per_l: float = KG_PER_L
    service_s: float = 40.0
    windows: tuple[Span, ...] = ()
    skills: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """When a bin is due. ``again`` is when a truck could come next after this shift: who would be full by then is due.

    ``max_days`` since it was emptied makes it due by age; so does a silence of ``silent_h``, for nobody knows.
    With ``overflow_pct`` a bin without windows of its own is to be served before it is expected to hold so much, but
    nobody has to be there sooner than ``grace_s`` after the shift's beginning. ``as_of`` is when the levels were looked
    up, from which silence counts back; None: when the shift begins.
    """

    collect_pct: float = 85.0
    max_days: float = 7.0
    silent_h: float = 24.0
    again: int | None = None
    overflow_pct: float | None = None
    grace_s: float = 7_200.0
    as_of: int | None = None


ExpectedFill = Callable[[BinLevel, int], float]
"""The fill in per cent that a bin is expected to have at an instant (µs)."""


def straight(level: BinLevel, at: int) -> float:
    """What it held last, and its rate since then: the expectation where there is no better one."""
    held = level.fill_pct or 0.0
    return min(100.0, max(0.0, held + level.rate_pct_h * max(0, at - level.at) / HOUR_US))


def demands(
    levels: Iterable[BinLevel],
    begin: int,
    end: int,
    rule: Rule | None = None,
    expected: ExpectedFill = straight,
    foretold: Collection[str] = (),
) -> tuple[Demand, ...]:
    """The bins that are due in a shift ``[begin, end)``, by id.

    What a truck finds is expected for the middle of the shift. Priority grows with the fill at its end; alerts come
    first. ``foretold`` are the bins for which ``expected`` has a forecast.
    """
    rule = rule or Rule()
    middle = (begin + end) // 2
    found = []
    for level in sorted(levels, key=lambda one: one.bin):
        reason = _reason(level, begin, end, rule, expected)
        if reason is None:
            continue
        held = 50.0 if level.fill_pct is None else expected(level, middle)
        litres = round(level.litres * held / 100, 1)
        urgent = 100 if reason == "ALERT" else round(min(99.0, expected(level, end)))
        found.append(
            Demand(
                level.bin,
                level.lon,
                level.lat,
                litres,
                round(litres * level.kg_per_l, 2),
                level.service_s,
                level.windows or _deadline(level, begin, end, rule, expected),
                urgent,
                reason,
                level.skills,
                _source(level, begin, rule, foretold),
            )
        )
    return tuple(found)


def _deadline(level: BinLevel, begin: int, end: int, rule: Rule, expected: ExpectedFill) -> tuple[Span, ...]:
    """The span in which it has to be served so that it does not overflow; none where it will not in this shift."""
    if rule.overflow_pct is None or level.fill_pct is None or expected(level, end) < rule.overflow_pct:
        return ()
    latest = begin + round(rule.grace_s * 1e6)
    while latest < end and expected(level, latest + _STEP_US) < rule.overflow_pct:
        latest += _STEP_US
    return ((begin, latest),) if latest < end else ()


def _reason(level: BinLevel, begin: int, end: int, rule: Rule, expected: ExpectedFill) -> Reason | None:
    if level.alert:
        return "ALERT"
    if level.fill_pct is not None and expected(level, rule.again or end) >= rule.collect_pct:
        return "FULLNESS"
    if _unheard(level, begin, rule):
        return "AGE"
    if level.emptied_at is not None and end - level.emptied_at >= rule.max_days * 24 * HOUR_US:
        return "AGE"
    return None


def _unheard(level: BinLevel, begin: int, rule: Rule) -> bool:
    """Whether nobody knows what it holds."""
    as_of = begin if rule.as_of is None else rule.as_of
    return level.fill_pct is None or as_of - level.at > rule.silent_h * HOUR_US


def _source(level: BinLevel, begin: int, rule: Rule, foretold: Collection[str]) -> Source:
    if _unheard(level, begin, rule):
        return "age"
    return "forecast" if level.bin in foretold else "measured"
