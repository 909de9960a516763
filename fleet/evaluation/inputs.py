"""What an evaluation is made of: attendance, post time, ways walked, tasks, findings, judged rounds and corrections."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Literal, TypeVar

import msgspec

from fleet.compliance.result import Compliance
from fleet.evaluation.attendance import Presence
from fleet.evaluation.post_time import PostTime
from fleet.evaluation.result import Correction
from fleet.evaluation.walked import Walked

T = TypeVar("T", bound=msgspec.Struct)
FindingKind = Literal["inspection", "complaint"]
Outcome = Literal["open", "passed", "fault", "dismissed"]


class Task(msgspec.Struct, frozen=True):
    """Something to be done by a worker or a crew within ``[start, due)``; ``done_at`` None: not done so far.

    One that was ``cancelled`` does not count. ``refs`` are what people have attached.
    """

    id: str
    title: str
    start: int
    due: int
    worker: str | None = None
    crew: str | None = None
    area: str | None = None
    category: str = ""
    done_at: int | None = None
    cancelled: bool = False
    by: str = ""
    refs: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """What somebody found or complained of, at ``at``, about a worker or a crew.

    ``outcome``: only a ``fault`` costs anything; an inspection that was ``passed`` shows that there was one; a
    complaint is ``open`` until somebody has looked into it. ``points`` is what it costs by a sheet of deductions, None:
    what the scheme says.
    """

    id: str
    kind: FindingKind
    at: int
    outcome: Outcome
    category: str = ""
    text: str = ""
    points: float | None = None
    worker: str | None = None
    crew: str | None = None
    area: str | None = None
    by: str = ""
    refs: tuple[str, ...] = ()


class Inputs(msgspec.Struct, frozen=True):
    """Everything about a subject over a period. The order and repetitions mean nothing (:func:`settled`).

    ``now`` is up to when the data goes: a task that is due later is not late yet.
    """

    presences: tuple[Presence, ...] = ()
    posts: tuple[PostTime, ...] = ()
    walks: tuple[Walked, ...] = ()
    tasks: tuple[Task, ...] = ()
    findings: tuple[Finding, ...] = ()
    rounds: tuple[Compliance, ...] = ()
    corrections: tuple[Correction, ...] = ()
    now: int = 2**62


def settled(inputs: Inputs, start: int, end: int) -> Inputs:
    """The inputs that belong to ``[start, end)``, each once, in an order of their own.

    Shifts belong where they begin, findings where they were made, tasks where they were due. Of two findings with one
    id, which nobody should hand in, the same one is kept whatever the order.
    """
    return Inputs(
        presences=_once((one for one in inputs.presences if start <= one.start < end), _shift),
        posts=_once((one for one in inputs.posts if start <= one.start < end), _shift),
        walks=_once((one for one in inputs.walks if start <= one.start < end), _shift),
        tasks=_once((one for one in inputs.tasks if start <= one.due < end and not one.cancelled), lambda one: one.id),
        findings=_once((one for one in inputs.findings if start <= one.at < end), lambda one: (one.kind, one.id)),
        rounds=_once((one for one in inputs.rounds if start <= one.start < end), lambda one: (one.start, one.plan)),
        corrections=_newest(inputs.corrections),
        now=inputs.now,
    )


def _shift(one: Presence | PostTime | Walked) -> tuple[str, str]:
    return one.plan, one.worker


def _once(items: Iterable[T], key: Callable[[T], Hashable]) -> tuple[T, ...]:
    found: dict[Hashable, tuple[bytes, T]] = {}
    for one in items:
        entry = msgspec.json.encode(one), one
        named = key(one)
        if named not in found or found[named][0] < entry[0]:
            found[named] = entry
    return tuple(one for _, one in sorted(found.values(), key=lambda entry: entry[0]))


def _newest(corrections: Iterable[Correction]) -> tuple[Correction, ...]:
    """Of each deduction the correction that was decided last."""
    found: dict[str, Correction] = {}
    for one in sorted(set(corrections), key=lambda one: (one.at, one.appeal, one)):
        found[one.deduction] = one
    return tuple(found[name] for name in sorted(found))
