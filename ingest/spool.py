"""The spool: a bounded queue on disk for frames whose peers cannot send them again.

Segments are append-only files of records (length, CRC-32, MessagePack of the frame); a small file remembers up to where
they have been committed. A torn record at the end of a segment, as a power cut leaves it, is skipped. When the spool is
full its oldest segment is given up: the loss is counted, and shown until the spool is empty again.

A frame read back is marked as redelivered, for the hub may have died between its commit and the note of it.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Iterator
from io import BufferedWriter
from pathlib import Path
from zlib import crc32

import msgspec
import structlog

from devices.vocabulary import Frame, Outcome
from ingest.ports import Intake

log = structlog.get_logger("ingest.spool")

_HEAD = struct.Struct(">II")
_CHUNK = 500  # frames on their way from the spool at a time


class SpoolSettings(msgspec.Struct, frozen=True):
    """Bounds of the spool, in bytes."""

    segment_bytes: int = 8 * 1024 * 1024
    max_bytes: int = 512 * 1024 * 1024


class Spool:
    """Frames on disk, oldest first. One process, one event loop."""

    def __init__(self, folder: Path, settings: SpoolSettings | None = None) -> None:
        self.lost = 0  #: frames given up because the spool was full
        self.waiting = 0  #: frames not yet committed
        self._folder = folder
        self._settings = settings or SpoolSettings()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Frame)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._segments = sorted(int(path.stem) for path in folder.glob("*.spool"))
        self._read_segment, self._read_offset = self._load_position()
        self._segments = [number for number in self._segments if number >= self._read_segment]
        next_segment = (self._segments[-1] if self._segments else self._read_segment) + 1
        self._writing = self._open_segment(next_segment)
        self.waiting = sum(1 for _ in self._records())
        self.not_empty = asyncio.Event()
        if self.waiting:
            self.not_empty.set()

    def append(self, frame: Frame) -> None:
        """Keep a frame. It has reached the operating system when this returns, and the disk at the next segment."""
        body = self._encoder.encode(frame)
        self._writing.write(_HEAD.pack(len(body), crc32(body)) + body)
        self._writing.flush()
        self.waiting += 1
        self.not_empty.set()
        if self._writing.tell() >= self._settings.segment_bytes:
            os.fsync(self._writing.fileno())
            self._writing.close()
            self._writing = self._open_segment(self._segments[-1] + 1)
            self._make_room()

    def peek(self, most: int) -> list[tuple[Frame, tuple[int, int]]]:
        """The oldest frames, at most so many, each with the position after it."""
        found = []
        for frame, position in self._records():
            found.append((frame, position))
            if len(found) == most:
                break
        return found

    def forget(self, position: tuple[int, int], count: int) -> None:
        """Note that everything before ``position``, ``count`` frames, is committed."""
        if position <= (self._read_segment, self._read_offset):
            return  # given up meanwhile
        self._read_segment, self._read_offset = position
        self.waiting = max(0, self.waiting - count)
        while self._segments and self._segments[0] < self._read_segment:
            self._path(self._segments.pop(0)).unlink(missing_ok=True)
        self._save_position()
        if not self.waiting:
            self.not_empty.clear()

    def close(self) -> None:
        """Bring everything to disk."""
        self._writing.flush()
        os.fsync(self._writing.fileno())
        self._writing.close()

    def _make_room(self) -> None:
        """Give up the oldest segments while the spool is larger than it may be."""
        while len(self._segments) > 1 and self._size() > self._settings.max_bytes:
            oldest = self._segments[0]
            dropped = sum(1 for _, (segment, _) in self._records() if segment == oldest)
            self.lost += dropped
            self.waiting -= dropped
            log.error("spool_full", frames_lost=dropped, folder=str(self._folder))
            self._segments.pop(0)
            self._path(oldest).unlink(missing_ok=True)
            self._read_segment, self._read_offset = self._segments[0], 0
            self._save_position()

    def _size(self) -> int:
        return sum(self._path(number).stat().st_size for number in self._segments)

    def _records(self) -> Iterator[tuple[Frame, tuple[int, int]]]:
        for number in list(self._segments):
            offset = self._read_offset if number == self._read_segment else 0
            yield from self._records_of(number, offset)

    def _records_of(self, number: int, offset: int) -> Iterator[tuple[Frame, tuple[int, int]]]:
        with self._path(number).open("rb") as segment:
            segment.seek(offset)
            while len(head := segment.read(_HEAD.size)) == _HEAD.size:
                length, checksum = _HEAD.unpack(head)
                body = segment.read(length)
                if len(body) < length or crc32(body) != checksum:
                    return  # torn by a crash: nothing whole follows
                offset += _HEAD.size + length
                frame = self._decoder.decode(body)
                frame.redelivered = True
                yield frame, (number, offset)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010d}.spool"

    def _open_segment(self, number: int) -> BufferedWriter:
        self._segments.append(number)
        return self._path(number).open("ab")

    def _load_position(self) -> tuple[int, int]:
        try:
            segment, offset = (self._folder / "position").read_text("ascii").split()
            return int(segment), int(offset)
        except (FileNotFoundError, ValueError):
            return (self._segments[0] if self._segments else 0), 0

    def _save_position(self) -> None:
        temporary = self._folder / "position.new"
        temporary.write_text(f"{self._read_segment} {self._read_offset}", "ascii")
        temporary.replace(self._folder / "position")


class _Group:
    """Frames of the spool that are on their way; done when all are committed."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: Outcome) -> None:
        self.left -= 1
        if outcome is not Outcome.COMMITTED and not self.done.done():
            self.done.set_result(False)
        elif self.left == 0 and not self.done.done():
            self.done.set_result(True)


async def feed(spool: Spool, intake: Intake, stop: asyncio.Event) -> None:
    """Bring spooled frames to the intake, in order, whenever there are any; forget them once they are committed."""
    while not stop.is_set():
        waiter = asyncio.ensure_future(spool.not_empty.wait())
        stopper = asyncio.ensure_future(stop.wait())
        await asyncio.wait({waiter, stopper}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        stopper.cancel()
        records = [] if stop.is_set() else spool.peek(_CHUNK)
        if not records:
            spool.not_empty.clear()
            continue
        group = _Group(len(records))
        for frame, _ in records:
            intake.offer(frame, group)
        if await group.done:
            spool.forget(records[-1][1], len(records))
