"""From the rows of a file to the store: as frames, through the decoder and the assembler that live messages take.

A row is received when it was observed: history says nothing of when the hub last heard a device, and the same file
gives the same rows each time. Nothing is left in dead letters; the file itself is at hand to be mended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from devices.errors import DecodeError, RejectedError
from devices.registry import Registry, UnknownPolicy
from devices.vocabulary import Batch, Frame, Written
from hub.access import patiently
from hub.importing.telemetry_files import Message
from ingest.adapters import mqtt_json
from ingest.assembly import Assembler, Claim, IntakeRules
from ingest.ports import Decoder
from store.fleet.tracker_writes import note
from store.telemetry.writer import PostgresStore

BATCH = 2_000  #: rows in one transaction
SOURCE = "import"

TellRow = Callable[[Message, str], None]
"""Takes a row at fault and the reason; what is sound in it is stored all the same."""


class Counts(msgspec.Struct):
    """What a file came to. A row holds one reading or many; ``inserted`` and ``duplicates`` count those."""

    rows: int = 0
    inserted: int = 0
    duplicates: int = 0


class Intake:
    """Takes messages, and stores them in batches. Without a store they are decoded and no more."""

    def __init__(
        self, store: PostgresStore | None, registry: Registry, decoder: Decoder, rules: IntakeRules, prefix: str
    ) -> None:
        self.counts = Counts()
        self._store = store
        self._prefix = prefix
        self._encoder = msgspec.json.Encoder()
        self._claims: list[tuple[Message, Claim]] = []
        if rules.unknown is UnknownPolicy.REJECT:  # to the same effect here; it would take the bytes from the frame
            rules = msgspec.structs.replace(rules, unknown=UnknownPolicy.QUARANTINE)
        self._decoder = decoder
        self._assembler = Assembler(store, registry, {}, rules) if store is not None else None

    def add(self, message: Message, tell: TellRow) -> bool:
        """Take a message. True when a batch is full and is to be stored."""
        self.counts.rows += 1
        payload = self._encoder.encode(message.body)
        channel = f"{self._prefix}/v1/{message.device}/telemetry"
        frame = Frame(mqtt_json.NAME, SOURCE, channel, payload, message.observed_at)
        try:
            decoded = self._decoder(frame)
        except DecodeError as error:
            tell(message, str(error))
            return False
        if decoded.problems:
            tell(message, "; ".join(decoded.problems))
            decoded.problems = []
        if decoded.uplinks:
            self._claims.append((message, Claim(frame, decoded)))
        return len(self._claims) >= BATCH

    async def store(self, tell: TellRow) -> None:
        """Store what was taken. Raises TransientError when the store stays away; what came before is stored."""
        claims, self._claims = self._claims, []
        if claims and self._store is not None:
            await self._commit(claims, tell)

    async def _commit(self, claims: Sequence[tuple[Message, Claim]], tell: TellRow) -> None:
        """Commit in one transaction; where the store refuses a row, in halves around it."""
        batch = await self._assembled(claims)
        left_out = {id(letter.frame): letter.reason for letter in batch.dead_letters}
        batch.dead_letters = []
        try:
            written = await self._written(batch)
        except RejectedError as error:
            if len(claims) == 1:
                tell(claims[0][0], str(error))
                return
            middle = len(claims) // 2
            await self._commit(claims[:middle], tell)
            await self._commit(claims[middle:], tell)
            return
        self.counts.inserted += written.inserted
        self.counts.duplicates += written.duplicates
        for message, claim in claims:
            if (reason := left_out.get(id(claim.frame))) is not None:
                tell(message, f"device: {reason}")

    async def _assembled(self, claims: Sequence[tuple[Message, Claim]]) -> Batch:
        assert self._assembler is not None
        assembler = self._assembler
        return await patiently(lambda: assembler.assemble([claim for _, claim in claims]))

    async def _written(self, batch: Batch) -> Written:
        assert self._store is not None
        store = self._store
        return await patiently(lambda: store.write(batch, lambda cursor: note(cursor, batch)))
