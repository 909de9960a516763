"""How the hub is: whether it hears the devices, what waits, what could not be read, how large the store is."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import looks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.columns import column, moment
from dashboards.parts.marks import Mark
from dashboards.parts.panels import bars, course, figure, grid
from dashboards.parts.scene import live, live_device
from dashboards.parts.sql import IN_AREA, IS_KIND, LONG, SHORT
from dashboards.parts.words import Words

MINE = f"{IN_AREA} AND {IS_KIND}"
READINGS = f"""\
SELECT at AS time, kind AS metric, sum(count) AS readings
  FROM boards.readings_hourly WHERE {SHORT} AND $__timeFilter(at) AND {MINE}
 GROUP BY 1, 2
 UNION ALL
SELECT at AS time, kind AS metric, sum(count) AS readings
  FROM boards.readings_daily WHERE {LONG} AND $__timeFilter(at) AND {MINE}
 GROUP BY 1, 2 ORDER BY 1"""
LETTERS = """\
SELECT $__timeGroupAlias(received_at, 1h), code AS metric, count(*) AS letters
  FROM boards.dead_letters WHERE $__timeFilter(received_at)
 GROUP BY 1, 2 ORDER BY 1"""
BY_CODE = """\
SELECT adapter, source, code, count(*) AS letters, count(*) FILTER (WHERE open) AS open, max(received_at) AS newest
  FROM boards.dead_letters WHERE $__timeFilter(received_at)
 GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 100"""
PROTOCOLS = f"""\
SELECT coalesce(protocol, '') AS protocol, kind, count(*) AS devices, count(*) FILTER (WHERE NOT silent) AS heard,
       100.0 * count(*) FILTER (WHERE NOT silent) / count(*) AS share, max(received_at) AS newest
  FROM boards.devices WHERE status = 'active' AND {MINE}
 GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 100"""
SILENT = f"""\
SELECT device, kind, name, area, coalesce(protocol, '') AS protocol, received_at, silent_s
  FROM boards.devices WHERE status = 'active' AND silent AND {MINE}
 ORDER BY silent_s DESC NULLS FIRST LIMIT 200"""
SIZES = "SELECT relation, bytes FROM boards.sizes ORDER BY bytes DESC LIMIT 15"
WEAK = f"""\
SELECT device, kind, name, value AS battery, observed_at
  FROM boards.latest WHERE metric = 'battery_pct' AND value < 30 AND {MINE}
 ORDER BY value LIMIT 100"""
# Of the last hour alone: the delay of each record of a week would be a question to the whole history.
DELAY = """\
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - observed_at)) AS seconds
  FROM boards.readings
 WHERE observed_at > now() - interval '1 hour' AND observed_at <= now() AND quality = 0"""

KIND = column("kind", "类型", "Kind", looks.KIND, 100)
DEVICE = column("device", "设备", "Device", looks.PLAIN, 120, live_device())
DELAY_LOOK = looks.Look("s", ((None, looks.GOOD), (60, looks.WARN), (600, looks.BAD)), decimals=1)
SILENCE = looks.Look("s", ((None, looks.WARN), (86_400, looks.BAD)), decimals=0)
CODES = (
    ("malformed", "格式错误", "Malformed", looks.BAD),
    ("invalid", "数值无效", "Invalid", looks.WARN),
    ("unknown_device", "未知设备", "Unknown device", looks.NOTICE),
    ("shut_device", "停用设备", "Shut device", looks.QUIET),
    ("oversized", "过大", "Oversized", looks.OTHER),
    ("decoder", "解码故障", "Decoder", looks.BAD),
    ("store", "存储拒收", "Refused by the store", looks.CALM),
)
CODE = looks.Look(cases=tuple(looks.Case(value, Words(zh, en), colour) for value, zh, en, colour in CODES))


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return variables.area(scene), variables.kind(scene)


def _figures(scene: Scene) -> Row:
    heard = f"""\
