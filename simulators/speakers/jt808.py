"""Thousands of JT/T 808 terminals in one process: a connection each, and one task that looks after them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

import msgspec
import structlog

from simulators.message import Message
from simulators.speakers.jt808_frames import Fitting
from simulators.speakers.jt808_terminal import Habits, Terminal
from simulators.speakers.speaker import Tally

log = structlog.get_logger(__name__)


class Jt808Settings(msgspec.Struct, frozen=True):
    """Where the platform is, and how the fleet behaves.

    ``window`` bounds the messages that all terminals together keep. The fleet is looked at every ``tick_s``, and at
    most ``connecting`` terminals connect at a time, each within ``connect_s``. ``sources`` are local addresses that
    the terminals connect from in turn: one address has 28,000 ports to offer, and platforms bound what they take from
    one (over loopback all of 127.0.0.0/8 will do).
    """

    host: str
    port: int
    habits: Habits = Habits()
    window: int = 5_000
    tick_s: float = 0.25
    connecting: int = 64
    connect_s: float = 10.0
    sources: tuple[str, ...] = ()


class Jt808Speaker:
    """The fleet. ``fitting`` says what the terminal of a device knows of itself; see :class:`Speaker`."""

    def __init__(self, settings: Jt808Settings, fitting: Callable[[str], Fitting]) -> None:
        self._settings, self._fitting = settings, fitting
        self.tally = Tally(settings.window)
        self.terminals: dict[str, Terminal] = {}
        self._loop = asyncio.get_running_loop()
        self._group = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None
        self._connecting = 0
        self._away = False

    @property
    def online(self) -> int:
        """How many terminals are authenticated."""
        return sum(terminal.state == "online" for terminal in self.terminals.values())

    async def __aenter__(self) -> Jt808Speaker:
        await self._group.__aenter__()
        self._task = self._group.create_task(self._look_after())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
        for terminal in self.terminals.values():
            terminal.hang_up()
        if kind is not None and not issubclass(kind, asyncio.CancelledError):
            kind = error = trace = None
        await self._group.__aexit__(kind, error, trace)

    async def greet(self, device_id: str) -> None:
        """Switch the terminal on: it connects and registers by itself."""
        self._terminal(device_id)

    async def publish(self, message: Message) -> None:
        """Hand a message to its terminal; ``offline`` tears its connection."""
        terminal = self._terminal(message.device_id)
        if message.offline:
            terminal.hang_up()
            return
        await self.tally.take()
        terminal.give(message)

    async def drain(self) -> None:
        """Wait until the platform has answered everything; terminals that were off come back for that."""
        for terminal in self.terminals.values():
            terminal.wake()
        await self.tally.drained()

    def _terminal(self, device_id: str) -> Terminal:
        terminal = self.terminals.get(device_id)
        if terminal is None:
            terminal = Terminal(self._fitting(device_id), self._settings.habits, self.tally, self._loop.time)
            self.terminals[device_id] = terminal
        return terminal

    async def _look_after(self) -> None:
        while True:
            now = self._loop.time()
            for number, terminal in enumerate(list(self.terminals.values())):
                if terminal.state != "waiting":
                    terminal.tick(now)
                elif now >= terminal.due and self._connecting < self._settings.connecting:
                    terminal.state = "connecting"
                    self._connecting += 1
                    self._group.create_task(self._connect(terminal, number))
            # While many wait for their turn to connect, come back as soon as the others had theirs.
            await asyncio.sleep(self._settings.tick_s if self._connecting < self._settings.connecting else 0.01)

    async def _connect(self, terminal: Terminal, number: int) -> None:
        settings = self._settings
        local = (settings.sources[number % len(settings.sources)], 0) if settings.sources else None
        try:
            async with asyncio.timeout(settings.connect_s):
                await self._loop.create_connection(lambda: terminal, settings.host, settings.port, local_addr=local)
            if self._away:
                log.info("jt808_back", host=settings.host, port=settings.port)
            self._away = False
        except (OSError, TimeoutError) as error:
            if not self._away:
                log.warning("jt808_away", host=settings.host, port=settings.port, reason=str(error) or "no answer")
            self._away = True
            if terminal.state == "connecting":
                terminal.postpone()
        finally:
            self._connecting -= 1
