"""Tables of what comes in: MQTT, the comparison, HTTP, JT/T 808, Modbus."""

from __future__ import annotations

from statistics import median

from benchmarks.compare.command import pace
from benchmarks.compare.contenders import BARE, HUB, NODE_RED, SCRIPT
from benchmarks.compare.figures import Figures as Compared
from benchmarks.compare.figures import Heat
from benchmarks.tables.table import Found, Table, markdown, used
from hub.bench import ingest
from hub.bench.alerts import table as alert_table
from hub.bench.http import measurement as http
from hub.bench.jt808 import measurement as jt808
from hub.bench.modbus import measurement as modbus

MOST_MIB = 300e6 / 2**20
TITLES = {
    HUB: "**sanihub**, all rules and trackers on",
    NODE_RED: "Node-RED, one INSERT a message, a pool of ten",
    SCRIPT: "aiomqtt and executemany, by 500",
    BARE: "broker alone: a subscriber that only acknowledges",
}


def _ingest(found: Found) -> str:
    one = found["ingest"].as_(ingest.Figures)
    rows = [
        (
            "throughput",
            "20,000 msg/s, at least 12,000",
            f"**{one.messages_per_s:,.0f} msg/s** = {one.rows_per_s:,.0f} rows/s, of {one.devices:,} devices of no "
            "kind, which few rules look at ([Alerts](#alerts) has all kinds)",
        ),
        ("server-side COPY of the same rows", "–", f"{one.copy_rows_per_s:,.0f} rows/s"),
        ("ratio to it", "–", f"{one.ratio_to_copy:.2f}"),
        (
            f"publish to committed at {one.half_rate:,.0f} msg/s",
            "–",
            f"p50 {one.p50_ms:.0f} ms, p99 {one.p99_ms:.0f} ms",
        ),
        ("memory of the hub", "under 300 MB", f"{one.rss_mib:.0f} MiB"),
        ("rows found twice", "0", f"{one.duplicates}"),
        ("CPU a message", "–", used(one.cpu_us)),
    ]
    return markdown(("figure", "aim", "measured"), rows)


def _compare(found: Found) -> str:
    one = found["compare"].as_(Compared)
    return "\n\n".join(_heat(one, heat) for heat in one.plan.heats)


def _heat(one: Compared, heat: Heat) -> str:
    first = one.rate(heat, one.plan.contenders[0])
    rows = [
        (
            TITLES[name],
            f"{one.rate(heat, name):,.0f}",
            f"{one.rate(heat, name) / first:.2f}",
            used(one.cpu_us(heat, name)),
            f"{one.rss_mib(heat, name):,.0f} MiB",
        )
        for name in (*one.plan.contenders, BARE)
    ]
    if copied := one.copied(heat):
        rows.append(
            ("database alone: server-side COPY of the hub's rows", f"{copied:,.0f}", f"{copied / first:.2f}", "", "")
        )
    head = (f"{heat.broker}, {heat.load}", "msg/s", "of the hub's", "CPU a message", "memory")
    return markdown(head, rows)


def _kills(found: Found) -> str:
    one = found["compare"].as_(Compared)
    cases = [(broker, rate) for broker in dict.fromkeys(k.broker for k in one.kills) for rate in one.plan.kill_rates]
    rows = []
    for broker, rate in cases:
        told = (one.killed(broker, name, rate) for name in one.plan.contenders)
        rows.append((f"{broker}, {pace(rate)}", *(f"{k.lost:,} / {k.doubled:,}" if k else "–" for k in told)))
    messages = one.plan.kill_messages
    head = (
        f"lost / doubled of {messages:,}",
        *(TITLES[name].partition(",")[0].strip("*") for name in one.plan.contenders),
    )
    return markdown(head, rows)


def _http(found: Found) -> str:
    one = found["http"].as_(http.Figures)
    rows = [
        (
            f"{rate.connections:,}",
            f"{rate.batch:,}",
            f"{rate.requests_per_s:,.0f}",
            f"{rate.messages_per_s:,.0f}",
            f"{rate.p50_ms:.1f} ms",
            f"{rate.p99_ms:.1f} ms",
            f"{rate.failed}",
            f"{rate.answered:,}, {rate.stored:,}",
            used({name: value for name, value in rate.cpu_us.items() if name != "broker"}),
        )
        for rate in one.rates
    ]
    head = ("connections", "messages a post", "posts/s", "msg/s", "p50", "p99", "failed", "answered, stored")
    return f"{markdown((*head, 'CPU a message'), rows)}\n\nMemory of the hub: {one.rss_mib:.0f} MiB."


