"""Filing: from what devices claim to what the hub keeps.

A claim becomes a record when its device is known and its time is judged. A message without a usable time is filed at
the time of reception; its receipt is kept, so that the transport's redelivery of the same message finds its old place
instead of making a second record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from devices.clock import ClockPolicy, Verdict, judge
from devices.geometry import Geometry, geometry_of
from devices.vocabulary import (
    ANY_TOKEN,
    Batch,
    DeadLetter,
    Decoded,
    Device,
    Event,
    Fix,
    Frame,
    Heard,
    Identity,
    Quality,
    Reading,
    Receipt,
    ReceiptKey,
    Uplink,
)
from ingest.stamps import following

Receipts = dict[ReceiptKey, int]


def payload_digest(frame: Frame) -> bytes:
    """The fingerprint of a frame: what it says and through which adapter and channel, 16 bytes."""
    head = f"{frame.adapter}\0{frame.channel}\0".encode("utf-8", "surrogatepass")
    return blake2b(head + frame.payload, digest_size=16).digest()


def uplink_digest(frame: Frame, uplink: Uplink, index: int) -> bytes:
    """The fingerprint of an uplink without a usable time: its message id, else its place in the frame's bytes."""
    if uplink.message_id is not None:
        return blake2b(uplink.message_id.encode("utf-8", "surrogatepass"), digest_size=16, person=b"id").digest()
    return blake2b(payload_digest(frame) + index.to_bytes(4, "big"), digest_size=16).digest()


def wanted_token(frame: Frame, uplink: Uplink) -> int:
    """Which delivery's receipt a repetition looks for.

    The same words said twice are two messages, one delivery made twice is one: the transport's number tells. A
    broker's retained copy has a number of its own each time, so that any receipt of its words will do.
    """
    if uplink.message_id is not None:
        return 0
    return ANY_TOKEN if frame.retained else frame.token


def may_be_known(frame: Frame, uplink: Uplink, plausible: bool) -> bool:
    """Whether an uplink may have been filed by arrival before, and a receipt would tell.

    An id tells where there is no usable time, and has no effect where there is one. Without an id it is the bytes of
    what the transport hands over again that tell, even if their time is plausible: it may have been in the future when
    they came first.
    """
    if uplink.message_id is not None:
        return not plausible
    return frame.redelivered or frame.retained


