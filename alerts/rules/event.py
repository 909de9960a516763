"""Something that a device reports as having happened: SOS, a terminal's alarm bits, a stop that was missed.

JT/T 808 terminals set an alarm's bit in every position while it lasts, and decoding makes an event of each
(``sos``, ``collision``, ``power_lost`` ...; JT/T 808-2013, table 24).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated

import msgspec

from alerts.kind import NOTHING, Calm, Change, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND

MOST_OPEN = 64
FOREVER = 2**62


class Happening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event of one of ``events``, or a reading of one of ``metrics`` that is on (0 or 1), raises at once.

    ``scope_by``: "" for one alert of all of them, ``kind`` for one of each kind of event, else the name of the event's
    attribute that tells them apart (``stop``); then the newest 64 are kept open. While it is open a repetition only
    keeps it so. It is over with an event of ``clear_events`` of the same scope (one without that attribute ends all),
    ``after_s`` seconds after the last repetition (None: never by itself), and, with ``while_reported``, at the first
    position that no longer reports it: so JT/T 808 terminals say that an alarm has ended.
    """

    events: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    clear_events: tuple[str, ...] = ()
    scope_by: str = ""
    after_s: Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)] | None = 3_600
    while_reported: bool = False


class Happened(State, frozen=True, kw_only=True):
    """The last instant (µs) at which each scope was reported, of those that are open; in order of first report."""

    last: Mapping[str, int] = {}


def step(params: Happening, state: Happened | None, moment: Moment) -> Step:
    """Take what is reported, and what is no longer."""
    found = _reported(params, moment)
    if not found and (state is None or not state.last):
        return state, NOTHING
    last, at = dict(state.last) if state is not None else {}, moment.at
    changes: list[Change] = [Cleared(at, scope=scope) for scope in _expired(params, last, at)]
    over = _ended(params, last, moment) - found.keys()
    if params.while_reported and moment.position is not None:
        over |= last.keys() - found.keys()
    for change in changes:
        del last[change.scope]
    for scope in sorted(over & last.keys()):
        del last[scope]
        changes.append(Cleared(at, scope=scope))
    for scope, detail in found.items():
        if scope not in last:
            if len(last) == MOST_OPEN:
                oldest = next(iter(last))
                del last[oldest]
                changes.append(Cleared(at, scope=oldest))
            changes.append(Raised(at, scope=scope, detail=detail))
        last[scope] = at
    return _kept(params, last), tuple(changes)


def wake(params: Happening, state: Happened, at: int) -> Step:
    """Some have not been reported for long enough."""
    expired = _expired(params, state.last, at)
    last = {scope: when for scope, when in state.last.items() if scope not in expired}
    return _kept(params, last), tuple(Cleared(at, scope=scope) for scope in expired)


def _kept(params: Happening, last: Mapping[str, int]) -> Happened | None:
    return Happened(last=last, due=_due(params, last)) if last else None


def _reported(params: Happening, moment: Moment) -> dict[str, dict[str, object]]:
    """What the moment reports: scopes, each with what it says of them."""
    found: dict[str, dict[str, object]] = {}
    for kind, attributes in moment.events:
        if kind in params.events:
            found.setdefault(_scope(params, kind, attributes), {"event": kind})
    for metric in params.metrics:
        if moment.readings.get(metric, 0.0) >= 0.5:
            found.setdefault(metric if params.scope_by == "kind" else "", {"metric": metric})
    return found


def _ended(params: Happening, last: Mapping[str, int], moment: Moment) -> set[str]:
    over: set[str] = set()
    for kind, attributes in moment.events:
        if kind in params.clear_events:
            named = params.scope_by not in ("", "kind") and params.scope_by in attributes
            over |= {_scope(params, kind, attributes)} if named else last.keys()
    return over


def _scope(params: Happening, kind: str, attributes: Mapping[str, object]) -> str:
    if params.scope_by == "kind":
        return kind
    return str(attributes.get(params.scope_by, ""))[:80] if params.scope_by else ""


def _expired(params: Happening, last: Mapping[str, int], at: int) -> list[str]:
    if params.after_s is None:
        return []
    return [scope for scope, when in last.items() if at - when >= int(params.after_s * SECOND)]


def _due(params: Happening, last: Mapping[str, int]) -> int | None:
    return min(last.values()) + int(params.after_s * SECOND) if last and params.after_s is not None else None


def _check(params: Happening) -> str | None:
    if not params.events and not params.metrics:
        return "events: expected at least one event or metric"
    if shared := sorted({*params.events} & {*params.clear_events}):
        return f"clear_events: {shared[0]} cannot both raise and clear"
    return None


def _watch(params: Happening) -> Watch:
    kinds = frozenset((*params.events, *params.clear_events))
    return Watch(frozenset(params.metrics), position=params.while_reported, events=kinds)


def _calm(params: Happening) -> Calm:
    return Calm(frozenset(params.events), tuple((metric, -inf, 0.5) for metric in params.metrics))


KIND = Kind("event", "An event", Happening, Happened, _watch, step, wake, _check, calm=_calm)
