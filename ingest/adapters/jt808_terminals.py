"""The terminals of a JT/T 808 listener: their connections, replies after the commit, and text to them."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any

from devices.vocabulary import Device, Frame, Identity, Outcome
from ingest.adapters.jt808_settings import NAME, Jt808Listener
from ingest.ports import CommandError, Figure, Intake, NoAnswerError, Standing
from ingest.transports.tcp_server import Connection, TcpServer
from ingest.wire.jt808 import SCHEME
from ingest.wire.jt808_frames import Framer
from ingest.wire.jt808_session import Action, Admitted, Answered, Left, Parcel, Send, Session

ANSWER_S = 30.0  #: how long a terminal may take to answer a text


TEXT = "text"  #: the command that terminals take
_REFUSALS = {1: "failed", 2: "the message is wrong", 3: "not supported"}  #: results of the general reply, 0x0001


class DownlinkError(CommandError):
    """The terminal could not be told."""


class SilentError(DownlinkError, NoAnswerError):
    """The terminal was told and did not answer."""


class Jt808Server:
    """The terminals of one listener. :meth:`run` works until :meth:`stop`."""

    def __init__(self, listener: Jt808Listener, intake: Intake) -> None:
        self.listener = listener
        self.intake = intake
        self.tcp = TcpServer(f"jt808 {listener.name}", listener.host, listener.port, listener.limits, self._open)
        self.listening = asyncio.Event()
        self.received = 0
        self.dropped: Counter[str] = Counter()  #: frames, by reason
        self.terminals: dict[str, _Terminal] = {}  #: the connection of each admitted phone
        self._waiting: dict[_Terminal, None] = {}
        self._stop = asyncio.Event()
        self._last_stamp = 0
        intake.on_room(self._resume)

    @property
    def name(self) -> str:
        """What the listener is called in logs."""
        return self.tcp.name

    async def run(self) -> None:
        """Listen until :meth:`stop`. Raises ConfigError when the address cannot be had."""
        await self.tcp.start()
        self.listening.set()
        await self._stop.wait()
        await self.tcp.stop()

    def pause_reading(self) -> None:
        """Take no more messages; those in flight can still be settled. For an orderly end."""
        self.tcp.pause_reading()

    async def stop(self) -> None:
        """Ask :meth:`run` to close the connections and finish."""
        self._stop.set()

    async def send_text(
        self, phone: str, text: str, *, urgent: bool = False, speak: bool = True, timeout_s: float = ANSWER_S
    ) -> int:
        """Show a text on a terminal and have it read aloud; the terminal's result (0 is done).

        Raises DownlinkError when the terminal is not connected, goes away, or does not answer in time; ValueError for
        text that cannot be sent.
        """
        terminal = self.terminals.get(phone)
        if terminal is None:
            raise DownlinkError(f"jt808 {phone}: not connected")
        return await terminal.send_text(phone, text, urgent, speak, timeout_s)

    def reaches(self, device: Device, identities: Sequence[Identity]) -> tuple[str, ...]:
        """``text`` for a terminal that is connected here."""
        return (TEXT,) if self._phone(identities) is not None else ()

    async def command(
        self, device: Device, identities: Sequence[Identity], name: str, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Show a text: ``text``, and perhaps ``urgent`` and ``speak``. Raises CommandError, ValueError."""
        phone = self._phone(identities)
        if phone is None:
            raise DownlinkError(f"jt808 {device.id}: not connected")
        if name != TEXT:
            raise ValueError(f"command: expected {TEXT}, got {name!r}")
        result = await self.send_text(
            phone,
            str(arguments["text"]),
            urgent=bool(arguments.get("urgent", False)),
            speak=bool(arguments.get("speak", True)),
        )
        if result:
            raise DownlinkError(f"jt808 {phone}: the terminal answered {result} ({_REFUSALS.get(result, 'unknown')})")
        return {"result": result}

    def _phone(self, identities: Sequence[Identity]) -> str | None:
        """The phone, of those that a device goes by, whose terminal is connected here."""
        phones = (identity.value for identity in identities if identity.scheme == SCHEME)
        return next((phone for phone in phones if phone in self.terminals), None)

    def standing(self) -> Standing:
        """Where it listens, and what it has seen."""
        return Standing(
            title=f"JT/T 808 {self.listener.name}",
            kind=NAME,
            address=f"{self.tcp.host}:{self.tcp.port}",
            connected=self.listening.is_set(),
            figures=tuple(self._figures()),
        )

    def _figures(self) -> Sequence[Figure]:
        labels = {"listener": self.listener.name}
        found = [
            Figure("sanihub_jt808_frames_received_total", "Sound frames received", self.received, labels),
            Figure("sanihub_jt808_connections", "Connections that are open", len(self.tcp), labels, "gauge"),
        ]
        for name, text, counted in (
            ("sanihub_jt808_frames_refused_total", "Frames dropped or refused", self.dropped),
            ("sanihub_jt808_connections_dropped_total", "Connections ended by the hub", self.tcp.dropped),
        ):
            found += [
                Figure(name, text, count, {**labels, "reason": reason}) for reason, count in sorted(counted.items())
            ]
        return found

    def stamp(self) -> int:
        """The time of reception (µs); strictly increasing, so that no two messages share an instant."""
        self._last_stamp = max(time_ns() // 1_000, self._last_stamp + 1)
        return self._last_stamp

    def wait_for_room(self, terminal: _Terminal) -> None:
        """Remember a connection that is held until the intake has room."""
        self._waiting[terminal] = None

    def _open(self, connection: Connection) -> _Terminal:
        return _Terminal(self, connection)

    def _resume(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for terminal in waiting:
            terminal.proceed()


class _Terminal:
    """One connection: its session, and frames that were read and await room."""

    def __init__(self, server: Jt808Server, connection: Connection) -> None:
        self._server = server
        self._connection = connection
        self._session = Session(server.listener.gate)
        self._framer = Framer()
        self._frames: deque[bytes] = deque()
        self._in_flight = 0
        self._asked: dict[tuple[str, int], asyncio.Future[int]] = {}  #: by phone and serial
        self._scheduled = False

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
            self._handle(self._frames.popleft())
        connection.release()

    def lost(self) -> None:
        """The connection is gone: what was not settled will be sent again by the terminal."""
        self._frames.clear()
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
        if outcome is Outcome.COMMITTED and self._connection.alive:
            for reply in self._session.settled(parcel):
                self._connection.send(reply)
        if self._connection.held and not self._scheduled and self._in_flight < self._server.listener.in_flight:
            self._scheduled = True
            self._server.tcp.loop.call_soon(self.proceed)

    def _handle(self, frame: bytes) -> None:
        server = self._server
        server.received += 1
        received_at = server.stamp()
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

    def __init__(self, terminal: _Terminal, parcel: Parcel) -> None:
        self.terminal = terminal
        self.parcel = parcel

    def settle(self, outcome: Outcome) -> None:
        self.terminal.settled(self.parcel, outcome)
