"""The comparison in small: all store everything, figures are whole, and after a kill the hub has lost nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.charts import CHARTS
from benchmarks.compare import brokers
from benchmarks.compare.command import kills_table, table
from benchmarks.compare.contenders import BARE, HUB, NODE_RED, SCRIPT
from benchmarks.compare.figures import Figures, Heat, Plan
from benchmarks.compare.measure import measure
from benchmarks.results import Result
from benchmarks.tables import TABLES
from devices.errors import ConfigError

ROOT = Path(__file__).parents[2]
NATS = Heat("nats-server", True)
pytestmark = pytest.mark.timeout(600)  # six programs come up one after the other, on whatever machine


@pytest.fixture(scope="module")
def node_red() -> None:
    subprocess.run(["sh", "benchmarks/peers/install.sh"], cwd=ROOT, check=True, timeout=120)


async def test_all_take_their_turns(node_red: None) -> None:
    plan = Plan(400, 50, 1, (NATS,), kill_messages=600, kill_rates=(0.0,), quiet_s=1.0)
    figures = await measure(plan)
    assert [run.contender for run in figures.runs] == [HUB, NODE_RED, SCRIPT, BARE]
    for run in figures.runs:
        assert run.messages_per_s > 0
        assert set(run.cpu_us) == {run.contender, "broker", "postgres", "load"}
        assert run.rss_mib > 10
        assert run.rows_again == 0
    (copied,) = figures.copies
    assert copied.rows > 4 * 400
    assert [(kill.contender, kill.messages) for kill in figures.kills] == [(HUB, 600), (NODE_RED, 600), (SCRIPT, 600)]
    assert (figures.kills[0].lost, figures.kills[0].doubled) == (0, 0)
    assert {"node-red", "node", "pg", "aiomqtt", "psycopg"} <= set(figures.machine)
    check_shown(figures)


async def test_mosquitto_and_a_pace() -> None:
    heat = Heat("mosquitto", False)
    plan = Plan(300, 50, 1, (heat,), (HUB,), kill_messages=600, kill_rates=(400.0,), quiet_s=1.0)
    figures = await measure(plan)
    assert figures.rate(heat, HUB) > 0
    assert figures.copied(heat) > 0
    assert [(kill.lost, kill.doubled) for kill in figures.kills] == [(0, 0)]
    assert "mosquitto" in figures.machine


async def test_an_unknown_broker_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected nats-server or mosquitto, got 'kafka'"):
        async with brokers.running("kafka", tmp_path):
            pass


def check_shown(figures: Figures) -> None:
    """Tables and charts take them."""
    assert table(figures, NATS).row_count == 5
    assert kills_table(figures).row_count == 3
    result = Result(
        name="compare", command="compare", date="2026-11-24", quick=True, load=(0.1, 0.1, 0.1), seconds=1.0,
        machine=figures.machine, figures=figures,
    )  # fmt: skip
    shown = TABLES["compare"].text({"compare": result})
    assert shown.count("\n| ") == 7  # the head, its line, four who take turns, and COPY
    assert "Node-RED 5" in shown
    assert "| nats-server, a flood | 0 / 0 |" in TABLES["kills"].text({"compare": result})
    ours = [chart for chart in CHARTS if chart.needs == ("compare",)]
    assert len(ours) == 3
    for chart in ours:
        assert chart.draw({"compare": result}).count("<rect") >= 3
