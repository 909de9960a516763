"""Vehicles and routes: what each is doing and where, what was driven and worked, and how far the plans were covered."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import looks, marks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.columns import column, gauge, moment, painted
from dashboards.parts.maps import Layer, chart
from dashboards.parts.panels import bars, course, figure, grid, states
from dashboards.parts.scene import board_link, live_device
from dashboards.parts.sql import IN_AREA, IS_DEVICE, LONG, SHORT, day
from dashboards.parts.words import Words

MINE = f"{IN_AREA} AND {IS_DEVICE}"
FLEET = f"""\
SELECT device, name, state, extract(epoch FROM now() - since)::float8 AS for_s, speed_kmh, route, coverage_pct,
       next_stop, eta, received_at
  FROM boards.fleet WHERE {MINE}
 ORDER BY array_position(ARRAY['idle', 'no_data', 'working', 'transit', 'off'], state), device LIMIT 200"""
WHERE = f"""\
SELECT device, name, lat, lon, state, speed_kmh, route, coverage_pct, received_at
  FROM boards.fleet WHERE lat IS NOT NULL AND {MINE}"""
DOING = f"""\
SELECT observed_at AS time, device AS metric, value AS state
  FROM boards.readings
 WHERE metric = 'work_state' AND $__timeFilter(observed_at)
   AND observed_at > $__timeTo()::timestamptz - interval '7 days'
   AND device IN (SELECT device FROM boards.fleet WHERE {MINE} ORDER BY device LIMIT 40)
 ORDER BY 1"""
KM = f"""\
SELECT at AS time, sum(driven_m) / 1000 AS km
  FROM boards.distance_hourly WHERE $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
KM_DAILY = f"""\
SELECT device, sum(driven_m) / 1000 AS km
  FROM boards.distance_daily WHERE $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 2 DESC LIMIT 25"""
HOURS = f"""\
SELECT {day("started_at")} AS time, sum(work_s) / 3600 AS working, sum(transit_s) / 3600 AS transit,
       sum(idle_s) / 3600 AS idle, sum(no_data_s) / 3600 AS no_data
  FROM boards.trips WHERE $__timeFilter(started_at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
IDLE = f"""\
SELECT device, sum(idle_s) AS idle
  FROM boards.trips WHERE $__timeFilter(started_at) AND {MINE}
 GROUP BY 1 ORDER BY 2 DESC LIMIT 25"""
PLANS = f"""\
SELECT starts_at, route, device, name, coverage_pct, driven_m, work_m, trips
  FROM boards.coverage WHERE $__timeFilter(starts_at) AND starts_at <= now() AND {MINE}
 ORDER BY starts_at DESC, route LIMIT 200"""
TRIPS = f"""\
SELECT started_at, ended_at, device, origin, goal, driven_m, 100 * work_m / nullif(driven_m, 0) AS work_share, idle_s
  FROM boards.trips WHERE $__timeFilter(started_at) AND {MINE}
 ORDER BY started_at DESC LIMIT 200"""
STOPS = f"""\
SELECT started_at, device, role, place, lasted_s, idle_s
  FROM boards.stops WHERE $__timeFilter(started_at) AND {MINE}
 ORDER BY started_at DESC LIMIT 200"""
TRACK = f"""\
SELECT observed_at, device, lat, lon, speed_kmh
  FROM boards.fixes WHERE kind = 'vehicle' AND observed_at > $__timeTo()::timestamptz - interval '2 hours'
   AND observed_at <= $__timeTo()::timestamptz AND {MINE}
 ORDER BY observed_at DESC LIMIT 2000"""
SPEED = f"""\
SELECT $__timeGroup(observed_at, $__interval) AS time, device AS metric, max(value) AS speed
  FROM boards.readings
 WHERE metric = 'speed_kmh' AND {SHORT} AND $__timeFilter(observed_at)
   AND device IN (SELECT device FROM boards.fleet WHERE {MINE} ORDER BY device LIMIT 8)
 GROUP BY 1, 2
 UNION ALL
