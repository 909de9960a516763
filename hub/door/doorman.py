"""Lets devices and programs in at the embedded broker by the keys that they post with over HTTP, and out again.

nats-server asks for each MQTT client that is none of its own users; the answer names the topics. A key that is revoked
loses its connections within seconds, one that expires at its hour. While the store is away keys that were let in before
are let in again, and the rest has to wait.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from hmac import compare_digest
from time import monotonic, time_ns

import structlog
from nats.aio.msg import Msg
from nats.errors import Error

from api.throttle import Throttle, address_of
from devices.access import KeyEntry, Role, fingerprint, prefix_of
from devices.errors import TransientError
from hub.door.callout import Asked, Signer, asked_by
from hub.door.grants import Grant, Refusal, Topics, grant
from hub.door.keys import DoorKeys, KeyDesk
from hub.door.line import DoorAddress, DoorLine
from ingest.ports import Figure, Standing
from ingest.runner import Condition, pause, persist

log = structlog.get_logger("hub.door")

LOOK_S = 2.0  #: between two looks for keys that were revoked
MAX_WAITING = 10_000  #: clients that wait for their answer; the broker itself gives up after some seconds
_TOLD_S = 60.0  #: a refusal of one user is logged once in so many seconds
_TOLD = 1_000
_NOTE_AFTER_US = 60_000_000


class Doorman:
    """The door of one embedded broker, with the shape of an adapter. ``clock`` is wall time in µs."""

    name = "broker door"

    def __init__(
        self,
        address: DoorAddress,
        signer: Signer,
        keys: DoorKeys,
        topics: Topics,
        is_device: Callable[[str], bool],
        *,
        clock: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        self.condition = Condition("broker door")
        self.open = asyncio.Event()  #: set while it answers
        self._desk = KeyDesk(keys)
        self._signer = signer
        self._topics = topics
        self._is_device = is_device
        self._clock = clock
        self._line = DoorLine(address, self._back, self._away)
        self._throttle = Throttle()
        self._waiting: set[asyncio.Task[None]] = set()
        self._told: OrderedDict[str, float] = OrderedDict()
        self._noted: OrderedDict[int, int] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._away_until: OrderedDict[str, float] = OrderedDict()  #: who flooded, and until when it stays out
        self._leaving: dict[int, tuple[KeyEntry, int]] = {}  #: revoked keys, and how often they are still looked for
        self._store = Condition("broker door: keys")
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Answer until :meth:`stop`."""
        opening = asyncio.ensure_future(persist(lambda: self._line.open(self._take), self.condition, self._stop))
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        try:
            while not self._stop.is_set():
                await self._look()
                await pause(self._stop, LOOK_S)
        finally:
            opening.cancel()
            await asyncio.gather(opening, *self._waiting, return_exceptions=True)
            await self._line.close()
            stopping.cancel()

    def send_away(self, user: str, seconds: float) -> None:
        """End the connections of a device that floods, and let it in again after so many seconds."""
        self._away_until[user] = monotonic() + seconds
        self._away_until.move_to_end(user)
        while len(self._away_until) > _TOLD:
            self._away_until.popitem(last=False)
        task = asyncio.ensure_future(self._send_away(user))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _send_away(self, user: str) -> None:
        try:
            self._counts["sent_away"] += await self._line.kick(user)
        except TransientError as error:
            self._store.failed(error)

    def pause_reading(self) -> None:
        """Nothing is read here; clients are let in until the end."""

    async def stop(self) -> None:
        """Ask :meth:`run` to finish."""
        self._stop.set()

    def standing(self) -> Standing:
        """Whether it answers, and how many it let in and refused."""
        figures = tuple(
            Figure("sanihub_broker_clients_total", "MQTT clients by what the door did", count, {"outcome": outcome})
            for outcome, count in sorted(self._counts.items())
        )
        fault = self.condition.fault or ""
        return Standing("Broker's door", "mqtt", connected=self.open.is_set(), fault=fault, figures=figures)

    async def _take(self, message: Msg) -> None:
        """Answer beside the others: one that waits for the store holds nobody up."""
        if len(self._waiting) >= MAX_WAITING:
            self._counts["crowded"] += 1
            return
        task = asyncio.ensure_future(self._answer(message))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _answer(self, message: Msg) -> None:
        try:
            asked = asked_by(message.data)
        except ValueError as error:
            log.warning("door_not_asked", error=str(error))
            return
        try:
            answer = self._signer.admitted(asked, await self._judge(asked))
            self._counts["admitted"] += 1
        except Refusal as refusal:
            self._counts["refused"] += 1
            self._tell(asked, str(refusal))
            answer = self._signer.refused(asked, "not let in; the hub's log says why")
        except TransientError as error:
            self._counts["not_known"] += 1
            self._store.failed(error)
            answer = self._signer.refused(asked, "the store is away")
        try:
            await message.respond(answer)
        except (Error, OSError):
            return  # the broker has gone; its clients come again

    async def _judge(self, asked: Asked) -> Grant:
        """Raises Refusal, and TransientError when nobody can tell."""
        if asked.kind != "mqtt":
            raise Refusal("only MQTT clients are let in")
        if not asked.password:
            raise Refusal("no password; it is the key (sanihub keys create)")
        entry = await self._recognised(asked)
        if monotonic() < self._away_until.get(asked.user, 0.0):
            raise Refusal("it flooded the broker, and has to wait")
        granted = grant(entry, asked.user, asked.client, self._topics, self._is_device)
        now = self._clock()
        if now - self._noted.get(entry.id, entry.last_used_at or 0) > _NOTE_AFTER_US:
            self._noted[entry.id] = now
            self._noted.move_to_end(entry.id)
            while len(self._noted) > MAX_WAITING:
                self._noted.popitem(last=False)
            await self._desk.used(entry)
        return granted

    async def _recognised(self, asked: Asked) -> KeyEntry:
        """The usable key that was brought. A key that was right before is not held up by wrong ones beside it."""
        prefix, digest, address = prefix_of(asked.password), fingerprint(asked.password), address_of(asked.host)
        remembered = self._desk.remembered(prefix or "")
        was_right = remembered is not None and compare_digest(remembered.hash, digest)
        if not was_right and self._throttle.wait_s(address, monotonic()):
            raise Refusal("too many wrong passwords from this address")
        entry = None if prefix is None else await self._desk.find(prefix)
        if entry is None or not compare_digest(entry.hash, digest) or not entry.usable(self._clock()):
            self._throttle.wrong(address, monotonic())
            raise Refusal("the password is no key, or one that has expired or was revoked")
        return entry

    async def _look(self) -> None:
        """Show out whose key was revoked; twice, for one might have been on the doorstep the first time."""
        try:
            self._leaving |= {entry.id: (entry, 2) for entry in await self._desk.ended()}
            self._store.recovered()
            for entry, times in list(self._leaving.values()):
                await self._show_out(entry)
                del self._leaving[entry.id]
                if times > 1:
                    self._leaving[entry.id] = (entry, times - 1)
        except TransientError as error:
            self._store.failed(error)

    async def _show_out(self, entry: KeyEntry) -> None:
        """End the connections of a user; those that have another key come back by themselves."""
        user = entry.device if entry.role is Role.DEVICE else entry.name
        kicked = await self._line.kick(user or "")
        self._counts["shown_out"] += kicked
        if kicked:
            log.info("broker_clients_shown_out", user=user, connections=kicked, key=entry.prefix)

    def _tell(self, asked: Asked, reason: str) -> None:
        """Log a refusal, once a while for each user, address and reason."""
        name, now = f"{asked.user[:64]}@{asked.host}: {reason}", monotonic()
        if now - self._told.get(name, -_TOLD_S) < _TOLD_S:
            return
        self._told[name] = now
        self._told.move_to_end(name)
        while len(self._told) > _TOLD:
            self._told.popitem(last=False)
        shown = {"user": asked.user[:64], "client": asked.client[:64], "address": asked.host}
        log.warning("broker_client_refused", reason=reason, **shown)

    def _back(self) -> None:
        self.condition.recovered()
        self.open.set()

    def _away(self) -> None:
        self.open.clear()
        if self._stop.is_set():
            return
        self.condition.failed(TransientError("the embedded broker is away"))
