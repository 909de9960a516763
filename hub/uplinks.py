"""What is posted, on its way into the pipeline: offered as a frame, answered when that is settled.

An adapter whose peers are the API's requests: the API reads them and knows who they are
(``api.ports.posting.Uplinks``).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from time import monotonic

import structlog

from api.ports.posting import AnotherDeviceError, NotTakenError, Submitted
from devices.access import Principal
from devices.registry import Registry
from devices.vocabulary import Decoded, Frame, Identity, Outcome
from ingest.adapters import http_json
from ingest.assembly import SHUT, Claim
from ingest.ports import Figure, Intake, Standing
from ingest.stamps import Stamps

log = structlog.get_logger("hub.uplinks")

_LOOK_S = 0.1  #: between two looks at a store that was away; there is nobody who would tell


class PostedUplinks:
    """The frames of requests. ``decode`` is the assembler's, which never raises.

    While the store is away nothing is offered: it would be committed some time, but nobody would be told.
    """

    name = "http"

    def __init__(
        self,
        intake: Intake,
        decode: Callable[[Frame], Claim],
        registry: Registry,
        webhooks: Collection[str] = (),
        *,
        patience_s: float = 10.0,
    ) -> None:
        self.webhooks: Sequence[str] = sorted(webhooks)
        self._intake = intake
        self._decode = decode
        self._registry = registry
        self._patience_s = patience_s
        self._room = asyncio.Event()
        self._closing = False
        self._stop = asyncio.Event()
        self._stamps = Stamps()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._waiting = 0
        intake.on_room(self._room.set)

    async def run(self) -> None:
        """Work until :meth:`stop`; the work itself is done by the requests."""
        await self._stop.wait()

    def pause_reading(self) -> None:
        """Offer no more frames: from now on requests are turned away."""
        self._closing = True
        self._room.set()

    async def stop(self) -> None:
        """Ask :meth:`run` to finish."""
        self._stop.set()

    def standing(self) -> Standing:
        """What was posted and what became of it."""
        figures = [
            Figure(
                "sanihub_http_frames_total",
                "Frames posted, by what became of them",
                count,
                {"protocol": protocol, "outcome": outcome},
            )
            for (protocol, outcome), count in sorted(self._outcomes.items())
        ]
        waiting = Figure(
            "sanihub_http_frames_waiting", "Frames posted that await their commit", self._waiting, {}, "gauge"
        )
        return Standing("HTTP posts", http_json.NAME, figures=(*figures, waiting))

    async def telemetry(self, payload: bytes, poster: Principal, again: str | None = None) -> Submitted:
        """File a payload of sanihub's own JSON (see :class:`api.ports.posting.Uplinks`)."""
        device = poster.device
        if device is not None and (other := http_json.another(payload, device)) is not None:
            log.warning("another_device", poster=poster.actor, device=device, named=other)
            self._outcomes[http_json.NAME, "another_device"] += 1
            raise AnotherDeviceError(other)
        channel = http_json.channel(device, poster.actor, again)
        # With a name for the request its repetition is to be known: receipts are looked up, and letters compared.
        return await self._submit(self._frame(http_json.NAME, poster, channel, payload, again is not None))

    async def webhook(self, protocol: str, query: str, payload: bytes, poster: Principal) -> Submitted:
        """File what a server of ``protocol`` has posted (see :class:`api.ports.posting.Uplinks`)."""
        if protocol not in self.webhooks:
            raise KeyError(protocol)
        channel = f"uplinks/{protocol}" + (f"?{query}" if query else "")
        return await self._submit(self._frame(protocol, poster, channel, payload, False))

    def _frame(self, protocol: str, poster: Principal, channel: str, payload: bytes, again: bool) -> Frame:
        """A frame; its source is the key's name, as that of other frames is the name of a connection."""
        return Frame(protocol, poster.name, channel, payload, self._stamps.next(), redelivered=again)

    async def _submit(self, frame: Frame) -> Submitted:
        self._waiting += 1
        outcome = "not_taken"
        try:
            await self._commit(frame)
            submitted = self._told(self._decode(frame))
            outcome = "refused" if not submitted.accepted and submitted.problems else "accepted"
        finally:
            self._waiting -= 1
            self._outcomes[frame.adapter, outcome] += 1
        return submitted

    async def _commit(self, frame: Frame) -> None:
        """Return once the frame is committed. Raises NotTakenError after the patience, and when the hub ends."""
        until = monotonic() + self._patience_s
        await self._wait_for_room(until)
        answer = _Answer()
        self._intake.offer(frame, answer)
        try:
            async with asyncio.timeout(until - monotonic()):
                outcome = await answer.outcome
        except TimeoutError:
            raise NotTakenError(f"the store did not take it within {self._patience_s:g} s; send it again") from None
        if outcome is not Outcome.COMMITTED:
            raise NotTakenError("the hub is ending, and the store did not take it; send it again")

    async def _wait_for_room(self, until: float) -> None:
        while not (self._intake.healthy and self._intake.has_room):
            left = until - monotonic()
            if left <= 0 or self._closing:
                break
            self._room.clear()
            try:
                async with asyncio.timeout(min(left, _LOOK_S)):
                    await self._room.wait()
            except TimeoutError:
                continue
        else:
            if not self._closing:
                return
        if self._closing:
            raise NotTakenError("the hub is ending; send it again")
        why = "has no room" if self._intake.healthy else "does not reach its store"
        raise NotTakenError(f"the hub {why} since {self._patience_s:g} s; send it again")

    def _told(self, claim: Claim) -> Submitted:
        """What the commit made of a frame. Its devices are looked up after it, as the pipeline has left them."""
        if claim.decoded is None:
            return Submitted(0, ((claim.fault or ("", "payload: not readable"))[1],))
        decoded: Decoded = claim.decoded
        shut = {uplink.identity: self._shut(uplink.identity) for uplink in decoded.uplinks}
        accepted = sum(shut[uplink.identity] is None for uplink in decoded.uplinks)
        refused = tuple(f"device: {identity}: {reason}" for identity, reason in shut.items() if reason is not None)
        return Submitted(accepted, (*decoded.problems, *refused))

    def _shut(self, identity: Identity) -> str | None:
        """Why nothing of this device is filed; None when it is."""
        device = self._registry.find(identity)
        if device is None:
            return "no device goes by this identity"
        return f"the device is {device.status}" if device.status in SHUT else None


class _Answer:
    """Tells the one request that waits. One that has gone is not told."""

    __slots__ = ("outcome",)

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)
