"""One connection of JT/T 808 terminals: frames to its session, and replies when what it sent was settled."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING

from devices.rates import Bucket
from devices.vocabulary import Frame, Outcome
from ingest.adapters.jt808.commands import SilentError
from ingest.adapters.jt808.settings import NAME
from ingest.transports.tcp import Connection
from ingest.wire.jt808.bodies import BATCH
from ingest.wire.jt808.frames import Framer
from ingest.wire.jt808.session import Action, Admitted, Answered, Left, Parcel, Send, Session

if TYPE_CHECKING:
    from ingest.adapters.jt808.terminals import Jt808Server

_BATCHED = BATCH.to_bytes(2, "big")  #: how the frames of batches begin


class Terminal:
    """One connection: its session, and frames that were read and await room."""

    def __init__(self, server: Jt808Server, connection: Connection) -> None:
        self._server = server
        self._connection = connection
        self._session = Session(server.listener.gate, budget=server.parts)
        self._framer = Framer()
        self._frames: deque[bytes] = deque()
        self._in_flight = 0
        self._asked: dict[tuple[str, int], asyncio.Future[int]] = {}  #: by phone and serial
        self._scheduled = False
        self._bucket = Bucket(server.listener.rate, server.tcp.loop.time())

    @property
    def admitted(self) -> bool:
        """Whether any terminal was admitted on this connection."""
        return self._session.admitted

    def receive(self, data: bytes) -> None:
        """Take bytes."""
        self._frames.extend(self._framer.feed(data))
        self._note(self._framer.dropped)
        self.proceed()

    def proceed(self) -> None:
        """Handle the frames that wait, as far as there is room; hold the connection while there is none."""
        self._scheduled = False
        server, connection = self._server, self._connection
        if server.tcp.ending:
            return  # what was not taken will be sent again
        while self._frames and connection.alive:
            if self._in_flight >= server.listener.in_flight:
                connection.hold()
                return
            if not server.intake.has_room:
                connection.hold()
                server.wait_for_room(self)
                return
            if self._frames[0].startswith(_BATCHED) and not server.backlog.has_room:
                connection.hold()
                server.backlog.wait(self, self.proceed)
                return
            if wait_s := self._too_fast():
                connection.hold()
                if not self._scheduled:
                    self._scheduled = True
                    server.tcp.loop.call_later(wait_s, self.proceed)
                return
            self._handle(self._frames.popleft())
        connection.release()

    def _too_fast(self) -> float:
        """Seconds until the next frame may be handled; 0 when it may be now, which counts it."""
        wait_s = self._bucket.take(1, self._server.tcp.loop.time())
        if wait_s:
            self._bucket.give_back(1)
            self._server.slowed += 1
        return wait_s

    def lost(self) -> None:
        """The connection is gone: what was not settled will be sent again by the terminal."""
        self._frames.clear()
        self._session.parts.close()
        self._server.backlog.forget(self)
        for phone in [phone for phone, terminal in self._server.terminals.items() if terminal is self]:
            del self._server.terminals[phone]
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(SilentError("jt808: the terminal went away without an answer"))
        self._asked.clear()

    async def send_text(self, phone: str, text: str, urgent: bool, speak: bool, timeout_s: float) -> int:
        """Send a text and wait for the answer."""
        serial, data = self._session.text(phone, text, urgent=urgent, speak=speak)
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked[phone, serial] = asked
        self._connection.send(data)
        try:
            async with asyncio.timeout(timeout_s):
                return await asked
        except TimeoutError:
            raise SilentError(f"jt808 {phone}: no answer within {timeout_s:g} s") from None
        finally:
            self._asked.pop((phone, serial), None)

    def settled(self, parcel: Parcel, outcome: Outcome) -> None:
        """A message was committed, or given up: only the first is answered."""
        self._in_flight -= 1
        if parcel.batch:
            self._server.batch_settled()
        if outcome is Outcome.COMMITTED and self._connection.alive:
            for reply in self._session.settled(parcel):
                self._connection.send(reply)
        if self._connection.held and not self._scheduled and self._in_flight < self._server.listener.in_flight:
            self._scheduled = True
            self._server.tcp.loop.call_soon(self.proceed)

    def _handle(self, frame: bytes) -> None:
        server = self._server
        server.received += 1
        received_at = server.stamps.next()
        for action in self._session.receive(frame, received_at):
            self._act(action, received_at)
        self._note(self._session.refused)
        self._note(self._session.parts.dropped)

    def _act(self, action: Action, received_at: int) -> None:
        if isinstance(action, Parcel):
            self._offer(action, received_at)
        elif isinstance(action, Send):
            self._connection.send(action.data)
        elif isinstance(action, Answered):
            asked = self._asked.get((action.phone, action.serial))
            if asked is not None and not asked.done():
                asked.set_result(action.result)
        elif isinstance(action, Admitted):
            self._server.terminals[action.phone] = self
        elif isinstance(action, Left) and self._server.terminals.get(action.phone) is self:
            del self._server.terminals[action.phone]

    def _offer(self, parcel: Parcel, received_at: int) -> None:
        header = parcel.header
        channel = self._connection.peer if header is None else f"{self._connection.peer}/{header.phone}"
        token = 0 if header is None else header.serial
        self._in_flight += 1
        if parcel.batch:
            self._server.backlog.taken()
        frame = Frame(NAME, self._server.listener.name, channel, parcel.payload, received_at, token=token)
        self._server.intake.offer(frame, _Acknowledgement(self, parcel))

    def _note(self, counted: Counter[str]) -> None:
        """Move counts to the server."""
        if counted:
            self._server.dropped.update(counted)
            counted.clear()


class _Acknowledgement:
    """Settles one message at the connection that it came through."""

    __slots__ = ("parcel", "terminal")

    def __init__(self, terminal: Terminal, parcel: Parcel) -> None:
        self.terminal = terminal
        self.parcel = parcel

    def settle(self, outcome: Outcome) -> None:
        self.terminal.settled(self.parcel, outcome)
