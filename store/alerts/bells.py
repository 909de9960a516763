"""Which alerts ring a bell: not those that flap, are shelved, or are part of a storm.

A storm is either the devices behind a gateway that is silent itself, or more alerts of one rule within a short time
than anybody reads. One alert is its head, the others are its parts: they ring no bell, and one notification tells of
all. What is held back for flapping or a storm is kept with the alert, and rings when it is calm and the alert lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from psycopg import AsyncCursor

from store import arrays


class Bells(msgspec.Struct, frozen=True):
    """When bells are held back.

    An alert that was raised ``flaps`` times before within ``flap_s`` (the device's time) flaps. More than ``storm``
    alerts of one rule told within ``storm_s`` are a storm; what comes within ``gather_s`` of its first part is told as
    one. ``silences`` are the rules that tell of silence: a device's is part of its gateway's.
    """

    flaps: int = 5
    flap_s: float = 600
    storm: int = 30
    storm_s: float = 60
    gather_s: float = 30
    silences: tuple[str, ...] = ()


# A gateway may stand behind another: what is behind it is then part of the outermost storm.
_BEHIND = """
WITH new AS (
    SELECT a.id, a.rule, a.raised_at, a.flapping, a.late, d.key, d.id AS device, d.attributes ->> 'gateway' AS gateway
      FROM alerts a JOIN devices d ON d.key = a.device_key WHERE a.id = ANY (%(ids)s::bigint[])
), nearest AS (
    SELECT n.id, h.id AS head, coalesce(r.id, h.id) AS root
      FROM new n JOIN devices g ON g.id = n.gateway AND g.key <> n.key
      JOIN LATERAL (SELECT a.id, a.storm FROM alerts a
                     WHERE a.device_key = g.key AND a.rule = ANY (%(silences)s::text[]) AND a.cleared_at IS NULL
                       AND NOT a.retracted ORDER BY a.id LIMIT 1) AS h ON true
      LEFT JOIN alerts r ON r.id = h.storm AND r.cleared_at IS NULL AND NOT r.retracted
     WHERE n.rule = ANY (%(silences)s::text[])
), behind AS (
    SELECT n.id, coalesce(o.root, n.root) AS head FROM nearest n LEFT JOIN nearest o ON o.id = n.head
     WHERE coalesce(o.root, n.root) <> n.id
)"""
_MANY = """, counted AS (
    SELECT id, rule, row_number() OVER (PARTITION BY rule ORDER BY raised_at, id) AS place FROM new n
     WHERE NOT flapping AND NOT late AND id NOT IN (SELECT id FROM behind UNION ALL SELECT head FROM behind)
), before AS (
    SELECT rule, count(DISTINCT device_key) AS told FROM alerts a
     WHERE a.rule IN (SELECT rule FROM counted) AND a.told_at > now() - %(storm_s)s AND a.id NOT IN (SELECT id FROM new)
       AND a.rings AND NOT a.flapping AND NOT a.late AND NOT a.behind
     GROUP BY rule
), excess AS (
    SELECT id, rule FROM counted LEFT JOIN before USING (rule) WHERE place + coalesce(told, 0) > %(storm)s
), heads AS (
    SELECT DISTINCT ON (a.rule) a.rule, a.id FROM alerts a
     WHERE a.rule IN (SELECT rule FROM excess) AND a.told_at > now() - %(storm_s)s - %(gather_s)s
       AND a.rings AND NOT a.flapping AND NOT a.late AND a.storm IS NULL AND NOT a.storm_told
       AND (a.storm_due > now() OR a.told_at > now() - %(storm_s)s)
       AND a.id NOT IN (SELECT id FROM behind)
     ORDER BY a.rule, a.storm_due DESC NULLS LAST, a.told_at, a.raised_at, a.id
)"""
_STORM_GIVEN = """, parts AS (
    SELECT id, head, true AS behind FROM behind
    UNION ALL
    SELECT e.id, h.id, false FROM excess e JOIN heads h USING (rule) WHERE h.id <> e.id
), joined AS (
    UPDATE alerts a SET storm = p.head, behind = p.behind FROM parts p WHERE a.id = p.id
)
UPDATE alerts a SET storm_due = now() + %(gather_s)s
 WHERE a.id IN (SELECT head FROM parts) AND a.id NOT IN (SELECT id FROM parts)
   AND a.storm_due IS NULL AND NOT a.storm_told
"""
_STORM = _BEHIND + _MANY + _STORM_GIVEN

# The devices behind a gateway may have been told before it, also as a storm of their own: they are part of its storm
# all the same.
_ADOPT = """
WITH heads AS (
    SELECT a.id, a.device_key, d.id AS device FROM alerts a JOIN devices d ON d.key = a.device_key
     WHERE a.id = ANY (%(ids)s::bigint[]) AND a.rule = ANY (%(silences)s::text[]) AND a.storm IS NULL
       AND a.cleared_at IS NULL
), parts AS (
    UPDATE alerts a SET storm = h.id, behind = true
      FROM devices d JOIN heads h ON h.device = d.attributes ->> 'gateway'
     WHERE d.key = a.device_key AND a.rule = ANY (%(silences)s::text[]) AND a.cleared_at IS NULL AND NOT a.retracted
       AND NOT a.behind AND a.id <> ALL (%(ids)s::bigint[]) AND a.device_key <> h.device_key
       AND NOT EXISTS (SELECT FROM alerts p WHERE p.storm = a.id AND p.behind)
    RETURNING a.storm
)
UPDATE alerts a SET storm_due = now() + %(gather_s)s
 WHERE a.id IN (SELECT storm FROM parts) AND a.storm_due IS NULL AND NOT a.storm_told
"""

# A clearing is told only to those who were told of the raising, and nobody is told of what is shelved.
_RING = """
WITH new AS (
    SELECT a.id, a.cleared_at, g.content::jsonb AS content,
           a.flapping OR (a.storm IS NOT NULL AND h.storm IS NULL) AS hold,
           concat_ws('/', a.device_key, a.rule, a.scope, extract(epoch FROM a.raised_at)) AS key
      FROM alerts a JOIN unnest(%(ids)s::bigint[], %(contents)s::text[]) AS g (id, content) USING (id)
      LEFT JOIN alerts h ON h.id = a.storm
     WHERE NOT EXISTS (SELECT FROM shelves s
                        WHERE s.until > now() AND coalesce(s.rule, a.rule) = a.rule
                          AND coalesce(s.device_key, a.device_key) = a.device_key)
), kept AS (
    UPDATE alerts a SET held = n.content FROM new n WHERE n.id = a.id AND n.hold AND n.cleared_at IS NULL
)
INSERT INTO outbox (key, alert_id, action, content)
SELECT 'raised:' || key, id, 'raised', content FROM new WHERE NOT hold
UNION ALL
SELECT 'cleared:' || key, id, 'cleared', content FROM new WHERE NOT hold AND cleared_at IS NOT NULL
ON CONFLICT (key) DO NOTHING
"""


MANY = 100  #: alerts at once, for which a statement is planned anew


def planning(alerts: int) -> bool | None:
    """What ``prepare`` is to be for a statement about so many alerts: False plans it anew, None leaves it to psycopg.

    A plan that is kept was made for a few of few alerts: in a storm of thousands it reads the whole table for each.
    """
    return False if alerts > MANY else None


async def ring(cursor: AsyncCursor, contents: Mapping[int, str], bells: Bells) -> None:
    """Ring for alerts that were just entered, or hold back; ``contents`` are their notifications, by their numbers.

    In the transaction that enters them.
    """
    if not contents:
        return
    values: dict[str, Any] = {
        "ids": arrays.bigints(contents),
        "contents": arrays.texts(contents.values()),
        "silences": arrays.texts(bells.silences),
        "storm": bells.storm,
        "storm_s": timedelta(seconds=bells.storm_s),
        "gather_s": timedelta(seconds=bells.gather_s),
    }
    prepare = planning(len(contents))
    await cursor.execute(_STORM, values, prepare=prepare)
    if bells.silences:
        await cursor.execute(_ADOPT, values, prepare=prepare)
    await cursor.execute(_RING, values, prepare=prepare)


# What people are told of a storm is what its head would say, with the devices inside; where the head rang no bell (it
# is shelved), what its first part would have said. The silence of a gateway that is shelved is expected.
_TELL = """
WITH due AS (
    SELECT a.id FROM alerts a WHERE a.storm_due <= now() ORDER BY a.storm_due LIMIT %(most)s FOR UPDATE SKIP LOCKED
), up AS (
    UPDATE alerts a SET storm_due = NULL, storm_told = true FROM due WHERE a.id = due.id
), inside AS (
    SELECT due.id, array_agg(DISTINCT d.id) AS devices
      FROM due JOIN alerts p ON p.storm = due.id AND NOT p.retracted JOIN devices d ON d.key = p.device_key
     GROUP BY due.id
), said AS (
    SELECT i.id, i.devices, coalesce(
               (SELECT o.content FROM outbox o WHERE o.alert_id = i.id AND o.action = 'raised'),
               (SELECT a.held FROM alerts a WHERE a.id = i.id),
               (SELECT p.held FROM alerts p WHERE p.storm = i.id AND NOT p.behind AND p.held IS NOT NULL
                 ORDER BY p.id LIMIT 1)) AS content
      FROM inside i
), done AS (
    UPDATE alerts a SET held = NULL FROM due WHERE a.storm = due.id AND NOT a.behind AND a.held IS NOT NULL
), logged AS (
    INSERT INTO alert_log (alert_id, actor, action, detail)
    SELECT id, 'hub', 'storm', jsonb_build_object('devices', cardinality(devices)) FROM said
)
INSERT INTO outbox (key, alert_id, action, content)
SELECT 'storm:' || id, id, 'storm',
       content || jsonb_build_object('members', to_jsonb(devices[1:20]), 'member_count', cardinality(devices))
  FROM said WHERE content IS NOT NULL
ON CONFLICT (key) DO NOTHING
"""

# Held back, and still there though it is calm: the gateway has long been back, or it has not been raised again for
# long. The parts of a storm that is no gateway's were told with it, and nothing of them is held any more.
_RELEASE = """
WITH due AS (
    SELECT a.id, a.device_key, a.rule, a.scope, a.raised_at, a.held
      FROM alerts a LEFT JOIN alerts h ON h.id = a.storm
     WHERE a.held IS NOT NULL AND a.cleared_at IS NULL AND NOT a.retracted AND a.closed_at IS NULL
       AND a.acknowledged_at IS NULL AND (a.quiet_until IS NULL OR a.quiet_until <= now())
       AND (NOT a.flapping OR a.told_at <= now() - %(flap_s)s)
       AND (a.storm IS NULL OR (a.behind AND (h.retracted OR h.settled_at <= now() - %(release_s)s)))
     ORDER BY a.told_at LIMIT %(most)s FOR UPDATE OF a SKIP LOCKED
), up AS (
    UPDATE alerts a SET held = NULL, flapping = false FROM due WHERE a.id = due.id
), logged AS (
    INSERT INTO alert_log (alert_id, actor, action) SELECT id, 'hub', 'released' FROM due
)
INSERT INTO outbox (key, alert_id, action, content)
SELECT 'raised:' || concat_ws('/', device_key, rule, scope, extract(epoch FROM raised_at)), id, 'raised',
       held || jsonb_build_object('raised_at', (extract(epoch FROM raised_at) * 1000000)::bigint)
  FROM due
ON CONFLICT (key) DO NOTHING
"""


async def tell_storms(cursor: AsyncCursor, most: int) -> int:
    """Tell of each storm that has gathered for long enough, once; how many notifications."""
    await cursor.execute(_TELL, {"most": most})
    return cursor.rowcount


async def release(cursor: AsyncCursor, flap_s: float, release_s: float, most: int) -> int:
    """Ring for what was held back and is still there; how many bells.

    What flapped rings after ``flap_s``, and what was behind a gateway ``release_s`` after that has come back.
    """
    values = {"flap_s": timedelta(seconds=flap_s), "release_s": timedelta(seconds=release_s), "most": most}
    await cursor.execute(_RELEASE, values)
    return cursor.rowcount
