"""Tables of what the hub makes of it: alerts, trackers, reports, a month of compliance."""

from __future__ import annotations

from benchmarks.tables.table import Found, Table, markdown, used
from hub.bench import compliance_month
from hub.bench.alerts import table as alert_table
from hub.bench.reports import measurement as reports
from hub.bench.reports import table as reports_table
from hub.bench.trackers import table as tracker_table

PARTS = {
    "decode and file": "decode and file (what the rest is held against)",
    "offsets": "offsets: how far from what is planned",
    "moments": "moments: readings and positions of one instant joined",
    "fold": "fold: work state, trips, stops, progress",
    "tell": "tell: records and boards",
}


def _alerts(found: Found) -> str:
    one = found["alerts"].as_(alert_table.Figures).speed
    assert one is not None
    rows = [
        (f"messages/s with {one.rules} rules, by flood", "–", " ".join(f"{rate:,.0f}" for rate in one.with_rules)),
        ("messages/s without", "–", " ".join(f"{rate:,.0f}" for rate in one.without)),
        ("ratio of the medians", "at least 0.60", f"**{one.ratio:.2f}**"),
        (
            "the fleet comes back",
            "–",
            f"{one.returned:,} alerts over, {one.devices:,} messages in {one.return_s:.1f} s",
        ),
        (
            f"publish to visible at half the rate ({one.half_rate:,.0f}/s)",
            "p99 under 1 s",
            f"**p50 {one.visible_p50_ms:.0f} ms, p99 {one.visible_p99_ms:.0f} ms** ({one.alerts} alerts)",
        ),
        ("memory of the hub", "–", f"{one.rss_mib:.0f} MiB"),
        ("CPU a message, with rules", "–", used(one.cpu_us)),
        ("CPU a message, without", "–", used(one.cpu_without_us)),
    ]
    return markdown(("figure", "aim", "measured"), rows)


def _trackers(found: Found) -> str:
    one = found["trackers"].as_(tracker_table.Figures)
    rows = [(PARTS.get(part, part), f"{value:.1f}") for part, value in one.cost.parts_us.items()]
    rows.append(("**with trackers to without**", f"**{one.cost.ratio:.1f}**"))
    if one.speed is not None:
        told = f"{one.speed.cpu_ratio:.2f} ({one.speed.cpu_us['hub']:.0f} to {one.speed.cpu_without_us['hub']:.0f})"
        rows.append(("the same of all of the hub's CPU, in a hub", told))
    return markdown((f"µs CPU a message, of {one.cost.messages:,}", ""), rows)


def _reports(found: Found) -> str:
    one = found["reports"].as_(reports.Figures)
    rows = [
        (made.kind.replace("_", "-"), f"{made.days}", f"{made.pieces:,}", *reports_table.cells(made))
        for made in one.reports
    ]
    head = ("report", "days", "pieces", "made, s", "PDF, s", "PDF, KiB", "XLSX, s", "XLSX, KiB", "memory, MiB")
    size = one.size
    counts = ", ".join(f"{one.rows[name]:,} {name}" for name in ("readings", "fixes", "alerts"))
    city = f"{size.vehicles} vehicles, {size.bins} bins, {size.toilets} toilets, {size.workers} workers: {counts}"
    return f"{city}.\n\n{markdown(head, rows)}"


def _month(found: Found) -> str:
    one = found["compliance-month"].as_(compliance_month.Month)
    busy, all_s = one.reading_s + one.judging_s, one.reading_cpu_s + one.judging_cpu_s + one.database_cpu_s

    def a_fix(seconds: float) -> str:
        return f"{seconds * 1e6 / one.fixes:.2f} µs"

    rows = [
        (
            f"{one.shifts:,} shifts, {one.fixes:,} fixes, {one.readings:,} readings",
            "under 60 s",
            f"**{one.seconds:.1f} s** = {one.fixes / one.seconds:,.0f} fixes/s, {one.processes} processes",
        ),
        (
            "of the processes' time",
            "–",
            f"{one.reading_s / busy:.0%} reading (waiting for PostgreSQL included), {one.judging_s / busy:.0%} judging",
        ),
        (
            "CPU a fix",
            "–",
            f"judging {a_fix(one.judging_cpu_s)}, reading {a_fix(one.reading_cpu_s)}, "
            f"PostgreSQL {a_fix(one.database_cpu_s)}",
        ),
        ("CPU of all", "–", f"{all_s:.1f} s, so at least {all_s / 2:.0f} s on two cores"),
        ("memory of the processes", "under 1 GB", f"{one.rss_mib:.0f} MiB"),
    ]
    return markdown(("figure", "aim", "measured"), rows)


TABLES = {
    "alerts": Table(("alerts",), _alerts),
    "trackers": Table(("trackers",), _trackers),
    "reports": Table(("reports",), _reports),
    "compliance-month": Table(("compliance-month",), _month),
}
