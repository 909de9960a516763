"""The judgement: a scheme over the inputs of a worker or crew. The same inputs in any order give the same result."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

import msgspec

from fleet.evaluation.inputs import Inputs, settled
from fleet.evaluation.kpi import Fault, Measure, kpis
from fleet.evaluation.result import Attended, Correction, Deduction, Evaluation, Item, SubjectKind
from fleet.evaluation.scheme import ItemEntry, Scheme
from fleet.kpis.standing import standings

DIGITS = 4


class Subject(NamedTuple):
    """Who is judged."""

    kind: SubjectKind
    id: str
    name: str = ""


class _Cost(NamedTuple):
    fault: Fault
    kpi: str
    points: float


def evaluate(scheme: Scheme, subject: Subject, period: tuple[int, int], inputs: Inputs) -> Evaluation:
    """Points, grade and evidence of ``subject`` over ``period`` ([start, end), µs).

    An item without data gives its weight to the others in proportion; it is never counted as zero. A correction takes
    effect on the deduction that it names, or on the one of its item that has moved a little since.
    """
    own = settled(inputs, *period)
    measured = {entry.id: _costs(entry, own) for entry in scheme.items}
    weighed = sum(entry.weight for entry in scheme.items if measured[entry.id] is not None)
    factor = 100 / weighed if weighed else 0.0
    matched = _matched(measured, own.corrections)
    items = tuple(_item(entry, measured[entry.id], factor, matched) for entry in scheme.items)
    points = round(sum(item.points for item in items), 2) if weighed else None
    completeness = _completeness(own)
    enough = weighed >= scheme.least_weight and (completeness is None or completeness >= scheme.least_data)
    grade = scheme.grade(points) if points is not None and enough else None
    used = sorted({id(one): one for one in matched.values()}.values())
    told = Evaluation(
        *(scheme.id, scheme.version, subject.kind, subject.id, subject.name, *period, points),
        grade=None if grade is None else grade.title,
        grade_zh=None if grade is None else grade.title_zh,
        items=items,
        completeness=completeness,
        shifts=_shifts(own),
        welfare=tuple(sorted(standings(own))),
        corrections=tuple(used),
        loose=tuple(one for one in own.corrections if one not in used),
    )
    return msgspec.structs.replace(told, revision=revision(told))


def revision(told: Evaluation) -> str:
    """The hash of an evaluation over everything but itself, as 64 hexadecimal digits."""
    bare = msgspec.structs.replace(told, revision="")
    return sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def _costs(entry: ItemEntry, inputs: Inputs) -> list[_Cost] | None:
    """What each fault of an item costs, in points of the scheme; None where none of its KPIs has data."""
    measures: list[tuple[str, Measure]] = [
        (one.kpi, kpis()[one.kpi].measure(one.typed(), inputs)) for one in entry.measures
    ]
    known = [(name, measure) for name, measure in measures if measure.score is not None]
    if not known:
        return None
    found = {}
    for name, measure in known:
        for fault in measure.faults:
            points = fault.points if entry.mode == "points" else entry.weight * fault.share / len(known)
            found[fault.id] = _Cost(fault, name, points)
    return sorted(found.values(), key=lambda cost: (cost.fault.evidence.start, cost.fault.id))


def _matched(
    measured: Mapping[str, list[_Cost] | None], corrections: tuple[Correction, ...]
) -> dict[tuple[str, str], Correction]:
    """Which correction belongs to which deduction (item and fault).

    What costs nothing any more costs nothing in any item; what costs less was meant in the points of its own one.
    """
    found: dict[tuple[str, str], Correction] = {}
    faults = [(item, cost) for item, costs in measured.items() for cost in costs or ()]
    for one in corrections:
        for item, cost in faults:
            if cost.fault.id == one.deduction and (one.item in ("", item) or one.points == 0):
                found[item, cost.fault.id] = one
    named = set(map(id, found.values()))
    for one in corrections:
        if id(one) not in named:
            for item, cost in faults:
                if (item, cost.fault.id) not in found and _moved(one, item, cost):
                    found[item, cost.fault.id] = one
                    break
    return found


def _moved(one: Correction, item: str, cost: _Cost) -> bool:
    """Whether a correction was meant for this episode, which late data has moved: they share more than half of it."""
    start, end = cost.fault.evidence.start, cost.fault.evidence.end
    stem = cost.fault.id.rpartition(":")[0]
    shared = min(end, one.end) - max(start, one.start)
    same = (
        one.item == item
        and cost.fault.evidence.kind in ("track", "speed")
        and stem.count(":") >= 2
        and one.deduction.rpartition(":")[0] == stem
    )
    return same and end > start and shared * 2 > max(end - start, one.end - one.start)


def _item(
    entry: ItemEntry, costs: list[_Cost] | None, factor: float, matched: Mapping[tuple[str, str], Correction]
) -> Item:
    names = tuple(dict.fromkeys(one.kpi for one in entry.measures))
    titles = entry.title or entry.id, entry.title_zh or entry.title or entry.id
    if costs is None:
        return Item(entry.id, *titles, names, entry.weight, 0.0, None, 0.0)
    share, left = round(entry.weight * factor, DIGITS), entry.weight
    deductions = []
    for cost in costs:
        correction = matched.get((entry.id, cost.fault.id))
        asked = cost.points if correction is None else min(cost.points, correction.points)
        taken = min(asked, left)
        left -= taken
        deductions.append(
            Deduction(
                *(cost.fault.id, cost.kpi, round(cost.points, DIGITS), round(taken * factor, DIGITS)),
                cost.fault.evidence,
                correction,
            )
        )
    score, points = round(left / entry.weight, DIGITS), round(left * factor, DIGITS)
    return Item(entry.id, *titles, names, entry.weight, share, score, points, tuple(deductions))


def _completeness(inputs: Inputs) -> float | None:
    """Share of the planned hours with data: of shifts, and of rounds where no shift is known."""
    spans = [(one.end - one.start, one.completeness) for one in inputs.presences]
    spans = spans or [(one.end - one.start, one.completeness) for one in inputs.rounds]
    planned = sum(length for length, _ in spans)
    return round(sum(length * share for length, share in spans) / planned, DIGITS) if planned else None


def _shifts(inputs: Inputs) -> tuple[Attended, ...]:
    posts = {(one.plan, one.worker): one for one in inputs.posts}
    walks = {(one.plan, one.worker): one for one in inputs.walks}
    found = []
    for one in inputs.presences:
        post, walked = posts.get((one.plan, one.worker)), walks.get((one.plan, one.worker))
        share = None if walked is None else walked.share
        found.append(
            Attended(
                *(one.plan, one.worker, one.start, one.end, one.state, one.arrived, one.left),
                *(one.late_s, one.early_s, one.known_s),
                on_post_s=None if post is None else round(post.on_s, 1),
                off_post_s=None if post is None else round(post.off_s, 1),
                covered=None if share is None else round(share, DIGITS),
            )
        )
    return tuple(sorted(found, key=lambda row: (row.start, row.plan, row.worker)))
