"""Detection scored: the alerts of the default rules over a simulated city against what really happened in it.

The records are those that the hub would store: the frames go through the adapter's decoder and are filed as of the
instants at which they arrive. The alerts are those that the history of each device makes, which is what live evaluation
and repair end in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from alerts.expectations import EXPECTATIONS, Expectation
from alerts.fold import Alert, Track
from alerts.moment import Moment, gather
from alerts.rule_file import read_rules
from alerts.rulebook import Rulebook, RuleSet, final
from alerts.scoring import Score, Told, Truth, joined, score
from devices.clock import ClockPolicy
from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Batch, Device, Frame
from hub.alerting.service import default_text
from hub.bench.alerts.city import AlertCity
from ingest.adapters.mqtt_json import MqttJson
from ingest.filing import Filer

PREFIX = "sanihub"


class Row(msgspec.Struct):
    """The score of one rule over all seeds; delays in seconds.

    ``strict`` is the score without indulgence: every truth asks to be found, however short or hidden, and every
    alert that finds none of its own is wrong.
    """

    rule: str
    truth: str
    truths: int
    found: int
    missed: int
    wrong: int
    again: int
    excused: int
    unseen: int
    precision: float | None
    recall: float | None
    delay_p50_s: float | None
    delay_p95_s: float | None
    goal: float | None
    strict_precision: float | None
    strict_recall: float | None


class Detection(msgspec.Struct):
    """What a run of seeds came to."""

    seeds: list[int]
    hours: float
    rows: list[Row]
    messages: int


def default_book(since: int) -> Rulebook:
    """The rules that come along, in force from an instant (µs) on."""
    return Rulebook((RuleSet(1, since, read_rules(default_text(), "default_rules.yaml")),))


def detect(city: AlertCity) -> dict[str, list[Alert]]:
    """The alerts of each device over the whole run."""
    book = default_book(city.begin)
    frames: dict[str, list[Frame]] = defaultdict(list)
    for frame in city.frames:
        frames[frame.channel.split("/")[2]].append(frame)
    decode, found = MqttJson(PREFIX, Catalogue()), {}
    for device in city.devices.values():
        moments = filed(city, device, frames[device.id], decode)
        horizon = city.end + min(0, city.sight.clock(device.id))
        found[device.id] = final((), book.fold(Track(), device, moments, horizon))
    return found


def filed(city: AlertCity, device: Device, frames: Sequence[Frame], decode: MqttJson) -> list[Moment]:
    """A device's frames as moments, in order, with the distances that are derived from its positions."""
    filer, batch = Filer(ClockPolicy()), Batch()
    for frame in frames:
        try:
            decoded = decode(frame)
        except DecodeError:
            continue
        for index, uplink in enumerate(decoded.uplinks):
            filer.file(frame, uplink, index, device, {}, batch)
    batch.readings.extend(city.tracker.derive(batch.fixes))
    moments = gather(batch.readings, batch.fixes, batch.events).get(device.key, {})
    return [moments[at] for at in sorted(moments)]


def told_by(alerts: dict[str, list[Alert]], rule: str) -> Iterator[Told]:
    """What a rule told."""
    return (Told(device, one.raised_at) for device, own in alerts.items() for one in own if one.rule == rule)


def scored(city: AlertCity, alerts: dict[str, list[Alert]]) -> Iterator[tuple[Expectation, Score, Score, list[Truth]]]:
    """The score of each expectation in one city, the strict one, and the truths that it was held against."""
    book = default_book(city.begin)
    watched = {id_: book.kinds_of(device, book.current.version) for id_, device in city.devices.items()}
    for expected in EXPECTATIONS:
        devices = {device for device, rules in watched.items() if expected.rule in rules}
        asked = city.sight.asked(expected, devices)
        truths = [*asked, *city.sight.excuses(expected, devices)]
        told = [*told_by(alerts, expected.rule)]
        all_of_it = [replace(one, counts=True) for one in asked]
        strict = score(told, all_of_it, replace(expected.tolerance, again=False))
        yield expected, score(told, truths, expected.tolerance), strict, asked


def measure(seeds: Iterable[int], hours: float) -> Detection:
    """Score every rule over several seeds."""
    scores: dict[str, list[Score]] = defaultdict(list)
    stricts: dict[str, list[Score]] = defaultdict(list)
    unseen: dict[str, int] = defaultdict(int)
    seeds, messages = list(seeds), 0
    for seed in seeds:
        city = AlertCity(seed, hours)
        messages += len(city.frames)
        for expected, found, strict, truths in scored(city, detect(city)):
            scores[expected.rule].append(found)
            stricts[expected.rule].append(strict)
            unseen[expected.rule] += sum(not one.counts for one in truths)
    rows = [_row(one, joined(scores[one.rule]), joined(stricts[one.rule]), unseen[one.rule]) for one in EXPECTATIONS]
    return Detection(seeds, hours, rows, messages)


def _row(expected: Expectation, found: Score, strict: Score, unseen: int) -> Row:
    return Row(
        expected.rule,
        expected.kind,
        found.found + len(found.missed),
        found.found,
        len(found.missed),
        len(found.wrong),
        found.again,
        found.excused,
        unseen,
        found.precision,
        found.recall,
        found.delay_s(50),
        found.delay_s(95),
        expected.goal,
        strict.precision,
        strict.recall,
    )