SELECT 100.0 * count(*) FILTER (WHERE NOT silent) / nullif(count(*), 0) AS share
  FROM boards.devices WHERE status = 'active' AND {MINE}"""
    waiting = "SELECT notifications_to_route + deliveries_waiting AS waiting FROM boards.hub"
    given_up = "SELECT deliveries_given_up FROM boards.hub"
    dirty = "SELECT alert_spans_dirty + tracker_spans_dirty AS spans FROM boards.hub"
    return Row(
        None,
        (
            figure(
                scene,
                Words("距最近接收", "Since anything came"),
                "SELECT silent_s FROM boards.hub",
                looks.AGE,
                loud=True,
            ),
            figure(scene, Words("设备在线率", "Devices heard"), heard, looks.SHARE_GOOD),
            figure(
                scene,
                Words("接收延迟 P95", "Delay, 95th percentile"),
                DELAY,
                DELAY_LOOK,
                about=Words("最近一小时内，从观测到接收。", "From observed to received, over the last hour."),
            ),
            figure(
                scene,
                Words("死信（未处理）", "Dead letters, open"),
                "SELECT dead_letters_open FROM boards.hub",
                looks.WORRY,
                links=(live("#panel=hub", "查看", "Look at them"),),
            ),
            figure(scene, Words("待发通知", "To be sent"), waiting, looks.COUNT, width=3),
            figure(
                scene,
                Words("放弃的通知", "Given up, 1 day"),
                given_up,
                looks.ALARM,
                width=3,
                about=Words("最近一天内放弃投递。", "Deliveries that were given up within a day."),
            ),
            figure(
                scene,
                Words("待重算", "To redo"),
                dirty,
                looks.COUNT,
                width=2,
                about=Words("因迟到数据待重算的设备。", "Devices whose history late data changed."),
            ),
        ),
    )


def _course(scene: Scene) -> Row:
    kinds = tuple(
        column(case.value, case.words.zh, case.words.en, looks.Look(steps=((None, case.colour),)))
        for case in looks.KIND.cases
    )
    codes = tuple(column(value, zh, en, looks.Look(steps=((None, colour),))) for value, zh, en, colour in CODES)
    return Row(
        Words("走势", "Course"),
        (
            course(
                scene,
                Words("读数量", "Readings received"),
                READINGS,
                looks.Look("short"),
                series=kinds,
                draw="bars",
                stacked=True,
            ),
            course(
                scene,
                Words("每小时死信", "Dead letters by the hour"),
                LETTERS,
                looks.COUNT,
                series=codes,
                draw="bars",
                stacked=True,
                empty=Words("时段内没有死信", "None in the span"),
            ),
        ),
    )


def _devices(scene: Scene) -> Row:
    protocol = column("protocol", "协议", "Protocol", looks.PLAIN, 120)
    protocols = (
        protocol,
        KIND,
        column("devices", "设备数", "Devices", looks.COUNT, 90),
        column("heard", "在线", "Heard", looks.COUNT, 90),
        column("share", "在线率", "Share", looks.SHARE_GOOD, 90),
        moment("newest", "最近接收", "Newest"),
    )
    silent = (
        DEVICE,
        KIND,
        column("name", "名称", "Name"),
        column("area", "区域", "Area"),
        protocol,
        moment("received_at", "最近接收", "Heard"),
        column("silent_s", "已失联", "Silent for", SILENCE, 100),
    )
    weak = (
        DEVICE,
        KIND,
        column("name", "名称", "Name"),
        column("battery", "电量", "Battery", looks.BATTERY, 80),
        moment("observed_at", "观测时间", "Observed"),
    )
    return Row(
        Words("设备", "Devices"),
        (
            grid(scene, Words("各协议设备", "Devices by protocol"), PROTOCOLS, protocols, width=9),
            grid(
                scene,
                Words("失联设备", "Silent devices"),
                SILENT,
                silent,
                width=15,
                empty=Words("没有失联设备", "No device is silent"),
            ),
            grid(scene, Words("电量不足", "Low batteries"), WEAK, weak, width=9),
            bars(scene, Words("存储占用", "What the store holds"), SIZES, looks.BYTES, width=6),
            grid(
                scene,
                Words("死信来源", "Where dead letters come from"),
                BY_CODE,
                (
                    column("adapter", "协议", "Protocol", looks.PLAIN, 110),
                    column("source", "连接", "Connection", looks.PLAIN, 100),
                    column("code", "原因", "Code", CODE, 120),
                    column("letters", "数量", "Count", looks.COUNT, 70),
                    column("open", "未处理", "Open", looks.WORRY, 70),
                    moment("newest", "最近", "Newest"),
                ),
                width=9,
            ),
        ),
    )


def _rows(scene: Scene) -> Sequence[Row]:
    return _figures(scene), _course(scene), _devices(scene)


SILENCES = Mark(
    Words("设备失联", "Devices fell silent"),
    f"""\
SELECT raised_at AS time, cleared_at AS timeend, device || ' · ' || rule AS text, severity AS tags
  FROM boards.alerts
 WHERE $__timeFilter(raised_at) AND rule LIKE '%-silent' AND {MINE}
 ORDER BY raised_at DESC LIMIT 200""",
    looks.WARN,
    shown=False,
)
BOARD = Board(
    topic="health",
    place=7,
    title=Words("系统状态", "Hub health"),
    about=Words("接收、积压、死信与存储。", "Reception, what waits, dead letters and storage."),
    rows=_rows,
    variables=_variables,
    marks=(SILENCES,),
)
