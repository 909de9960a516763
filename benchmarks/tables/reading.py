"""Tables of what people ask: the API, the Grafana boards, the live board, a year of readings."""

from __future__ import annotations

from statistics import median

import dashboards
from benchmarks.tables.table import Found, Table, markdown
from hub.bench.api import measurement as api
from hub.bench.board import measurement as board
from hub.bench.boards import measurement as boards
from hub.bench.store_year import figures as store_year_figures

MIB = 2**20


def _api(found: Found) -> str:
    one = found["api"].as_(api.Figures)
    rows = [
        (
            rate.what,
            f"{rate.clients}",
            f"{rate.per_s:,.0f}",
            f"**{rate.p50_ms:.0f} ms**",
            f"{rate.p99_ms:.0f} ms",
            f"{rate.bytes / 1024:,.0f} KiB",
            f"{rate.failed}",
        )
        for rate in one.rates
    ]
    return markdown(("question", "at once", "answers/s", "p50", "p99", "size", "failed"), rows)


def _live(found: Found) -> str:
    live = found["api"].as_(api.Figures).live
    rows = [
        (f"{live.vehicles:,} vehicles each {live.period_s:g} s", f"{live.reported_per_s:,.0f} reports/s committed"),
        (
            f"{live.readers} readers",
            f"{live.states_per_s:,.0f} states/s, {live.mib_per_s:.1f} MiB/s; each got {live.fewest:,} to {live.most:,}",
        ),
        ("reception to reader", f"p50 {live.p50_ms:,.0f} ms, p99 {live.p99_ms:,.0f} ms"),
        ("gaps, streams that the hub ended", f"{live.gaps}, {live.ended}"),
        ("CPU of the hub, API and intake", f"{live.cpu_pct:.0f} % of a core"),
        ("memory of the hub", f"{live.rss_mib:.0f} MiB"),
    ]
    return markdown(("live stream", "measured"), rows)


def _boards(found: Found) -> str:
    one = found["boards"].as_(boards.Figures)
    titles = {one["uid"]: str(one["dashboard"]["title"]) for one in dashboards.boards("en")}
    rows = []
    for name in dict.fromkeys(answer.board for answer in one.answers):
        of_it = [answer for answer in one.answers if answer.board == name]
        medians = [answer.median_ms for answer in of_it]
        worst = max(answer.worst_ms for answer in of_it)
        rows.append(
            (
                titles.get(name, name),
                f"{len(of_it)}",
                f"{median(medians):.0f} ms",
                f"{max(medians):.0f} ms",
                f"{worst:.0f} ms",
            )
        )
    over = f"{len(one.over)} of {len(one.answers)} took {boards.LIMIT_MS:g} ms or longer."
    return f"{markdown(('board', 'questions', 'median', 'slowest median', 'worst of all'), rows)}\n\n{over}"


def _board(found: Found) -> str:
    one = found["board"].as_(board.Figures)
    plan, frames, slow, first, last = one.plan, one.frames, one.slow, one.samples[0], one.samples[-1]
    rows = [
        ("vehicles, each", f"{plan.vehicles:,}, {plan.period_s:g} s: {one.reported_per_s:,.0f} reports/s committed")
    ]
    rows += [
        (
            f"click on a {clicks.what}",
            f"p50 {clicks.p50_ms:.0f} ms, **p95 {clicks.p95_ms:.0f} ms**, worst {clicks.worst_ms:.0f} ms "
            f"({clicks.count} clicks, {clicks.unanswered} unanswered; p95 {clicks.presented_p95_ms:.0f} ms by the "
            "browser's Event Timing)",
        )
        for clicks in one.clicks
    ]
    resident = [sample.page.renderer_mib for sample in one.samples]
    dropped = "not hung up on" if slow.dropped_after_s is None else f"hung up on after {slow.dropped_after_s:.1f} s"
    rows += [
        (
            "time between frames",
            f"p50 {frames.p50_ms:.0f} ms, p95 {frames.p95_ms:.0f} ms, p99 {frames.p99_ms:.0f} ms, worst "
            f"{frames.worst_ms:.0f} ms",
        ),
        (
            "heap of the page",
            f"{first.page.heap_mib:.1f} MiB at first, {last.page.heap_mib:.1f} MiB at the end "
            f"({one.heap_mib_per_min:+.2f} MiB a minute); {last.page.nodes:,} nodes",
        ),
        (
            "resident, process of the page",
            f"{resident[0]:.0f} MiB at first, {min(resident[1:]):.0f} to {max(resident[1:]):.0f} MiB then, "
            f"{resident[-1]:.0f} MiB at the end",
        ),
        ("resident, hub", f"{first.hub_mib:.0f} MiB at first, {last.hub_mib:.0f} MiB at the end"),
        (
            "reader that takes nothing",
            f"{dropped}; came back, {'resumed' if slow.resumed else 'did not resume'}, told of {slow.told:,} vehicles "
            f"in {slow.told_after_s:.2f} s, {slow.resyncs} gaps",
        ),
        ("vehicles on the map at the end, of them not where the hub has them", f"{one.shown:,}, {one.astray:,}"),
        ("errors of the page", f"{len(one.errors)}"),
        ("CPU of hub, browser", f"{one.hub_cpu_pct:.0f} %, {one.browser_cpu_pct:.0f} % of a core"),
    ]
    return markdown((f"measured over {plan.minutes:g} min", ""), rows)


def _sizes(found: Found) -> str:
    one = found["store-year"].as_(store_year_figures.Figures)
    year = one.year
    rows = [
        (name, f"{rows:,}", f"{size / MIB:,.1f}", f"{100 * size / year.bytes:.1f} %")
        for name, rows, size in (
            ("readings", year.rows, year.bytes),
            ("sums of hours", year.hour_rows, year.hour_bytes),
            ("sums of days", year.day_rows, year.day_bytes),
        )
    ]
    made = markdown(("", "rows", "MiB with indexes", "of the readings"), rows)
    return f"{made}\n\nSummed up in {one.sum_up_s:.0f} s, in portions."


def _series(found: Found) -> str:
    one = found["store-year"].as_(store_year_figures.Figures)
    rows = [
        (s.every, f"{s.readings:,}", f"{s.sums_ms:.2f} ms", f"{s.readings_ms:.2f} ms", f"{s.ratio:.1f}")
        for s in one.series
    ]
    head = ("a reading each", "readings in the month", "from the sums", "from the readings", "times faster")
    return markdown(head, rows)


def _retention(found: Found) -> str:
    one = found["store-year"].as_(store_year_figures.Figures).retention
    rows = [
        ("partitions dropped", f"{one.partitions}"),
        ("readings before, after", f"{one.rows_before:,}, {one.rows_after:,}"),
        ("of these younger than the limit before, after", f"{one.young_before:,}, {one.young_after:,}"),
        ("age of the oldest that is left", f"{one.oldest_days:.1f} days (whole weeks are dropped)"),
        ("sums of hours before the limit", "the same" if one.sums_same else "CHANGED"),
        ("a month whose readings are gone, by hours", f"{one.old_month_buckets} buckets"),
    ]
    return markdown((f"retention of {one.days} days", ""), rows)


TABLES = {
    "api": Table(("api",), _api),
    "live": Table(("api",), _live),
    "boards": Table(("boards",), _boards),
    "board": Table(("board",), _board),
    "year-sizes": Table(("store-year",), _sizes),
    "year-series": Table(("store-year",), _series),
    "year-retention": Table(("store-year",), _retention),
}