class Filer:
    """Files uplinks into batches.

    Holds, for each device, the last instant given to a message without a time, so that two never share one, and its
    geometry, once it has sent a distance.
    """

    def __init__(self, policy: ClockPolicy) -> None:
        self._policy = policy
        self._last_given: dict[int, int] = {}
        self._geometries: dict[int, tuple[Mapping[str, Any], Geometry | None]] = {}

    def wanted_receipts(
        self, frame: Frame, decoded: Decoded, find: Callable[[Identity], Device | None]
    ) -> Iterator[ReceiptKey]:
        """The receipts to look up before filing: of messages of known devices that may have been filed by arrival."""
        again = frame.redelivered or frame.retained
        for index, uplink in enumerate(decoded.uplinks):
            if not again and uplink.message_id is None:
                continue  # the most: neither their words nor an id could tell
            plausible = judge(uplink.observed_at, frame.received_at, self._policy) is Verdict.PLAUSIBLE
            if may_be_known(frame, uplink, plausible) and (device := find(uplink.identity)) is not None:
                yield device.key, uplink_digest(frame, uplink, index), wanted_token(frame, uplink)

    def file(self, frame: Frame, uplink: Uplink, index: int, device: Device, known: Receipts, batch: Batch) -> int:
        """File one uplink of a known device into ``batch``; the instant (µs) at which it is filed.

        ``known`` holds the receipts found, and learns new ones.
        """
        received_at = frame.received_at
        observed_at = uplink.observed_at
        quality, claim = 0, None
        verdict = judge(observed_at, received_at, self._policy)
        old_place = None
        if known and may_be_known(frame, uplink, verdict is Verdict.PLAUSIBLE):
            old_place = known.get((device.key, uplink_digest(frame, uplink, index), wanted_token(frame, uplink)))
        if verdict is not Verdict.PLAUSIBLE or old_place is not None:
            claim = observed_at
            quality = Quality.CLOCK_ABSENT if claim is None else Quality.CLOCK_WRONG
            observed_at = old_place or self._place(frame, uplink, index, device, known, batch)
        assert observed_at is not None
        heard = batch.seen.get(device.key)
        if heard is None or heard.received_at < received_at:
            batch.seen[device.key] = Heard(received_at, frame.adapter, frame.source)
        readings = batch.readings
        doubtful = uplink.doubtful
        for metric, value in uplink.readings.items():
            mark = quality | Quality.UNCERTAIN if doubtful and metric in doubtful else quality
            readings.append(Reading(device, metric, value, observed_at, received_at, mark, claim))
        if "distance_mm" in uplink.readings and "fill_pct" not in uplink.readings:
            self._file_fill(uplink, device, observed_at, received_at, quality, claim, readings)
        if uplink.position is not None:
            batch.fixes.append(Fix(device, observed_at, received_at, uplink.position, uplink.seq, quality, claim))
        if uplink.occurrences:
            self._file_events(uplink, device, observed_at, received_at, quality, batch)
        if uplink.online is not None and batch.online.get(device.key, (0, False))[0] <= observed_at:
            batch.online[device.key] = (observed_at, uplink.online)
        return observed_at

    def _file_fill(
        self,
        uplink: Uplink,
        device: Device,
        observed_at: int,
        received_at: int,
        quality: int,
        claim: int | None,
        readings: list[Reading],
    ) -> None:
        """The fill that a distance means in this bin, where its geometry is known and the distance makes sense.

        It has the instant and the marks of the distance, so that a repetition files the same record again.
        """
        known = self._geometries.get(device.key)
        if known is None or known[0] is not device.attributes:
            known = self._geometries[device.key] = device.attributes, geometry_of(device.attributes)
        fill = None if known[1] is None else known[1].fill(uplink.readings["distance_mm"])
        if fill is not None:
            mark = quality | Quality.UNCERTAIN if "distance_mm" in uplink.doubtful else quality
            readings.append(Reading(device, "fill_pct", fill, observed_at, received_at, mark, claim))

    def _file_events(
        self, uplink: Uplink, device: Device, observed_at: int, received_at: int, quality: int, batch: Batch
    ) -> None:
        """An event's own time is judged like the uplink's; a doubtful one falls back to the uplink's instant."""
        for occurrence in uplink.occurrences:
            instant, mark, claim = observed_at, quality, uplink.observed_at if quality else None
            if occurrence.observed_at is not None:
                if judge(occurrence.observed_at, received_at, self._policy) is Verdict.PLAUSIBLE:
                    instant, mark, claim = occurrence.observed_at, 0, None
                else:
                    mark, claim = quality | Quality.CLOCK_WRONG, occurrence.observed_at
            batch.events.append(
                Event(device, occurrence.kind, instant, received_at, occurrence.attributes, mark, claim)
            )

    def _place(self, frame: Frame, uplink: Uplink, index: int, device: Device, known: Receipts, batch: Batch) -> int:
        """The next free instant from reception on, with a receipt for it."""
        digest = uplink_digest(frame, uplink, index)
        place = following(frame.received_at, self._last_given.get(device.key, 0))
        self._last_given[device.key] = place
        token = 0 if uplink.message_id is not None else frame.token
        known[device.key, digest, token] = known[device.key, digest, ANY_TOKEN] = place
        batch.receipts.append(Receipt(device, digest, token, place))
        return place


def dead_letter(
    frame: Frame, code: str, reason: str, *, device_id: str | None = None, replayable: bool = True
) -> DeadLetter:
    """A dead letter for a frame; ``code`` is one word for machines, ``reason`` a line for people.

    Whatever the frame says, a database can hold the letter: it is the last place for what nothing else can hold.
    """
    digest, size = payload_digest(frame), len(frame.payload)
    if (channel := printable(frame.channel)) != frame.channel:
        frame = msgspec.structs.replace(frame, channel=channel)
    device_id = None if device_id is None else printable(device_id)
    return DeadLetter(frame, printable(reason), code, digest, size, device_id, replayable)


def printable(text: str) -> str:
    """Text that a database can hold: no NUL, no lone surrogates, at most 2,000 characters."""
    return text[:2_000].replace("\0", "␀").encode("utf-8", "replace").decode()
