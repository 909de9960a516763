"""The spool: a bounded queue on disk for frames whose peers cannot send them again.

Segments are append-only files of records (length, CRC-32, MessagePack of the frame); a small file remembers up to where
they have been committed. What a power cut leaves at the end of a segment (a torn record, zeros) is skipped, and nothing
is ever written behind it: each start begins a new segment. When the spool is full its oldest segment is given up.

Loss is counted, never raised: a frame that the disk refuses is one frame less, and no reason for the hub to end.

A frame read back is marked as redelivered, for the hub may have died between its commit and the note of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec
import structlog

from devices.vocabulary import Frame
from ingest.runner import Condition

log = structlog.get_logger("ingest.spool")

_HEAD = struct.Struct(">II")


class SpoolSettings(msgspec.Struct, frozen=True):
    """Bounds of the spool, in bytes. ``max_bytes`` is for full segments; the one being written comes on top."""

    segment_bytes: int = 8 * 1024 * 1024
    max_bytes: int = 512 * 1024 * 1024


class Mark(NamedTuple):
    """A place between two records: the segment, the bytes of it before the place, and the records before it.

    ``passed`` counts from the oldest record that was there when the spool was opened.
    """

    segment: int
    offset: int
    passed: int


class Spool:
    """Frames on disk, oldest first. One process, one event loop. Raises OSError only when it is opened or read."""

    def __init__(self, folder: Path, settings: SpoolSettings | None = None) -> None:
        self.lost = 0  #: frames given up because the spool was full, or not kept because the disk refused them
        self.condition = Condition("spool")  #: whether the disk takes frames
        self.not_empty = asyncio.Event()
        self._folder = folder
        self._settings = settings or SpoolSettings()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Frame)
        self._noting = Condition("spool position")
        self._written = 0  #: records so far, counted like :attr:`Mark.passed`
        self._ends: dict[int, int] = {}  #: segments, oldest first, each with the count of records up to its end
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._read = self._find()
        newest = max(self._ends, default=self._read.segment)
        self._whole = 0  #: bytes of whole records in the newest segment
        self._file = self._begin(newest + 1)
        self._remove_consumed()
        if self.waiting:
            self.not_empty.set()

    @property
    def waiting(self) -> int:
        """Frames not yet committed."""
        return self._written - self._read.passed

    def append(self, frame: Frame) -> None:
        """Keep a frame. It has reached the operating system when this returns, and the disk at the next segment.

        A frame that the disk refuses is counted as lost.
        """
        body = self._encoder.encode(frame)
        try:
            if self._whole >= self._settings.segment_bytes or self._file.tell() != self._whole:
                self._roll_over()
            self._write(_HEAD.pack(len(body), crc32(body)) + body)
        except OSError as error:
            self.lost += 1
            self.condition.failed(error)
            return
        self.condition.recovered()
        self._written += 1
        self._ends[self._newest] = self._written
        self.not_empty.set()

    def peek(self, most: int, most_bytes: int = 4 * 1024 * 1024) -> list[tuple[Frame, Mark]]:
        """The oldest frames, each with the mark after it: so many at most, and one at least, however large it is."""
        found: list[tuple[Frame, Mark]] = []
        size = 0
        for body, mark in self._records():
            size += len(body)
            if found and (size > most_bytes or len(found) == most):
                break
            frame = self._decoder.decode(body)
            frame.redelivered = True
            found.append((frame, mark))
        return found

    def forget(self, mark: Mark) -> None:
        """Note that everything before ``mark`` is committed."""
        if mark.passed <= self._read.passed:
            return  # given up meanwhile
        self._read = mark
        self._remove_consumed()
        self._save_mark()
        if not self.waiting:
            self.not_empty.clear()

    def close(self) -> None:
        """Bring everything to disk."""
        with self._file:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self.condition.failed(error)

    # -- writing ------------------------------------------------------------------------------------------------------

    @property
    def _newest(self) -> int:
        return next(reversed(self._ends))

    def _begin(self, number: int) -> FileIO:
        """Begin a segment. Unbuffered: what a full disk refused must not come out of a buffer later."""
        segment = FileIO(self._path(number), "ab")
        self._whole, self._ends[number] = 0, self._written
        return segment

    def _write(self, record: bytes) -> None:
        """Write a whole record, or nothing of it. Raises OSError."""
        rest = memoryview(record)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(self._whole)  # where even that fails the next frame begins a new segment
            self._file.seek(self._whole)
            raise
        self._whole += len(record)

    def _roll_over(self) -> None:
        """Go on in a new segment, and make room for it. Raises OSError, then still at the old one."""
        os.fsync(self._file.fileno())
        full, self._file = self._file, self._begin(self._newest + 1)
        full.close()
        self._make_room()

    def _make_room(self) -> None:
        """Give up the oldest segments while the spool is larger than it may be."""
        self._remove_consumed()
        while len(self._ends) > 1 and self._size() > self._settings.max_bytes:
            oldest, end = next(iter(self._ends.items()))
            dropped = end - self._read.passed
            self._read = Mark(oldest, self._path(oldest).stat().st_size, end)
            self._remove_consumed()
            self._save_mark()
            self.lost += dropped
            log.error("spool_full", frames_lost=dropped, folder=str(self._folder))

    def _size(self) -> int:
        return sum(self._path(number).stat().st_size for number in self._ends)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _records(self) -> Iterator[tuple[bytes, Mark]]:
        passed = self._read.passed
        for number in list(self._ends):
            for body, offset in self._records_of(number, self._read.offset if number == self._read.segment else 0):
                passed += 1
                yield body, Mark(number, offset, passed)

    def _records_of(self, number: int, offset: int) -> Iterator[tuple[bytes, int]]:
        """The whole records of a segment from ``offset`` on, each with the offset after it."""
        with self._path(number).open("rb") as segment:
            size = os.fstat(segment.fileno()).st_size
            segment.seek(offset)
            while len(head := segment.read(_HEAD.size)) == _HEAD.size:
                length, checksum = _HEAD.unpack(head)
                offset += _HEAD.size + length
                # Zeros, which a power cut may leave, would pass for an empty record with a good checksum.
                if length == 0 or offset > size or crc32(body := segment.read(length)) != checksum:
                    return  # torn by a crash: nothing whole follows
                yield body, offset

    # -- segments and the mark ----------------------------------------------------------------------------------------

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010d}.spool"

    def _find(self) -> Mark:
        """Find the segments of earlier runs, count what waits in them, and return the place to read from."""
        numbers = sorted(int(path.stem) for path in self._folder.glob("*.spool"))
        segment, offset = self._load_mark() or (numbers[0] if numbers else 0, 0)
        for number in numbers:
            if number < segment:
                self._path(number).unlink()  # committed, and its removal was undone by a power cut
                continue
            self._written += sum(1 for _ in self._records_of(number, offset if number == segment else 0))
            self._ends[number] = self._written
        return Mark(segment, offset, 0)

    def _remove_consumed(self) -> None:
        """Remove segments that hold nothing more to be read; the newest stays, for it is being written."""
        while len(self._ends) > 1 and self._ends[oldest := next(iter(self._ends))] <= self._read.passed:
            del self._ends[oldest]
            with contextlib.suppress(OSError):  # removed at the next start
                self._path(oldest).unlink()

    def _load_mark(self) -> tuple[int, int] | None:
        """The mark that was noted; None if there is none, or not wholly (its line does not end)."""
        try:
            line = (self._folder / "position").read_text("ascii")
            segment, offset = line.split()
            return (int(segment), int(offset)) if line.endswith("\n") else None
        except (FileNotFoundError, ValueError):
            return None

    def _save_mark(self) -> None:
        """Note the mark. Not being able to costs nothing but reading frames again, as duplicates, after a restart."""
        draft = self._folder / "position.new"
        try:
            draft.write_text(f"{self._read.segment} {self._read.offset}\n", "ascii")
            draft.replace(self._folder / "position")
        except OSError as error:
            self._noting.failed(error)
        else:
            self._noting.recovered()
