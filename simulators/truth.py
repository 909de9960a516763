"""The truth of a run: what really happened, as JSON lines, so that detection can be scored afterwards.

Line 1 is the header (``record: header``): version, scenario, seed, start and sizes. Then follow the records
(``record: truth``) in the order in which they ended or were known: a ``kind``, the ``device_id``, ``start_us`` and, for
what lasts, ``end_us`` (both µs since 1970, UTC), and ``detail``. ``open`` marks what had not ended when the run did.
The last line is the footer (``record: footer``): counts of observations by kind of device, counts of records by kind,
and the SHA-256 of all the bytes before it. A run that was killed has no footer and can still be read.

Kinds of record: ``bin_threshold``, ``bin_near`` (a level within its sensor's noise of a threshold), ``emptied``,
``compaction``, ``outlier`` (one wild reading), ``missed_stop``, ``fire``, ``idle``, ``deviation``, ``speeding``,
``shift``, ``round``, ``odour``, ``cleaned``, ``water_leak``, ``sos``, ``attendance``, ``off_post``, ``standing`` from
the city; those of :mod:`simulators.faults` begin with ``fault_``; ``frame_counter_reset`` (a LoRaWAN sensor joined
anew) and ``unit_dead`` (a Modbus unit that never answers) from the speakers.

A ``shift`` of a vehicle lasts from leaving its place in the yard until it is back there; ``planned_us`` is when it was
to begin and end. A ``round`` is one drive along the vehicle's round, as ``registry.routes`` exports it, ``length_m``
long. Its ``worked`` are the pieces that were driven at work, [from_m, to_m, begin_us, end_us], in metres along the
whole round; ``fast`` those of them that were driven faster than the work allows; ``served`` and ``missed`` are
[bin, at_us]. ``attendance`` is a planned shift of a worker, with ``arrived_us`` and ``left_us``, or ``absent``. A
``deviation`` tells its ``length_m``, the metres driven beyond the corridor, and its ``spells``
[begin_us, end_us, metres]: the absences that it consists of.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

VERSION = 1


class TruthError(ValueError):
    """The file is not a truth file, or it was changed after it was written."""


class Header(msgspec.Struct, frozen=True, tag_field="record", tag="header"):
    """What was run. ``protocols`` is what each device speaks, in runs of several; without it, JSON over MQTT."""

    seed: int
    start_us: int
    scenario: str = ""
    size: dict[str, int] = {}
    protocols: dict[str, str] = {}
    version: int = VERSION


class Record(msgspec.Struct, frozen=True, tag_field="record", tag="truth"):
    """Something that happened: at ``start_us``, or from there to ``end_us``."""

    kind: str
    device_id: str
    start_us: int
    end_us: int | None = None
    open: bool = False
    detail: dict[str, Any] = {}


class Footer(msgspec.Struct, frozen=True, tag_field="record", tag="footer"):
    """What the run came to. ``checksum`` is the hexadecimal SHA-256 of every byte before the footer's line."""

    observations: dict[str, int]
    records: dict[str, int]
    checksum: str


class Episode(msgspec.Struct, eq=False):
    """Something that began and has not ended; its ``detail`` may be filled in as it goes."""

    kind: str
    device_id: str
    start_us: int
    detail: dict[str, Any] = {}


class TruthLog:
    """Takes the truth down, a line at a time, through ``write`` (bytes with their newline)."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self._encode = msgspec.json.Encoder(order="deterministic").encode
        self._open: list[Episode] = []
        self._records: Counter[str] = Counter()

    def header(self, header: Header) -> None:
        """Write the first line."""
        self._line(header)

    def point(self, kind: str, device_id: str, at: int, **detail: Any) -> None:
        """Take down something that happened at one instant (µs)."""
        self._record(Record(kind, device_id, at, None, False, detail))

    def begin(self, kind: str, device_id: str, at: int, **detail: Any) -> Episode:
        """Something began at ``at`` (µs); it is written when it ends, or as open when the run does."""
        episode = Episode(kind, device_id, at, detail)
        self._open.append(episode)
        return episode

    def end(self, episode: Episode, at: int, **detail: Any) -> None:
        """The episode ended at ``at`` (µs)."""
        self._open.remove(episode)
        full = {**episode.detail, **detail}
        self._record(Record(episode.kind, episode.device_id, episode.start_us, at, False, full))

    def footer(self, observations: Mapping[str, int]) -> None:
        """Write what is still open and the last line; nothing may follow."""
        for episode in self._open:
            self._record(Record(episode.kind, episode.device_id, episode.start_us, None, True, episode.detail))
        self._open.clear()
        self._line(Footer(dict(observations), dict(self._records), self._digest.hexdigest()))

    def _record(self, record: Record) -> None:
        self._records[record.kind] += 1
        self._line(record)

    def _line(self, line: msgspec.Struct) -> None:
        data = self._encode(line) + b"\n"
        self._digest.update(data)
        self._write(data)


class TruthFile:
    """A :class:`TruthLog` into a file, unbuffered: a run that is killed leaves whole lines.

    Use as a context manager; without a path the truth goes nowhere. Raises OSError where the file cannot be made.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: IO[bytes] | None = None if path is None else path.open("wb", buffering=0)
        self.log = TruthLog(self._file.write if self._file is not None else _nowhere)

    def __enter__(self) -> TruthLog:
        return self.log

    def __exit__(self, *_: object) -> Literal[False]:
        if self._file is not None:
            self._file.close()
        return False


def nowhere() -> TruthLog:
    """A log that keeps nothing."""
    return TruthLog(_nowhere)


def _nowhere(_: bytes) -> None:
    """Drop a line."""


class Truth(msgspec.Struct, frozen=True):
    """A truth file, read back. ``footer`` is None when the run was killed."""

    header: Header
    records: tuple[Record, ...]
    footer: Footer | None


def read_truth(path: Path) -> Truth:
    """Read and verify a truth file. Raises :class:`TruthError` naming the line, or OSError."""
    decoder = msgspec.json.Decoder(Header | Record | Footer)
    digest = hashlib.sha256()
    header: Header | None = None
    footer: Footer | None = None
    records: list[Record] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                item = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise TruthError(f"{path}: line {number}: {error}") from error
            if footer is not None or isinstance(item, Header) is not (number == 1):
                raise TruthError(f"{path}: line {number}: {type(item).__name__.lower()} out of place")
            if isinstance(item, Header):
                header = item
            elif isinstance(item, Record):
                records.append(item)
            else:
                footer = item
                if footer.checksum != digest.hexdigest():
                    raise TruthError(f"{path}: line {number}: checksum does not fit the lines before it")
            digest.update(line)
    if header is None:
        raise TruthError(f"{path}: empty")
    return Truth(header, tuple(records), footer)