SELECT $__timeGroup(at, 1h) AS time, device AS metric, greatest AS speed
  FROM boards.readings_hourly
 WHERE metric = 'speed_kmh' AND {LONG} AND $__timeFilter(at)
   AND device IN (SELECT device FROM boards.fleet WHERE {MINE} ORDER BY device LIMIT 8)
 ORDER BY 1"""

NUMBERED = looks.Look(
    cases=tuple(
        one._replace(value=number) for number, one in zip(("4", "3", "2", "1", "0"), looks.STATE.cases, strict=True)
    )
)
ROLE = looks.Look(
    cases=(
        looks.Case("stop", Words("作业点", "Stop of the route"), looks.GOOD),
        looks.Case("depot", Words("停车场", "Depot"), looks.QUIET),
        looks.Case("tip", Words("转运站", "Tip"), looks.CALM),
        looks.Case("fuel", Words("加油站", "Fuel"), looks.CALM),
        looks.Case("water", Words("加水点", "Water"), looks.CALM),
        looks.Case("rest", Words("休息点", "Rest"), looks.QUIET),
        looks.Case("station", Words("转运场", "Station"), looks.CALM),
        looks.Case("", Words("其他", "Elsewhere"), looks.NOTICE),
    )
)
DEVICE = column("device", "车辆", "Vehicle", looks.PLAIN, 120, live_device())
NAME = column("name", "名称", "Name", looks.PLAIN, 120)
KM_LOOK = looks.Look("lengthkm", ((None, looks.CALM),), decimals=1)
HOUR = looks.Look("h", decimals=1)
DURATION = looks.Look("s", decimals=0)


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return variables.area(scene), variables.device(scene, "vehicle")


def _count(state: str) -> str:
    return f"SELECT count(*) AS vehicles FROM boards.fleet WHERE state = '{state}' AND {MINE}"


def _figures(scene: Scene) -> Row:
    empty = f"""\
SELECT 100 * (1 - sum(work_m) / nullif(sum(driven_m), 0)) AS share
  FROM boards.trips WHERE $__timeFilter(started_at) AND {MINE}"""
    off_route = f"SELECT count(*) AS alerts FROM boards.alerts WHERE open AND rule = 'vehicle-off-route' AND {MINE}"
    silent = f"""\
