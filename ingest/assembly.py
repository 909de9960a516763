"""Assembly of a batch: decode frames, find their devices, judge their times, and sort out what cannot be filed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import structlog

from devices.clock import ClockPolicy
from devices.errors import DecodeError
from devices.kinds import DEVICE_ID, guess_kind
from devices.registry import Registry, UnknownPolicy
from devices.vocabulary import Batch, DeadLetter, Decoded, Device, Frame, Identity, ReceiptKey
from ingest.echoes import Echoes, wanted_echo
from ingest.filing import Filer, Receipts, dead_letter
from ingest.ports import Decoder, Deriver, TelemetryStore

log = structlog.get_logger("ingest.assembly")

SHUT = frozenset(("blocked", "retired"))  #: statuses whose telemetry is not filed


class IntakeRules(msgspec.Struct, frozen=True):
    """What the hub lets in: sizes, strangers and clocks."""

    max_payload_bytes: int = 256 * 1024
    kept_oversized_bytes: int = 4 * 1024
    unknown: UnknownPolicy = UnknownPolicy.REGISTER
    max_pending_devices: int = 10_000
    clock: ClockPolicy = ClockPolicy()


class Claim(msgspec.Struct, gc=False):
    """A frame with what its decoder made of it: claims, or the code and reason of a fault."""

    frame: Frame
    decoded: Decoded | None = None
    fault: tuple[str, str] | None = None


class Assembler:
    """Makes batches of frames. Asks the store only for what the registry lacks and for receipts that matter."""

    def __init__(
        self,
        store: TelemetryStore,
        registry: Registry,
        decoders: Mapping[str, Decoder],
        rules: IntakeRules,
        deriver: Deriver | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._decoders = decoders
        self._rules = rules
        self._deriver = deriver
        self._filer = Filer(rules.clock)

    def decode(self, frame: Frame) -> Claim:
        """Decode one frame. Never raises: a fault is part of the claim."""
        size = len(frame.payload)
        rules = self._rules
        if size > rules.max_payload_bytes:
            reason = f"payload: {size} bytes, expected at most {rules.max_payload_bytes}; only its start is kept"
            return Claim(frame, fault=("oversized", reason))
        decoder = self._decoders.get(frame.adapter)
        if decoder is None:
            return Claim(frame, fault=("malformed", f"adapter: no decoder is named {frame.adapter!r}"))
        try:
            return Claim(frame, decoder(frame))
        except DecodeError as error:
            return Claim(frame, fault=("malformed", str(error)))
        except Exception as error:
            # A decoder's own fault must cost its frame and not the hub, which would meet the frame again for ever.
            log.exception("decoder_failed", adapter=frame.adapter, channel=frame.channel)
            return Claim(frame, fault=("decoder", f"the decoder failed: {type(error).__name__}: {error}"))

    async def assemble(self, claims: Sequence[Claim]) -> Batch:
        """One batch of all claims. Raises TransientError when the store is away."""
        await self._meet_strangers(claims)
        known = await self._find_receipts(claims)
        echoes = await self._find_echoes(claims)
        batch = Batch(expect_duplicates=any(claim.frame.redelivered for claim in claims))
        for claim in claims:
            if claim.decoded is None:
                batch.dead_letters.append(self._faulty(claim))
            else:
                self._file(claim.frame, claim.decoded, known, echoes, batch)
        if self._deriver is not None:
            batch.readings.extend(self._deriver.derive(batch.fixes))
        return batch

    def _file(self, frame: Frame, decoded: Decoded, known: Receipts, echoes: Echoes, batch: Batch) -> None:
        """File what can be; at most one dead letter for a frame, whatever is wrong with it."""
        letter: DeadLetter | None = None
        for index, uplink in enumerate(decoded.uplinks):
            device = self._registry.find(uplink.identity)
            if device is None or device.status in SHUT:
                letter = letter or self._shut_out(frame, uplink.identity, device)
            elif uplink.copy is None:
                self._filer.file(frame, uplink, index, device, known, batch)
            else:
                placed = echoes.placed(frame, uplink, device.key)
                filed_at = self._filer.file(frame, placed, index, device, known, batch)
                echoes.remember(uplink.copy, device.key, filed_at, batch)
        if letter is None and decoded.problems:
            letter = dead_letter(frame, "invalid", "; ".join(decoded.problems), device_id=self._named(decoded.identity))
        if letter is not None:
            batch.dead_letters.append(letter)

    def _named(self, identity: Identity | None) -> str | None:
        """The readable id behind an identity, or the one that it would become."""
        if identity is None:
            return None
        device = self._registry.find(identity)
        if device is not None:
            return device.id
        return identity.value if identity.scheme == "id" else None

    def _faulty(self, claim: Claim) -> DeadLetter:
        code, reason = claim.fault or ("malformed", "no reason given")
        if code != "oversized":
            return dead_letter(claim.frame, code, reason)
        start = claim.frame.payload[: self._rules.kept_oversized_bytes]
        letter = dead_letter(claim.frame, code, reason, replayable=False)
        letter.frame = msgspec.structs.replace(letter.frame, payload=start)
        return letter

    def _shut_out(self, frame: Frame, identity: Identity, device: Device | None) -> DeadLetter:
        """The letter of a frame whose device is unknown, or known and not admitted."""
        if device is not None:
            return dead_letter(frame, "shut_device", f"{identity}: the device is {device.status}", device_id=device.id)
        rejecting = self._rules.unknown is UnknownPolicy.REJECT
        letter = dead_letter(
            frame,
            "unknown_device",
            f"{identity}: no device goes by this identity",
            device_id=self._named(identity),
            replayable=not rejecting,
        )
        if rejecting:
            letter.frame = msgspec.structs.replace(letter.frame, payload=b"")
        return letter

    async def _meet_strangers(self, claims: Sequence[Claim]) -> None:
        """Bring the registry up to date with identities that it lacks, registering them where policy says so."""
        strangers: dict[Identity, str | None] = {}
        for claim in claims:
            if claim.decoded is None:
                continue
            for uplink in claim.decoded.uplinks:
                if self._registry.find(uplink.identity) is None and strangers.get(uplink.identity) is None:
                    strangers[uplink.identity] = uplink.kind
        if not strangers:
            return
        for identity, device in await self._store.find_devices(strangers):
            self._registry.add(identity, device)
            del strangers[identity]
        if self._rules.unknown is not UnknownPolicy.REGISTER:
            return
        newcomers = [
            (identity, guess_kind(identity.value, hint))
            for identity, hint in strangers.items()
            if DEVICE_ID.match(identity.value)
        ]
        if newcomers:
            for identity, device in await self._store.register(newcomers, self._rules.max_pending_devices):
                self._registry.add(identity, device)

    async def _find_receipts(self, claims: Sequence[Claim]) -> Receipts:
        """Where messages that may have come before were filed, if that was by arrival."""
        wanted: list[ReceiptKey] = []
        for claim in claims:
            if claim.decoded is not None and claim.decoded.uplinks:
                wanted.extend(self._filer.wanted_receipts(claim.frame, claim.decoded, self._registry.find))
        return dict(await self._store.find_receipts(wanted)) if wanted else {}

    async def _find_echoes(self, claims: Sequence[Claim]) -> Echoes:
        """The messages of which copies are among the claims, as far as they were filed before."""
        find, clock = self._registry.find, self._rules.clock
        wanted = [
            wanted_echo(claim.frame, uplink, device.key, clock)
            for claim in claims
            if claim.decoded is not None
            for uplink in claim.decoded.uplinks
            if uplink.copy is not None and (device := find(uplink.identity)) is not None
        ]
        return Echoes(clock, await self._store.find_echoes(wanted) if wanted else ())
