"""What the alert engine writes, within the transaction of the telemetry that caused it.

All of it can be written again after a commit whose fate was unknown: what stands already is left as it is, and a
notification has a key under which it can stand only once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from psycopg import AsyncCursor

from alerts.engine import Dirty
from alerts.fold import Alert
from alerts.rule import Rule
from devices import instants
from devices.vocabulary import Device
from store import arrays
from store.alerts.bells import Bells, planning, ring
from store.alerts.turn import take_turn

_GIVEN = """
WITH given AS (
    SELECT * FROM unnest(%(devices)s::integer[], %(rules)s::text[], %(scopes)s::text[], %(raised)s::timestamptz[],
                         %(cleared)s::timestamptz[], %(values)s::float8[], %(ends)s::float8[], %(details)s::text[],
                         %(severities)s::text[], %(sets)s::integer[], %(contents)s::text[], %(rings)s::boolean[],
                         %(lates)s::boolean[], %(firsts)s::timestamptz[], %(befores)s::integer[])
        AS g (device_key, rule, scope, raised_at, cleared_at, raised_value, cleared_value, detail, severity, rule_set,
              content, rings, late, first, before)
)"""

_CLEAR_GIVEN = """, over AS (
    UPDATE alerts a SET cleared_at = g.cleared_at, cleared_value = g.cleared_value, settled_at = now(),
           held = NULL
      FROM given g
     WHERE g.cleared_at IS NOT NULL AND a.cleared_at IS NULL AND NOT a.retracted
       AND (a.device_key, a.rule, a.scope, a.raised_at) = (g.device_key, g.rule, g.scope, g.raised_at)
    RETURNING a.id, a.device_key, a.rule, a.scope, a.raised_at, g.content::jsonb AS content
), logged AS (
    INSERT INTO alert_log (alert_id, actor, action) SELECT id, 'hub', 'cleared' FROM over
)
INSERT INTO outbox (key, alert_id, action, content)
SELECT replace(o.key, 'raised:', 'cleared:'), over.id, 'cleared', over.content
  FROM over JOIN outbox o ON o.alert_id = over.id AND o.action = 'raised'
