"""Filing: from what devices claim to what the hub keeps.

A claim becomes a record when its device is known and its time is judged. A message without a usable time is filed at
the time of reception; its receipt is kept, so that the transport's redelivery of the same message finds its old place
instead of making a second record.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from devices.clock import ClockPolicy, Verdict, judge
from devices.vocabulary import (
    ANY_TOKEN,
    Batch,
    DeadLetter,
    Decoded,
    Device,
    Event,
    Fix,
    Frame,
    Quality,
    Reading,
    Receipt,
    ReceiptKey,
    Uplink,
)

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


class Filer:
    """Files uplinks into batches.

    Holds, for each device, the last instant given to a message without a time, so that two never share one.
    """

    def __init__(self, policy: ClockPolicy) -> None:
        self._policy = policy
        self._last_given: dict[int, int] = {}

    def wanted_receipts(self, frame: Frame, decoded: Decoded, device: Device) -> Iterator[ReceiptKey]:
        """The receipts to look up before filing: of messages that may have been filed by arrival before."""
        for index, uplink in enumerate(decoded.uplinks):
            if not (frame.redelivered or frame.retained or uplink.message_id is not None):
                continue
            if judge(uplink.observed_at, frame.received_at, self._policy) is not Verdict.PLAUSIBLE:
                yield device.key, uplink_digest(frame, uplink, index), wanted_token(frame, uplink)

    def file(self, frame: Frame, uplink: Uplink, index: int, device: Device, known: Receipts, batch: Batch) -> None:
        """File one uplink of a known device into ``batch``. ``known`` holds the receipts found, and learns new ones."""
        received_at = frame.received_at
        claimed_at = uplink.observed_at
        verdict = judge(claimed_at, received_at, self._policy)
        if verdict is Verdict.PLAUSIBLE:
            observed_at, quality, claim = claimed_at, 0, None
        else:
            observed_at = self._place(frame, uplink, index, device, known, batch)
            quality = Quality.CLOCK_ABSENT if verdict is Verdict.ABSENT else Quality.CLOCK_WRONG
            claim = claimed_at
        assert observed_at is not None
        if batch.seen.get(device.key, 0) < received_at:
            batch.seen[device.key] = received_at
        readings = batch.readings
        doubtful = uplink.doubtful
        for metric, value in uplink.readings.items():
            mark = quality | Quality.UNCERTAIN if doubtful and metric in doubtful else quality
            readings.append(Reading(device, metric, value, observed_at, received_at, mark, claim))
        if uplink.position is not None:
            batch.fixes.append(Fix(device, observed_at, received_at, uplink.position, uplink.seq, quality, claim))
        if uplink.occurrences:
            self._file_events(uplink, device, observed_at, received_at, quality, batch)
        if uplink.online is not None and batch.online.get(device.key, (0, False))[0] <= observed_at:
            batch.online[device.key] = (observed_at, uplink.online)

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
        """The instant for an uplink without a usable time: its old place, else the next free one from reception on."""
        digest = uplink_digest(frame, uplink, index)
        if frame.redelivered or frame.retained or uplink.message_id is not None:
            place = known.get((device.key, digest, wanted_token(frame, uplink)))
            if place is not None:
                return place
        place = max(frame.received_at, self._last_given.get(device.key, 0) + 1)
        self._last_given[device.key] = place
        token = 0 if uplink.message_id is not None else frame.token
        known[device.key, digest, token] = known[device.key, digest, ANY_TOKEN] = place
        batch.receipts.append(Receipt(device, digest, token, place))
        return place


def dead_letter(
    frame: Frame, code: str, reason: str, *, device_id: str | None = None, replayable: bool = True
) -> DeadLetter:
    """A dead letter for a frame; ``code`` is one word for machines, ``reason`` a line for people."""
    digest, size = payload_digest(frame), len(frame.payload)
    return DeadLetter(frame, printable(reason), code, digest, size, device_id, replayable)


def printable(text: str) -> str:
    """Text that a database can hold: no NUL, no lone surrogates, at most 2,000 characters."""
    return text[:2_000].replace("\0", "␀").encode("utf-8", "replace").decode()
