"""Thousands of JT/T 808 terminals in one process: a connection each, and one task that looks after them all."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from simulators.message import Message
from simulators.speakers.jt808_frames import Fitting
from simulators.speakers.jt808_terminal import Habits, Terminal
from simulators.speakers.lines import Exchange, Peer
from simulators.speakers.speaker import Tally

WINDOW = 5_000


class Jt808Speaker:
    """The fleet; see :class:`simulators.speakers.speaker.Speaker`.

    ``fitting`` says what the terminal of a device knows of itself. ``window`` bounds the messages that all terminals
    together keep.
    """

    def __init__(
        self, peer: Peer, fitting: Callable[[str], Fitting], habits: Habits | None = None, window: int = WINDOW
    ) -> None:
        self.tally = Tally(window)
        self.terminals: dict[str, Terminal] = {}
        self._peer, self._fitting, self._habits = peer, fitting, habits or Habits()
        self._exchange = Exchange("jt808", peer, self.terminals)

    @property
    def online(self) -> int:
        """How many terminals are authenticated."""
        return sum(terminal.online for terminal in self.terminals.values())

    async def __aenter__(self) -> Jt808Speaker:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)

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
            if terminal.busy:
                terminal.switch_on()
        await self.tally.drained()

    def _terminal(self, device_id: str) -> Terminal:
        terminal = self.terminals.get(device_id)
        if terminal is None:
            terminal = Terminal(self._fitting(device_id), self._habits, self._peer, self.tally)
            self.terminals[device_id] = terminal
        return terminal