ON CONFLICT (key) DO NOTHING
"""
_CLEAR = _GIVEN + _CLEAR_GIVEN

# How often one was raised of late is counted in the device's time, over what stands here and what comes with it: so a
# batch that is written again, in halves or after a crash, makes the same of it.
_RAISE_GIVEN = """, told AS (
    INSERT INTO alerts (device_key, rule, scope, severity, rule_set, raised_at, cleared_at, raised_value, cleared_value,
                        detail, settled_at, late, revised_at, rings, flapping)
    SELECT device_key, rule, scope, severity, rule_set, raised_at, cleared_at, raised_value, cleared_value,
           detail::jsonb, CASE WHEN cleared_at IS NOT NULL THEN now() END, late, CASE WHEN late THEN now() END, rings,
           rings AND NOT late AND %(flaps)s <= before + (
               SELECT count(*) FROM alerts a
                WHERE a.device_key = g.device_key AND a.rule = g.rule AND a.scope = g.scope AND NOT a.retracted
                  AND a.raised_at < g.first AND a.raised_at > g.raised_at - %(flap_s)s)
      FROM given g ORDER BY raised_at
    ON CONFLICT DO NOTHING
    RETURNING id, device_key, rule, scope, raised_at, late, flapping
), logged AS (
    INSERT INTO alert_log (alert_id, actor, action, detail)
    SELECT id, 'hub', 'raised', jsonb_build_object('late', late)
           || CASE WHEN flapping THEN '{"flapping": true}' ELSE '{}' END::jsonb FROM told
)
SELECT t.id, g.content FROM told t JOIN given g USING (device_key, rule, scope, raised_at) WHERE g.rings
"""
_RAISE = _GIVEN + _RAISE_GIVEN

_DIRTY = """
INSERT INTO dirty_spans (device_key, since, frontier)
SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[])
ON CONFLICT (device_key) DO UPDATE SET since = least(dirty_spans.since, excluded.since)
"""

_TRACKS = """
INSERT INTO tracks (device_key, at, track) SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::bytea[])
ON CONFLICT (device_key, at) DO UPDATE SET track = excluded.track
"""

_RETRACT = """
WITH gone AS (
    UPDATE alerts SET retracted = true, revised_at = now() WHERE id = ANY (%s) AND NOT retracted RETURNING id
)
INSERT INTO alert_log (alert_id, actor, action) SELECT id, 'hub', 'retracted' FROM gone
"""

# Two alerts of one rule and device may change places. So they first leave the indexes that keep them apart.
_LIFT = "UPDATE alerts SET retracted = true WHERE id = ANY (%s)"
_MOVE = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(raised)s::timestamptz[], %(cleared)s::timestamptz[], %(values)s::float8[],
                         %(ends)s::float8[], %(details)s::text[], %(contents)s::text[])
        AS g (id, raised_at, cleared_at, raised_value, cleared_value, detail, content)
), before AS (
    SELECT a.id, a.raised_at, a.cleared_at FROM alerts a JOIN given USING (id)
), moved AS (
    UPDATE alerts a
       SET raised_at = g.raised_at, cleared_at = g.cleared_at, raised_value = g.raised_value,
           cleared_value = g.cleared_value, detail = g.detail::jsonb, retracted = false, revised_at = now(),
           settled_at = CASE WHEN g.cleared_at IS NOT NULL THEN coalesce(a.settled_at, now()) END
      FROM given g WHERE a.id = g.id
    RETURNING a.id
), logged AS (
    INSERT INTO alert_log (alert_id, actor, action, detail)
    SELECT id, 'hub', 'revised', jsonb_build_object('raised_at', raised_at, 'cleared_at', cleared_at) FROM before
)
INSERT INTO outbox (key, alert_id, action, content)
SELECT replace(o.key, 'raised:', 'cleared:'), g.id, 'cleared', o.content || g.content::jsonb
  FROM given g JOIN before b USING (id) JOIN outbox o ON o.alert_id = g.id AND o.action = 'raised'
 WHERE g.cleared_at IS NOT NULL AND b.cleared_at IS NULL
ON CONFLICT (key) DO NOTHING
"""

_REPAIRED = "DELETE FROM dirty_spans WHERE device_key = %s AND since >= %s"
_FORGET_TRACKS = "DELETE FROM tracks WHERE device_key = %s AND at >= %s"


class Told(msgspec.Struct, frozen=True):
    """An alert as it is to be told: of which device and rule, and whether a bell rings for it.

    ``late``: it was found by a repair, in a time that had been passed without it.
    """

    device: Device
    alert: Alert
    rule: Rule
    rule_set: int
    rings: bool
    late: bool = False
    unit: str = ""


async def record(cursor: AsyncCursor, told: Sequence[Told], bells: Bells | None = None) -> None:
    """Enter alerts that were raised, and clear those that were cleared; each stands here once, in its last form.

    For those that are new, bells ring, or are held back (:mod:`store.alerts.bells`).
    """
    if not told:
        return
    await take_turn(cursor)
    bells = bells or Bells()
    columns = _columns(told) | _earlier(told, bells.flap_s)
    prepare = planning(len(told))
    await cursor.execute(_CLEAR, columns, prepare=prepare)
    flapping = {"flaps": bells.flaps, "flap_s": timedelta(seconds=bells.flap_s)}
    await cursor.execute(_RAISE, {**columns, **flapping}, prepare=prepare)
    await ring(cursor, dict(await cursor.fetchall()), bells)


async def mark_dirty(cursor: AsyncCursor, dirty: Mapping[int, Dirty]) -> None:
    """Note from when on the history of devices must be folded again."""
    if dirty:
        since = arrays.instants(one.since for one in dirty.values())
        frontier = arrays.instants(one.frontier for one in dirty.values())
        await cursor.execute(_DIRTY, (arrays.integers(dirty), since, frontier))


