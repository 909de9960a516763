"""Charts of the results as SVG, readable on light and on dark pages: bars, side by side or in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

import msgspec

from benchmarks.compare.contenders import BARE, HUB, NODE_RED, SCRIPT
from benchmarks.compare.figures import Figures, Heat
from benchmarks.results import Result
from hub.bench.scaling.figures import Figures as Growth

WIDTH, LABEL, BAR, GAP, TOP = 760, 250, 22, 12, 56
LETTER = 8  #: room for one of them behind a bar
_STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.small{font-size:12px;fill:#59636e}"
    ".a{fill:#1a7f64}.b{fill:#7d8590}.c{fill:#2f6fb2}.d{fill:#b0753a}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.a{fill:#3fb68e}.b{fill:#8b949e}"
    ".c{fill:#6ea8dc}.d{fill:#d9a066}}"
)
NAMES = {HUB: "sanihub, all rules on", NODE_RED: "Node-RED, INSERT a message", SCRIPT: "aiomqtt + executemany"}


class Bar(msgspec.Struct, frozen=True):
    """A bar: its parts (value and class of colour), and what is written behind it."""

    label: str
    parts: tuple[tuple[float, str], ...]
    told: str


def bars(title: str, subtitle: str, rows: Sequence[Bar], key: Mapping[str, str] | None = None) -> str:
    """A chart; ``key`` says what the classes of the parts mean."""
    most = max((sum(value for value, _ in row.parts) for row in rows), default=1.0) or 1.0
    behind = LETTER * max((len(row.told) for row in rows), default=0) + 12
    scale = (WIDTH - LABEL - behind) / most
    height = TOP + len(rows) * (BAR + GAP) + (26 if key else 6)
    drawn = [_text(0, 18, title, "title"), _text(0, 38, subtitle, "small")]
    for number, row in enumerate(rows):
        y, x = TOP + number * (BAR + GAP), float(LABEL)
        drawn.append(_text(0, y + 16, row.label))
        for value, colour in row.parts:
            drawn.append(f'<rect class="{colour}" x="{x:.1f}" y="{y}" width="{value * scale:.1f}" height="{BAR}"/>')
            x += value * scale
        drawn.append(_text(x + 6, y + 16, row.told))
    x = float(LABEL)
    for colour, name in (key or {}).items():
        drawn.append(f'<rect class="{colour}" x="{x:.0f}" y="{height - 18}" width="12" height="12"/>')
        drawn.append(_text(x + 17, height - 8, name, "small"))
        x += 40 + 7 * len(name)
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def _text(x: float, y: float, text: str, style: str = "") -> str:
    given = f' class="{style}"' if style else ""
    return f'<text{given} x="{x:.0f}" y="{y:.0f}">{escape(text)}</text>'


class Chart(msgspec.Struct, frozen=True):
    """A chart of the page: its file in docs/images, the results that it needs, and its captions."""

    file: str
    needs: tuple[str, ...]
    draw: Callable[[Mapping[str, Result]], str]
    en: str
    zh: str


def _rates(found: Mapping[str, Result]) -> str:
    one, heat = _compared(found)
    rows = [
        Bar(NAMES[name], ((one.rate(heat, name), "a" if name == HUB else "b"),), f"{one.rate(heat, name):,.0f}")
        for name in one.plan.contenders
    ]
    bare = one.rate(heat, BARE)
    rows.append(Bar("limit: the broker alone", ((bare, "c"),), f"{bare:,.0f}"))
    return bars("MQTT messages a second, committed to PostgreSQL", _about(found, one, heat), rows)


def _cpu(found: Mapping[str, Result]) -> str:
    one, heat = _compared(found)
    rows = []
    for name in one.plan.contenders:
        used = one.cpu_us(heat, name)
        parts = ((used[name], "a"), (used["postgres"], "c"), (used["broker"], "d"))
        rows.append(Bar(NAMES[name], parts, f"{sum(value for value, _ in parts):.0f} µs"))
    key = {"a": "itself", "c": "PostgreSQL", "d": "broker"}
    return bars("CPU for each message", _about(found, one, heat), rows, key)


def _lost(found: Mapping[str, Result]) -> str:
    one, heat = _compared(found)
    rows = []
    for name in one.plan.contenders:
        for rate in one.plan.kill_rates:
            killed = one.killed(heat.broker, name, rate)
            if killed is not None:
                how = "at a pace" if rate else "in a flood"
                told = f"{killed.lost:,} lost, {killed.doubled:,} doubled"
                label = NAMES[name].partition(",")[0]
                rows.append(Bar(f"{label}, {how}", ((float(killed.lost), "a" if name == HUB else "d"),), told))
    about = f"of {one.plan.kill_messages:,} messages at {heat.broker}; killed (SIGKILL) in the middle, started at once"
    return bars("Messages lost to one kill", about, rows)


def _growth(found: Mapping[str, Result]) -> str:
    sizes = found["scaling"].as_(Growth)
    rows = []
    for one in (*sizes.devices, *sizes.stored):
        label = (
            f"{one.point.devices:,} devices" if not one.point.stored else f"{one.stored / 1e6:,.0f} M readings stored"
        )
        parts = tuple((one.paced_us.get(name, 0.0), colour) for name, colour in _PARTS.items())
        rows.append(Bar(label, parts, f"{one.pace_us:.0f} µs"))
    about = f"at {sizes.devices[0].point.rate:,} messages/s, devices of all kinds, all rules on"
    return bars("CPU for each message, by devices and by what is stored", about, rows, _KEY)


_PARTS = {"hub": "a", "postgres": "c", "broker": "d"}
_KEY = {"a": "hub", "c": "PostgreSQL", "d": "broker"}


def _compared(found: Mapping[str, Result]) -> tuple[Figures, Heat]:
    one = found["compare"].as_(Figures)
    return one, one.plan.heats[0]


def _about(found: Mapping[str, Result], one: Figures, heat: Heat) -> str:
    cores = found["compare"].machine["cores"]
    return f"{heat.broker}, {heat.load}, four rows or more each; everything on the same {cores} cores, in one run"


CHARTS = (
    Chart(
        "bench-rates.svg",
        ("compare",),
        _rates,
        "Messages a second: sanihub, Node-RED, a script, and the broker alone",
        "每秒入库的 MQTT 消息数：sanihub、Node-RED、Python 脚本，以及仅经消息代理的上限",
    ),
    Chart(
        "bench-cpu.svg",
        ("compare",),
        _cpu,
        "CPU for each message: sanihub, Node-RED, a script",
        "每条消息消耗的 CPU（微秒）：自身、PostgreSQL、消息代理",
    ),
    Chart(
        "bench-kills.svg",
        ("compare",),
        _lost,
        "Messages lost to one kill: sanihub, Node-RED, a script",
        "进程被强制终止一次后丢失的消息数：sanihub、Node-RED、Python 脚本",
    ),
    Chart(
        "bench-scaling.svg",
        ("scaling",),
        _growth,
        "CPU for each message with 100 to 100,000 devices, and over 1 to 100 million stored readings",
        "每条消息消耗的 CPU：100 至 100,000 台设备，以及已存储 100 万至 1 亿条读数时",
    ),
)
