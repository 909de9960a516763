"""Replaying dead letters: what could not be filed goes through decoding and filing again, as if it came now for then.

A letter is closed in the transaction that stores its rows, so that a crash leaves both or neither. One that fails
again stays open under its new reason; no new letter is made of it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from devices.errors import RejectedError
from devices.registry import Registry
from devices.vocabulary import Batch, DeadLetter, Device, Echo, EchoWanted, Identity, ReceiptKey, Written
from ingest.assembly import Assembler, IntakeRules
from ingest.filing import dead_letter
from ingest.ports import Decoder, TelemetryStore

BATCH = 200  #: letters in one transaction; each holds its bytes in memory
UNFILED = frozenset(("malformed", "decoder", "unknown_device", "shut_device", "store"))
"""Codes of frames of which nothing was filed. Of any other the sound part was, and must be recognised."""


class Desk(Protocol):
    """Where the chosen letters lie. Each method raises TransientError when the store is away."""

    async def waiting(self, after: int, limit: int) -> list[tuple[int, DeadLetter]]:
        """Open letters that can be replayed, oldest first, with ids beyond ``after``."""
        ...

    async def find_receipts(self, wanted: Iterable[ReceiptKey], received_at: int) -> Mapping[ReceiptKey, int]:
        """Where a frame received at ``received_at`` (µs) was filed: the key asked for → instant."""
        ...

    async def commit(
        self, batch: Batch, closed: Mapping[int, str], failed: Mapping[int, DeadLetter]
    ) -> tuple[Written, frozenset[int]]:
        """Store and settle in one transaction; ids that somebody else closed, for which nothing was committed.

        Raises RejectedError when the store refuses a record.
        """
        ...


class Tally(msgspec.Struct):
    """What a replay came to. ``taken`` letters were closed by another replay at the same time."""

    closed: int = 0
    failed: Counter[str] = msgspec.field(default_factory=Counter)  #: by code
    rows: int = 0
    duplicates: int = 0
    taken: int = 0

    @property
    def letters(self) -> int:
        """All letters that were looked at."""
        return self.closed + self.failed.total() + self.taken


class _Part(msgspec.Struct):
    """One letter, assembled again: its rows, and what is still wrong with it."""

    id: int
    letter: DeadLetter
    batch: Batch
    trouble: DeadLetter | None


class _ReplayStore:
    """The store as the assembler sees it in a replay: receipts are looked for at the time of the frame.

    Letters are assembled one by one and committed together, so that echoes ``on_the_way`` must be found as well.
    """

    def __init__(self, store: TelemetryStore, desk: Desk) -> None:
        self._store, self._desk = store, desk
        self.frame_at = 0
        self.on_the_way: list[Echo] = []

    async def write(self, batch: Batch) -> Written:
        return await self._store.write(batch)

    async def find_devices(self, identities: Iterable[Identity]) -> list[tuple[Identity, Device]]:
        return await self._store.find_devices(identities)

    async def register(self, newcomers: Sequence[tuple[Identity, str]], limit: int) -> list[tuple[Identity, Device]]:
        return await self._store.register(newcomers, limit)

    async def find_receipts(self, wanted: Iterable[ReceiptKey]) -> Mapping[ReceiptKey, int]:
        return await self._desk.find_receipts(wanted, self.frame_at)

    async def find_echoes(self, wanted: Iterable[EchoWanted]) -> list[Echo]:
        """What the store holds, and what letters of the same step said and is on its way there."""
        asked = list(wanted)
        return await self._store.find_echoes(asked) + [
            echo
            for echo in self.on_the_way
            if any(
                (one.device_key, one.digest) == (echo.device_key, echo.digest) and one.low <= echo.told_at <= one.high
                for one in asked
            )
        ]


class Replayer:
    """Carries letters from a desk to the store, a batch a step. A step that failed can be taken again."""

    def __init__(
        self,
        desk: Desk,
        store: TelemetryStore,
        registry: Registry,
        decoders: Mapping[str, Decoder],
        rules: IntakeRules,
        *,
        dry_run: bool = False,
        batch: int = BATCH,
    ) -> None:
        self.tally = Tally()
        self._desk = desk
        self._dry_run = dry_run
        self._size = batch
        self._view = _ReplayStore(store, desk)
        self._assembler = Assembler(self._view, registry, decoders, rules)
        self._after = 0
        self._letters: deque[tuple[int, DeadLetter]] = deque()
        self._parts: list[_Part] = []
        self._groups: deque[list[_Part]] = deque()

    async def step(self) -> bool:
        """Replay the next batch; False when there is none left.

        Raises TransientError when the store is away; the next step then takes up where this one was. What was filed
        under a time of our own choosing keeps it, for letters are assembled once.
        """
        if not (self._letters or self._parts or self._groups):
            found = await self._desk.waiting(self._after, self._size)
            if not found:
                return False
            self._letters.extend(found)
            self._after = found[-1][0]
        while self._letters:
            self._parts.append(await self._assemble(*self._letters[0]))
            self._letters.popleft()
        if self._parts:
            self._groups.append(self._parts)
            self._parts = []
        while self._groups:
            await self._commit(self._groups[0])
        self._view.on_the_way.clear()
        return True

    async def _assemble(self, letter_id: int, letter: DeadLetter) -> _Part:
        frame = msgspec.structs.replace(letter.frame, redelivered=letter.code not in UNFILED)
        self._view.frame_at = frame.received_at
        batch = await self._assembler.assemble([self._assembler.decode(frame)])
        self._view.on_the_way += batch.echoes
        trouble = batch.dead_letters[0] if batch.dead_letters else None
        batch.dead_letters = []
        return _Part(letter_id, letter, batch, trouble)

    async def _commit(self, parts: list[_Part]) -> None:
        """Commit the first group, or put what is to be tried instead in its place."""
        closed = {part.id: _outcome(part) for part in parts if part.trouble is None}
        failed = {part.id: part.trouble for part in parts if part.trouble is not None}
        written, taken = Written(0, 0), frozenset[int]()
        if not self._dry_run:
            try:
                written, taken = await self._desk.commit(_joined(parts), closed, failed)
            except RejectedError as error:
                self._divide(parts, str(error))
                return
        self._groups.popleft()
        if taken:
            self.tally.taken += len(taken)
            if rest := [part for part in parts if part.id not in taken]:
                self._groups.appendleft(rest)
            return
        self.tally.closed += len(closed)
        self.tally.failed.update(trouble.code for trouble in failed.values())
        self.tally.rows += written.inserted
        self.tally.duplicates += written.duplicates

    def _divide(self, parts: list[_Part], reason: str) -> None:
        """Something in the group is refused: halve it; a single one fails for that reason."""
        self._groups.popleft()
        if len(parts) > 1:
            middle = len(parts) // 2
            self._groups.extendleft((parts[middle:], parts[:middle]))
            return
        part = parts[0]
        trouble = dead_letter(part.letter.frame, "store", reason, device_id=part.letter.device_id)
        self._groups.appendleft([_Part(part.id, part.letter, Batch(), trouble)])


def _outcome(part: _Part) -> str:
    rows = part.batch.rows()
    return f"filed {rows} {'row' if rows == 1 else 'rows'}"


def _joined(parts: Iterable[_Part]) -> Batch:
    """One batch of all parts, in their order."""
    whole = Batch()
    for batch in (part.batch for part in parts):
        whole.readings += batch.readings
        whole.fixes += batch.fixes
        whole.events += batch.events
        whole.receipts += batch.receipts
        whole.echoes += batch.echoes
        whole.expect_duplicates |= batch.expect_duplicates
        for key, seen in batch.seen.items():
            whole.seen[key] = max(seen, whole.seen.get(key, seen))
        for key, online in batch.online.items():
            if key not in whole.online or whole.online[key][0] <= online[0]:
                whole.online[key] = online
    return whole
