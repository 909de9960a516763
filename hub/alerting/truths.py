"""A backtest held against the truth: what a simulated city's rules should have found, and how much of it they did.

What a rule is to find of the truth stands in :mod:`alerts.expectations`, and what could be seen of it is told by
:mod:`alerts.sight` from the instants at which the store holds a word of the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from alerts.expectations import EXPECTATIONS, Expectation
from alerts.moment import Moment
from alerts.rule import Rule
from alerts.scoring import SECOND, Score, Told, score
from alerts.sight import Happening, Reports, Sight
from devices.errors import ConfigError
from devices.vocabulary import Device
from hub.alerting.backtest import Compared, Span
from simulators.truth import Record, Truth, TruthError, read_truth

ON = {"vehicle": "ignition", "worker": "on_duty"}  #: the metric by which a device says that it is on

_LASTING = {one.lasting for one in EXPECTATIONS if one.lasting is not None}


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule did against the truth; delays in seconds, from the beginning of what happened to the alert."""

    rule: str
    truth: str
    truths: int
    found: int
    missed: int
    wrong: int
    precision: float | None
    recall: float | None
    delay_p50_s: float | None
    delay_p95_s: float | None


class Witness:
    """Notes when each device said something, while its history is read."""

    def __init__(self) -> None:
        self.reports: dict[str, Reports] = {}

    def note(self, device: Device, moments: Sequence[Moment]) -> None:
        """A device said something at these moments, which are in order."""
        found = self.reports.setdefault(device.id, Reports([], []))
        metric = ON.get(device.kind, "")
        for moment in moments:
            found.at.append(moment.at)
            found.on.append(moment.readings.get(metric, 0.0) >= 0.5)


def read_truths(path: Path) -> Truth:
    """The truth of a run (``sanihub simulate --truth``). Raises ConfigError."""
    try:
        return read_truth(path)
    except (TruthError, OSError) as error:
        raise ConfigError(f"--truth: {error}") from None


def scores(
    truth: Truth,
    witness: Witness,
    compared: Sequence[Compared],
    devices: Sequence[Device],
    rules: Sequence[Rule],
    span: Span,
) -> list[Scored]:
    """The score of each rule that the truth has something to say of."""
    begun = max(span.begin, truth.header.start_us)
    records = [record for record in truth.records if begun <= record.start_us < span.end]
    happened = [_happening(record, span.end) for record in records]
    sight = Sight(happened, witness.reports, begun, span.end)
    by_id = {rule.id: rule for rule in rules if rule.enabled}
    asked = (one for one in EXPECTATIONS if one.rule in by_id)
    return [_scored(one, by_id[one.rule], sight, compared, devices, begun) for one in asked]


def _scored(
    expected: Expectation,
    rule: Rule,
    sight: Sight,
    compared: Sequence[Compared],
    devices: Sequence[Device],
    begun: int,
) -> Scored:
    watched = {device.id for device in devices if rule.scope.holds(device)}
    fired = [(one.device, one.fired) for one in compared if one.rule == rule.id and one.fired is not None]
    told = [Told(device, alert.raised_at) for device, alert in fired if alert.raised_at >= begun]
    truths = [*sight.asked(expected, watched), *sight.excuses(expected, watched)]
    return _row(expected, score(told, truths, expected.tolerance))


def _row(expected: Expectation, found: Score) -> Scored:
    return Scored(
        rule=expected.rule,
        truth=expected.kind,
        truths=found.found + len(found.missed),
        found=found.found,
        missed=len(found.missed),
        wrong=len(found.wrong),
        precision=found.precision,
        recall=found.recall,
        delay_p50_s=found.delay_s(50),
        delay_p95_s=found.delay_s(95),
    )


def _happening(record: Record, over: int) -> Happening:
    """A record; of what does not say how long it lasted on end (it was open when the run ended), all of it did."""
    whole_s = ((record.end_us or over) - record.start_us) / SECOND
    detail = dict.fromkeys(_LASTING, whole_s) | record.detail | {"open": record.open}
    return Happening(record.kind, record.device_id, record.start_us, record.end_us, detail)
