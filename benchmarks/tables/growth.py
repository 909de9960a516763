"""Tables of where the cost of a message lies, and how it grows with devices and with what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.tables.table import Found, Table, markdown
from hub.bench.scaling.figures import PROCESSES, Figures
from hub.bench.scaling.figures import Found as Size
from hub.bench.stages import measurement as stages

AIM = 1.2  #: the cost of a message at any size, held against the smallest


def _devices(found: Found) -> str:
    return _costs(found["scaling"].as_(Figures).devices, "devices", lambda one: one.point.devices)


def _stored(found: Found) -> str:
    return _costs(found["scaling"].as_(Figures).stored, "stored readings", lambda one: one.stored)


def _costs(sizes: Sequence[Size], what: str, size: Callable[[Size], int]) -> str:
    rows = [
        (
            f"{size(one):,}",
            *(f"{one.cpu_us.get(name, 0.0):.0f}" for name in PROCESSES),
            _held(one.flood_us / sizes[0].flood_us),
            f"{one.pace_us:.0f}",
            _held(one.pace_us / (sizes[0].pace_us or 1.0)),
            f"{one.messages_per_s:,.0f}",
            f"p50 {one.p50_ms:.0f}, p99 {one.p99_ms:.0f} ms",
            f"{one.rss_mib:.0f} MiB",
            f"{one.redelivered:,}",
        )
        for one in sizes
    ]
    head = (what, "flood: hub, µs", "PostgreSQL", "broker", "times", "paced, µs", "times", "msg/s", "to committed")
    return markdown((*head, "hub", "came again"), rows)


def _held(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio <= AIM else f"**{ratio:.2f}**"


def _questions(found: Found) -> str:
    rows = [
        (
            f"{one.stored:,}",
            f"{one.store_mib / 1024:.1f} GiB",
            *(f"{asked.p50_ms:.1f} ms" for asked in (one.state, one.day, one.day_by_hours)),
        )
        for one in found["scaling"].as_(Figures).stored
    ]
    return markdown(("stored readings", "database", "newest state", "a day of a metric", "the same by hours"), rows)


def _stages(found: Found) -> str:
    mixed, alike = found["stages"].as_(stages.Stages), found["stages-alike"].as_(stages.Stages)
    rows = [(part, f"{value:.1f}", f"{alike.parts_us[part]:.1f}") for part, value in mixed.parts_us.items()]
    rows += [
        ("**together**", f"**{mixed.with_us:.1f}**", f"**{alike.with_us:.1f}**"),
        ("without trackers and rules", f"{mixed.without_us:.1f}", f"{alike.without_us:.1f}"),
        ("memory at the end, MiB", f"{mixed.rss_mib:.0f}", f"{alike.rss_mib:.0f}"),
    ]
    head = ("µs CPU a message", f"{mixed.devices:,} devices of all kinds", f"{alike.devices:,} devices of no kind")
    return markdown(head, rows)


TABLES = {
    "scaling-devices": Table(("scaling",), _devices),
    "scaling-stored": Table(("scaling",), _stored),
    "scaling-questions": Table(("scaling",), _questions),
    "stages": Table(("stages", "stages-alike"), _stages),
}