def _jt808(found: Found) -> str:
    one = found["jt808"].as_(jt808.Figures)
    memory, cpu = one.rss_mib, one.cpu_percent
    rows = [
        (
            "connections that are open",
            "5,000",
            f"**{one.connections:,}** of {one.terminals:,}, {one.positions_per_s:,.0f} positions/s",
        ),
        ("all registered and authenticated", "–", f"after {one.entered_s:.1f} s"),
        ("position to reply, steady", "–", _latency(one.steady)),
        (
            f"the same beside {one.strangers} peers that are silent or do not read",
            "as before",
            _latency(one.with_strangers),
        ),
        ("the same during the storm", "–", _latency(one.in_storm)),
        (
            f"storm: {one.storm_terminals:,} terminals with {one.storm_positions:,} positions",
            "survived",
            f"back after {one.storm_back_s:.1f} s, stored after {one.storm_stored_s:.1f} s "
            f"({one.storm_positions / one.storm_stored_s:,.0f} positions/s)",
        ),
        (
            f"as fast as answered: {one.flood_terminals:,} terminals with {one.flood_window} unanswered each",
            "–",
            f"**{one.flood_positions_per_s:,.0f} positions/s**, {_latency(one.in_flood)}",
        ),
        ("sent, answered, stored", "equal", f"{one.sent:,}, {one.acknowledged:,}, {one.stored:,}"),
        ("stored twice", "0", f"{one.stored_twice}"),
        ("bad peers cut off", "all", f"{one.strangers_cut_off} of {one.strangers}"),
        ("memory of the hub", "–", ", ".join(f"{phase} {mib:.0f} MiB" for phase, mib in memory.items())),
        ("CPU of the hub, of a core", "–", ", ".join(f"{phase} {share:.0f} %" for phase, share in cpu.items())),
    ]
    return markdown(("figure", "aim", "measured"), rows)


def _latency(one: jt808.Latency) -> str:
    return f"p50 {one.p50_ms:.0f} ms, p99 {one.p99_ms:.0f} ms, longest {one.max_ms:.0f} ms"


MODBUS = {
    "modbus-gateway": "one gateway (`--buses 1`)",
    "modbus-serial": "four gateways to serial lines (`--line-ms 15`)",
    "modbus-lines": "four lines (`--kind rtu-over-tcp`)",
    "modbus-line": "one line (`--kind rtu-over-tcp --buses 1`)",
}


def _modbus(found: Found) -> str:
    rows = [("aim", "5 s", "–", "5.5 s", "100 %", "0", "–")]
    for name, title in MODBUS.items():
        one = found[name].as_(modbus.Figures)
        times = (f"{one.p50_s:.3f} s", f"{one.p95_s:.3f} s", f"**{one.worst_s:.3f} s**")
        rows.append(
            (
                title,
                *times,
                f"{one.within_pct:.0f} % of {one.polls:,}",
                f"{one.missed}",
                f"{one.cpu_pct:.1f} % of a core",
            )
        )
    return markdown(("run", "p50", "p95", "worst", "within 10 %", "missed", "hub"), rows)


def _aims(found: Found) -> str:
    """What was asked of intake with all rules on, and how near it came with few and with many devices."""
    alike = found["ingest"].as_(ingest.Figures)
    compared = found["compare"].as_(Compared)
    many = found["alerts"].as_(alert_table.Figures).speed
    assert many is not None
    rows = [
        _aim(f"a fix and three readings of {alike.devices:,} devices of no kind", alike.messages_per_s, alike.rss_mib),
        *(
            _aim(
                f"{one.broker}, {one.load} (1,000, the comparison)", compared.rate(one, HUB), compared.rss_mib(one, HUB)
            )
            for one in compared.plan.heats
        ),
        _aim(f"{many.devices:,} devices of all kinds", median(many.with_rules), many.rss_mib),
    ]
    return markdown(("all default rules and trackers on", "msg/s", "of the aim of 20,000", "memory of the hub"), rows)


def _aim(what: str, per_s: float, mib: float) -> tuple[str, ...]:
    return (
        what,
        f"{per_s:,.0f}",
        f"{per_s / 20_000:.2f}",
        f"{mib:.0f} MiB{'' if mib <= MOST_MIB else ' (over the aim)'}",
    )


TABLES = {
    "aims": Table(("ingest", "compare", "alerts"), _aims),
    "ingest": Table(("ingest",), _ingest),
    "compare": Table(("compare",), _compare),
    "kills": Table(("compare",), _kills),
    "http": Table(("http",), _http),
    "jt808": Table(("jt808",), _jt808),
    "modbus": Table(tuple(MODBUS), _modbus),
}