async def keep_tracks(cursor: AsyncCursor, tracks: Mapping[int, tuple[int, bytes]]) -> None:
    """Keep checkpoints, by device key."""
    if tracks:
        times = arrays.instants(at for at, _ in tracks.values())
        await cursor.execute(
            _TRACKS, (arrays.integers(tracks), times, arrays.blobs(data for _, data in tracks.values()))
        )


async def revise(cursor: AsyncCursor, moved: Sequence[tuple[int, Alert]], vanished: Sequence[int]) -> None:
    """Let told alerts follow the repaired history: in their new form, or retracted.

    That one is over is told to those who were told of it, and to whom it was not over yet.
    """
    if moved or vanished:
        await take_turn(cursor)
    if vanished:
        await cursor.execute(_RETRACT, (list(vanished),))
    if moved:
        alerts = [alert for _, alert in moved]
        await cursor.execute(_LIFT, ([id_ for id_, _ in moved],))
        contents = arrays.texts(msgspec.json.encode({"cleared_at": alert.cleared_at}).decode() for alert in alerts)
        values = {"ids": arrays.bigints(id_ for id_, _ in moved), "contents": contents, **_forms(alerts)}
        await cursor.execute(_MOVE, values)


async def repaired(cursor: AsyncCursor, device_key: int, since: int) -> None:
    """The history of a device is sound again from ``since`` on; its checkpoints from there on are not."""
    at = instants.to_datetime(since)
    await cursor.execute(_REPAIRED, (device_key, at))
    await cursor.execute(_FORGET_TRACKS, (device_key, at))


def _forms(alerts: Sequence[Alert]) -> dict[str, bytes]:
    ends = [alert.cleared for alert in alerts]
    return {
        "raised": arrays.instants(alert.raised_at for alert in alerts),
        "cleared": arrays.instants(None if end is None else end.at for end in ends),
        "values": arrays.floats(alert.raised.value for alert in alerts),
        "ends": arrays.floats(None if end is None else end.value for end in ends),
        "details": arrays.texts(msgspec.json.encode(alert.raised.detail).decode() for alert in alerts),
    }


def _earlier(told: Sequence[Told], within_s: float) -> dict[str, bytes]:
    """For each: when the first here of its rule, device and scope was raised, and how many here shortly before it."""
    raised: dict[tuple[int, str, str], list[int]] = {}
    for one in told:
        raised.setdefault(_place(one), []).append(one.alert.raised_at)
    for here in raised.values():
        here.sort()
    befores = []
    for one in told:
        here, at = raised[_place(one)], one.alert.raised_at
        befores.append(bisect_left(here, at) - bisect_right(here, at - int(within_s * 1_000_000)))
    firsts = arrays.instants(raised[_place(one)][0] for one in told)
    return {"firsts": firsts, "befores": arrays.integers(befores)}


def _place(one: Told) -> tuple[int, str, str]:
    return one.device.key, one.rule.id, one.alert.scope


def _columns(told: Sequence[Told]) -> dict[str, bytes]:
    return {
        "devices": arrays.integers(one.device.key for one in told),
        "rules": arrays.texts(one.rule.id for one in told),
        "scopes": arrays.texts(one.alert.scope for one in told),
        "severities": arrays.texts(one.rule.severity for one in told),
        "sets": arrays.integers(one.rule_set for one in told),
        "contents": arrays.texts(msgspec.json.encode(_content(one)).decode() for one in told),
        "rings": arrays.booleans(one.rings for one in told),
        "lates": arrays.booleans(one.late for one in told),
        **_forms([one.alert for one in told]),
    }


def _content(one: Told) -> dict[str, Any]:
    """What a notification can say. Instants are the device's, in µs."""
    alert, device, rule = one.alert, one.device, one.rule
    return {
        "rule": rule.id,
        "kind": rule.kind,
        "title": rule.title,
        "title_zh": rule.title_zh,
        "severity": rule.severity,
        "device": {"id": device.id, "name": device.name, "kind": device.kind, "area": device.attributes.get("area")},
        "scope": alert.scope,
        "late": one.late,
        "raised_at": alert.raised_at,
        "cleared_at": alert.cleared_at,
        "value": alert.raised.value,
        "unit": one.unit,
        "detail": alert.raised.detail,
    }