SELECT count(*) AS vehicles
  FROM boards.devices WHERE kind = 'vehicle' AND status = 'active' AND silent AND {MINE}"""
    km = f"SELECT sum(driven_m) / 1000 AS km FROM boards.distance_hourly WHERE $__timeFilter(at) AND {MINE}"
    share = looks.Look("percent", ((None, looks.GOOD), (40, looks.WARN), (60, looks.BAD)), decimals=0, low=0, high=100)
    to_alerts = board_link("alerts", "查看告警", "Show the alerts")
    return Row(
        None,
        (
            figure(scene, Words("作业中", "Working"), _count("working"), looks.GOOD_COUNT),
            figure(
                scene,
                Words("怠速", "Idling"),
                _count("idle"),
                looks.WORRY,
                loud=True,
                about=Words("发动机运转、静止且未作业。", "Engine on, standing, no work."),
            ),
            figure(scene, Words("偏离路线", "Off their routes"), off_route, looks.ALARM, loud=True, links=(to_alerts,)),
            figure(scene, Words("失联车辆", "Silent vehicles"), silent, looks.WORRY),
            figure(scene, Words("时段内里程", "Driven in the span"), km, KM_LOOK),
            figure(
                scene,
                Words("空驶率", "Empty running"),
                empty,
                share,
                about=Words("非作业里程占总里程的比例。", "Share of the way that was driven without work."),
            ),
        ),
    )


def _now(scene: Scene) -> Row:
    touched = (
        DEVICE,
        NAME,
        column("state", "状态", "State", looks.STATE),
        column("speed_kmh", "速度", "Speed", looks.SPEED),
        column("route", "路线", "Route"),
        column("coverage_pct", "覆盖率", "Coverage", looks.COVERAGE),
        moment("received_at", "最近通信", "Heard"),
    )
    listed = (
        DEVICE,
        NAME,
        painted("state", "状态", "State", looks.STATE, 90),
        column("for_s", "已持续", "For", DURATION, 90),
        column("speed_kmh", "速度", "Speed", looks.SPEED, 90),
        column("route", "路线", "Route", looks.PLAIN, 110),
        gauge("coverage_pct", "覆盖率", "Coverage", looks.COVERAGE, 140),
        column("next_stop", "下一站", "Next stop", looks.PLAIN, 100),
        moment("eta", "预计到达", "ETA"),
        moment("received_at", "最近通信", "Heard"),
    )
    layer = Layer(Words("车辆", "Vehicles"), WHERE, "state", "triangle", 7)
    return Row(
        Words("现在", "Now"),
        (
            chart(scene, Words("车辆地图", "Vehicles by state"), (layer,), touched, width=11),
            grid(scene, Words("车辆", "Vehicles"), FLEET, listed, width=13, height=16),
        ),
    )


def _course(scene: Scene) -> Row:
    split = tuple(
        column(name, zh, en, looks.Look("h", ((None, colour),)))
        for name, zh, en, colour in (
            ("working", "作业", "Working", looks.GOOD),
            ("transit", "行驶", "In transit", looks.CALM),
            ("idle", "怠速", "Idle", looks.WARN),
            ("no_data", "无数据", "No data", looks.BAD),
        )
    )
    km = (column("km", "里程", "Driven", KM_LOOK),)
    return Row(
        Words("走势", "Course"),
        (
            states(
                scene,
                Words("作业状态", "What each was doing"),
                DOING,
                NUMBERED,
                height=12,
                about=Words("最多四十辆、七天。", "Forty vehicles and seven days at most."),
            ),
            course(scene, Words("每小时里程", "Driven by the hour"), KM, KM_LOOK, series=km, draw="bars", width=8),
            course(
                scene,
                Words("每日工时构成", "Hours of a day"),
                HOURS,
                HOUR,
                series=split,
                draw="bars",
                stacked=True,
                width=8,
            ),
            bars(scene, Words("怠速时长", "Time idling"), IDLE, looks.IDLE, width=4, height=9),
            bars(scene, Words("里程排行", "Distance"), KM_DAILY, KM_LOOK, width=4, height=9),
        ),
    )


def _routes(scene: Scene) -> Row:
    plans = (
        moment("starts_at", "计划开始", "Planned start"),
        column("route", "路线", "Route", looks.PLAIN, 110),
        DEVICE,
        NAME,
        gauge("coverage_pct", "覆盖率", "Coverage", looks.COVERAGE, 150),
        column("driven_m", "里程", "Driven", looks.METRES, 90),
        column("work_m", "作业里程", "Worked", looks.METRES, 90),
        column("trips", "趟次", "Trips", looks.COUNT, 70),
    )
    trips = (
        moment("started_at", "开始", "Start"),
        moment("ended_at", "结束", "End"),
        DEVICE,
        column("origin", "起点", "From"),
        column("goal", "终点", "To"),
        column("driven_m", "里程", "Driven", looks.METRES, 90),
        gauge("work_share", "作业占比", "Working", looks.COVERAGE, 130),
        column("idle_s", "怠速", "Idle", looks.IDLE, 80),
    )
    return Row(
        Words("路线与行程", "Routes and trips"),
        (
            grid(scene, Words("计划的完成情况", "What became of the plans"), PLANS, plans),
            grid(scene, Words("行程", "Trips"), TRIPS, trips),
        ),
    )


def _tracks(scene: Scene) -> Row:
    touched = (DEVICE, moment("observed_at", "观测时间", "Observed"), column("speed_kmh", "速度", "Speed", looks.SPEED))
    stops = (
        moment("started_at", "开始", "Start"),
        DEVICE,
        painted("role", "类型", "Role", ROLE, 130),
        column("place", "地点", "Place"),
        column("lasted_s", "停留", "Stood", DURATION, 90),
        column("idle_s", "怠速", "Idle", looks.IDLE, 90),
    )
    layer = Layer(Words("轨迹", "Track"), TRACK, "speed_kmh", size=3)
    return Row(
        Words("轨迹与停留", "Tracks and stops"),
        (
            chart(
                scene,
                Words("最近两小时轨迹", "Tracks of the last two hours"),
                (layer,),
                touched,
                width=10,
                height=12,
                about=Words(
                    "所选时段末尾的两小时，最多两千点。",
                    "The two hours before the end of the span, 2,000 points at most.",
                ),
            ),
            grid(scene, Words("停留", "Stops"), STOPS, stops, width=14, height=12),
            course(
                scene,
                Words("速度", "Speed"),
                SPEED,
                looks.SPEED,
                width=24,
                height=8,
                about=Words("最多八辆。", "Eight vehicles at most."),
            ),
        ),
    )


def _rows(scene: Scene) -> Sequence[Row]:
    return _figures(scene), _now(scene), _course(scene), _routes(scene), _tracks(scene)


BOARD = Board(
    topic="vehicles",
    place=3,
    title=Words("车辆与路线", "Vehicles and routes"),
    about=Words(
        "车辆状态、里程、怠速与计划完成情况。", "What vehicles do, drive and idle, and what became of their plans."
    ),
    rows=_rows,
    variables=_variables,
    marks=marks.both(f"kind = 'vehicle' AND {MINE}"),
)
