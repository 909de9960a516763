"""Files of the fleet's master data: read one by one, checked together, entered in one transaction or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from fleet.importing.gathering import Fault, Gathered
from fleet.importing.geojson import from_geojson
from fleet.importing.gpx import from_gpx
from fleet.importing.joining import Joined, join, loose_routes, place
from fleet.importing.listing import from_yaml
from fleet.importing.tables import from_rows, table_kind
from fleet.master.collection import Section
from fleet.master.entering import Came, NotEnteredError
from hub.access import actor, patiently
from hub.importing.plan import Part
from hub.importing.rows import FileFaultError
from store.connection import session_parameters
from store.fleet.entry import FleetEntry
from store.fleet.master import FleetMaster
from store.reading import ReadSession
from store.writing import WriteSession

MAX_BYTES = 64 * 1024 * 1024
_TEXTS: Mapping[str, Callable[[str, str | None], Gathered]] = {
    "geojson": from_geojson,
    "gpx": from_gpx,
    "yaml": from_yaml,
}

TellFault = Callable[[int, Fault], None]
"""Takes a fault, and the number of the file that it is in."""


class FleetOutcome(msgspec.Struct):
    """What became of the files together. ``counts``: items of each file; ``came`` None: nothing was written."""

    counts: list[int]
    notes: list[list[str]]
    faults: int = 0
    came: dict[Section, Came] | None = None

    def detail(self) -> str:
        """In a few words, for people."""
        if self.faults:
            return "nothing of the fleet was written"
        if self.came is None:
            return ""
        new = sum(len(one.created) for one in self.came.values())
        changed = sum(len(one.changed) for one in self.came.values())
        return f"{new} new, {changed} changed, {sum(one.unchanged for one in self.came.values())} as they were"


def gather(part: Part, datum: str | None) -> Gathered:
    """What one file holds. Raises FileFaultError for one that cannot be read at all."""
    if part.table is not None:
        kind = table_kind(part.table.header)
        assert kind is not None
        wrong: list[Fault] = []
        rows = part.table.rows(lambda line, reason: wrong.append(Fault(line, "", reason)))
        found = from_rows(kind, rows, datum)
        found.faults = sorted((*found.faults, *wrong))
        return found
    assert part.fleet is not None
    if part.size > MAX_BYTES:
        raise FileFaultError(part.file.path, f"is larger than {MAX_BYTES} bytes; divide it")
    try:
        text = part.file.path.read_text(part.file.encoding)
    except UnicodeDecodeError:
        reason = f"not {part.file.encoding}; name the encoding with --encoding"
        raise FileFaultError(part.file.path, reason) from None
    except OSError as error:
        raise FileFaultError(part.file.path, error.strerror or str(error)) from None
    return _TEXTS[part.fleet](text, datum)


async def enter_files(
    parts: Sequence[Part], dsn: str, tell: TellFault, *, datum: str | None = None, valid_from: int | None = None
) -> FleetOutcome:
    """Read the files and enter them, all or nothing; without a ``dsn`` they are read and checked only.

    Raises FileFaultError, TransientError.
    """
    files = [gather(part, datum) for part in parts]
    counts = [len(file.found) + len({one.route for one in file.loose}) for file in files]
    outcome = FleetOutcome(counts, [file.notes for file in files])

    def told(number: int, fault: Fault) -> None:
        outcome.faults += 1
        tell(number, fault)

    for number, file in enumerate(files):
        for fault in sorted(file.faults):
            told(number, fault)
    if not dsn:
        joined = join(files, None)
        for number, fault in joined.faults:
            told(number, fault)
        return outcome
    pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=2, open=False, name="fleet")
    async with pool:
        reads = FleetMaster(ReadSession(pool, statement_timeout_s=60.0, acquire_timeout_s=30.0))
        joined = await patiently(lambda: _joined(files, reads))
        for number, fault in joined.faults:
            told(number, fault)
        if outcome.faults:
            return outcome
        entry = FleetEntry(WriteSession(pool, statement_timeout_s=60.0, acquire_timeout_s=30.0))
        details: dict[str, Any] = {"files": [part.file.path.name for part in parts][:50]}
        if datum is not None:
            details["datum"] = datum
        try:
            outcome.came = await patiently(
                lambda: entry.enter(joined.master, actor(), valid_from=valid_from, details=details)
            )
        except NotEnteredError as error:
            for wrong in error.wrong:
                told(*place(wrong, joined.origins))
    return outcome


async def _joined(files: Sequence[Gathered], reads: FleetMaster) -> Joined:
    wanted = loose_routes(files)
    stored = {}
    for route_id in wanted:
        versions = await reads.route_versions(route_id)
        if versions:
            stored[route_id] = versions[-1]
    return join(files, stored, await reads.centre())
