"""The terminals of a JT/T 808 listener: their connections, replies after the commit, and text to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from devices.vocabulary import Device, Identity
from ingest.adapters.jt808.backlog import Backlog
from ingest.adapters.jt808.commands import ANSWERS, TEXT, DownlinkError, connected_phone, text_command
from ingest.adapters.jt808.connection import Terminal
from ingest.adapters.jt808.settings import NAME, Jt808Listener
from ingest.ports import Figure, Intake, Standing
from ingest.stamps import Stamps
from ingest.transports.tcp import Connection, TcpServer
from ingest.wire.jt808.parts import PartBudget
from ingest.wire.jt808.replies import Result

ANSWER_S = 30.0  #: how long a terminal may take to answer a text


class Jt808Server:
    """The terminals of one listener. :meth:`run` works until :meth:`stop`."""

    def __init__(self, listener: Jt808Listener, intake: Intake) -> None:
        self.listener = listener
        self.intake = intake
        name, limits = f"jt808 {listener.name}", listener.limits
        self.tcp = TcpServer(name, listener.host, listener.port, limits, self._open, listener.tls)
        self.listening = asyncio.Event()
        self.received = 0
        self.slowed = 0  #: times that a connection was read more slowly than it spoke
        self.dropped: Counter[str] = Counter()  #: frames, by reason
        self.terminals: dict[str, Terminal] = {}  #: the connection of each admitted phone
        self.backlog = Backlog()
        self.parts = PartBudget()
        self._turning = False
        self._waiting: dict[Terminal, None] = {}
        self._stop = asyncio.Event()
        self.stamps = Stamps()
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
        """``text`` for a device whose terminal is connected here."""
        return (TEXT,) if connected_phone(identities, self.terminals) is not None else ()

    async def command(
        self, device: Device, identities: Sequence[Identity], name: str, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Show a text (``text``, ``urgent``, ``speak``); returns when the terminal has confirmed it (0x0001, result 0).

        Raises DownlinkError when it is not connected or answers that it could not, of it SilentError when it does not
        answer; ValueError for arguments that do not do.
        """
        wanted = text_command(name, arguments)
        phone = connected_phone(identities, self.terminals)
        if phone is None:
            raise DownlinkError(f"jt808 {device.id}: not connected")
        result = await self.send_text(phone, wanted.text, urgent=wanted.urgent, speak=wanted.speak)
        if result != Result.OK:
            raise DownlinkError(f"jt808 {phone}: the terminal answered {result} ({ANSWERS.get(result, 'unknown')})")
        return {"result": result}

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
            Figure("sanihub_jt808_slowed_total", "Times a connection spoke too fast", self.slowed, labels),
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

    def wait_for_room(self, terminal: Terminal) -> None:
        """Remember a connection that is held until the intake has room."""
        self._waiting[terminal] = None

    def batch_settled(self) -> None:
        """A batch was settled: another connection may have its turn, when all of this commit are settled."""
        self.backlog.settled()
        if self.backlog.waited_for and not self._turning:
            self._turning = True
            self.tcp.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turning = False
        self.backlog.go_on()

    def _open(self, connection: Connection) -> Terminal:
        return Terminal(self, connection)

    def _resume(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for terminal in waiting:
            terminal.proceed()
