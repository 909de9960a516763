"""Workers and evaluation: points as they were reported, tasks, findings, appeals. No positions, no measurements."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import looks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.columns import column, moment, painted
from dashboards.parts.marks import Mark
from dashboards.parts.panels import bars, course, figure, grid
from dashboards.parts.scene import live
from dashboards.parts.sql import day
from dashboards.parts.words import Words

MINE = "('*' IN ($worker) OR worker IN ($worker))"
# The newest evaluation of each within the span.
NEWEST = f"""\
SELECT DISTINCT ON (worker) worker, name, points, grade, grade_zh, completeness_pct, span_start, span_end
  FROM boards.evaluations
 WHERE span_end > $__timeFrom()::timestamptz AND span_start < $__timeTo()::timestamptz AND {MINE}
 ORDER BY worker, span_end DESC, made_at DESC"""
SHEET = """\
SELECT worker, name, points, {grade} AS grade, completeness_pct, span_start, span_end
  FROM ({newest}) AS newest
 ORDER BY points NULLS LAST LIMIT 1000"""
RANKED = f"SELECT name, points FROM ({NEWEST}) AS newest WHERE points IS NOT NULL ORDER BY points LIMIT 25"
TASKS_A_DAY = f"""\
SELECT {day("due_at")} AS time, count(*) FILTER (WHERE state = 'done') AS done,
       count(*) FILTER (WHERE state = 'late') AS late, count(*) FILTER (WHERE state = 'missed') AS missed,
       count(*) FILTER (WHERE state = 'open') AS open
  FROM boards.tasks WHERE $__timeFilter(due_at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
FINDINGS_A_DAY = f"""\
SELECT {day("at")} AS time, count(*) FILTER (WHERE outcome = 'passed') AS passed,
       count(*) FILTER (WHERE outcome = 'fault') AS fault, count(*) FILTER (WHERE outcome = 'open') AS open,
       count(*) FILTER (WHERE outcome = 'dismissed') AS dismissed
  FROM boards.findings WHERE $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
FINDINGS = f"""\
SELECT f.at, f.kind, f.outcome, w.name, f.category, f.area, f.points
  FROM boards.findings f LEFT JOIN boards.workers w USING (worker)
 WHERE $__timeFilter(f.at) AND {MINE}
 ORDER BY f.at DESC LIMIT 200"""
MISSED = f"""\
SELECT t.due_at, t.title, w.name, w.crew, t.category, t.state, t.done_at
  FROM boards.tasks t LEFT JOIN boards.workers w USING (worker)
 WHERE $__timeFilter(t.due_at) AND t.state IN ('missed', 'late', 'open') AND {MINE}
 ORDER BY t.due_at DESC LIMIT 200"""
BY_CREW = f"""\
SELECT w.crew, 100.0 * count(*) FILTER (WHERE t.state = 'done') / count(*) AS on_time
  FROM boards.tasks t JOIN boards.workers w USING (worker)
 WHERE $__timeFilter(t.due_at) AND t.state <> 'open' AND {MINE}
 GROUP BY 1 ORDER BY 2 LIMIT 25"""
CALLS = """\
SELECT raised_at, device, rule, severity, stage, acknowledged_at, cleared_at
  FROM boards.alerts WHERE kind = 'worker' AND $__timeFilter(raised_at)
 ORDER BY open DESC, raised_at DESC LIMIT 100"""

KIND = looks.Look(
    cases=(
        looks.Case("inspection", Words("检查", "Inspection"), looks.CALM),
        looks.Case("complaint", Words("投诉", "Complaint"), looks.WARN),
    )
)
OUTCOME = looks.Look(
    cases=(
        looks.Case("passed", Words("合格", "Passed"), looks.GOOD),
        looks.Case("fault", Words("扣分", "Fault"), looks.BAD),
        looks.Case("open", Words("待定", "Open"), looks.NOTICE),
        looks.Case("dismissed", Words("不成立", "Dismissed"), looks.QUIET),
    )
)
TASK = looks.Look(
    cases=(
        looks.Case("done", Words("按时完成", "On time"), looks.GOOD),
        looks.Case("late", Words("逾期完成", "Late"), looks.WARN),
        looks.Case("missed", Words("未完成", "Missed"), looks.BAD),
        looks.Case("open", Words("进行中", "Open"), looks.CALM),
    )
)
NAME = column("name", "姓名", "Name", looks.PLAIN, 130)
NO_SHEET = Words("时段内没有考核报告", "No evaluation was reported in the span")


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return (variables.worker(scene),)


def _figures(scene: Scene) -> Row:
    mean = f"SELECT avg(points) AS points FROM ({NEWEST}) AS newest"
    below = f"SELECT count(*) AS workers FROM ({NEWEST}) AS newest WHERE points < 70"
    on_time = f"""\
SELECT 100.0 * count(*) FILTER (WHERE state = 'done') / nullif(count(*), 0) AS share
  FROM boards.tasks WHERE $__timeFilter(due_at) AND state <> 'open' AND {MINE}"""
    complaints = (
        f"SELECT count(*) AS findings FROM boards.findings WHERE kind = 'complaint' AND outcome = 'open' AND {MINE}"
    )
    appeals = """\
SELECT count(*) AS appeals FROM boards.appeals
 WHERE state = 'open' AND (subject <> 'worker' OR '*' IN ($worker) OR whose IN ($worker))"""
    calls = "SELECT count(*) AS alerts FROM boards.alerts WHERE open AND kind = 'worker' AND severity = 'critical'"
    sheets = (live("#panel=evaluation", "考核明细", "The sheets"),)
    return Row(
        None,
        (
            figure(
                scene,
                Words("未处理求助", "Open calls for help"),
                calls,
                looks.ALARM,
                loud=True,
                links=(live("#panel=alerts", "处理告警", "See to the alerts"),),
            ),
            figure(
                scene,
                Words("平均得分", "Mean points"),
                mean,
                looks.POINTS,
                links=sheets,
                empty=Words("无报告", "No report"),
            ),
            figure(scene, Words("不及格（<70）", "Below pass (<70)"), below, looks.WORRY, links=sheets),
            figure(scene, Words("任务按时率", "Tasks on time"), on_time, looks.SHARE_GOOD),
            figure(scene, Words("待处理投诉", "Open complaints"), complaints, looks.WORRY),
            figure(scene, Words("待处理申诉", "Open appeals"), appeals, looks.WORRY, links=sheets),
        ),
    )


def _sheet(scene: Scene) -> Row:
    sql = SHEET.format(grade="grade_zh" if scene.language == "zh" else "grade", newest=NEWEST)
    listed = (
        NAME,
        column("worker", "编号", "Number", looks.PLAIN, 120),
        painted("points", "得分", "Points", looks.POINTS, 90),
        column("grade", "等级", "Grade", looks.PLAIN, 100),
        column("completeness_pct", "数据完整度", "Data known", looks.SHARE_GOOD, 120),
        moment("span_start", "从", "From"),
        moment("span_end", "到", "To"),
    )
    about = Words(
        "得分来自考核报告的最新版本；缺少数据不扣分。", "As reported, newest revision; missing data costs nothing."
    )
    return Row(
        Words("考核", "Evaluation"),
        (
            grid(scene, Words("考核得分", "Points"), sql, listed, width=15, height=12, about=about, empty=NO_SHEET),
            bars(
                scene,
                Words("得分最低者", "The fewest points"),
                RANKED,
                looks.POINTS,
                width=9,
                height=12,
                empty=NO_SHEET,
            ),
        ),
    )


def _tasks(scene: Scene) -> Row:
    states = tuple(column(c.value, c.words.zh, c.words.en, looks.Look(steps=((None, c.colour),))) for c in TASK.cases)
    listed = (
        moment("due_at", "截止", "Due"),
        column("title", "任务", "Task"),
        NAME,
        column("crew", "班组", "Crew", looks.PLAIN, 100),
        column("category", "类别", "Category", looks.PLAIN, 110),
        painted("state", "状态", "State", TASK, 100),
        moment("done_at", "完成", "Done"),
    )
    return Row(
        Words("任务", "Tasks"),
        (
            course(
                scene,
                Words("每日任务", "Tasks by the day"),
                TASKS_A_DAY,
                looks.COUNT,
                series=states,
                draw="bars",
                stacked=True,
                width=8,
            ),
            bars(scene, Words("各班组按时率", "On time by crew"), BY_CREW, looks.SHARE_GOOD, width=4, height=9),
            grid(scene, Words("未按时的任务", "Tasks not done on time"), MISSED, listed, height=9),
        ),
    )


def _findings(scene: Scene) -> Row:
    outcomes = tuple(
        column(c.value, c.words.zh, c.words.en, looks.Look(steps=((None, c.colour),))) for c in OUTCOME.cases
    )
    listed = (
        moment("at", "时间", "At"),
        painted("kind", "来源", "Kind", KIND, 90),
        painted("outcome", "结论", "Outcome", OUTCOME, 90),
        NAME,
        column("category", "类别", "Category"),
        column("area", "区域", "Area", looks.PLAIN, 100),
        column("points", "扣分", "Points", looks.Look(decimals=1), 70),
    )
    calls = (
        moment("raised_at", "发生", "Raised"),
        column("device", "终端", "Badge", looks.PLAIN, 120),
        column("rule", "规则", "Rule"),
        column("severity", "级别", "Severity", looks.SEVERITY, 80),
        column("stage", "状态", "Stage", looks.STAGE, 90),
        moment("acknowledged_at", "确认", "Acknowledged"),
        moment("cleared_at", "恢复", "Cleared"),
    )
    return Row(
        Words("检查、投诉与求助", "Inspections, complaints, calls"),
        (
            course(
                scene,
                Words("每日检查与投诉", "Findings by the day"),
                FINDINGS_A_DAY,
                looks.COUNT,
                series=outcomes,
                draw="bars",
                stacked=True,
                width=8,
            ),
            grid(scene, Words("检查与投诉", "Findings"), FINDINGS, listed, width=16, height=9),
            grid(scene, Words("人员终端告警", "Alerts of badges"), CALLS, calls, width=24, height=9),
        ),
    )


def _rows(scene: Scene) -> Sequence[Row]:
    return _figures(scene), _sheet(scene), _tasks(scene), _findings(scene)


SOS = Mark(
    Words("求助", "Calls for help"),
    """\
SELECT raised_at AS time, cleared_at AS timeend, device || ' · ' || rule AS text, severity AS tags
  FROM boards.alerts
 WHERE $__timeFilter(raised_at) AND kind = 'worker' AND severity = 'critical'
 ORDER BY raised_at DESC LIMIT 200""",
    looks.BAD,
)
BOARD = Board(
    topic="workers",
    place=5,
    title=Words("人员与考核", "Workers and evaluation"),
    about=Words(
        "考核得分、任务、检查与申诉；不含人员位置。", "Points, tasks, findings and appeals; nobody's position."
    ),
    rows=_rows,
    variables=_variables,
    marks=(SOS,),
    since="now-7d",
    refresh="5m",
)
