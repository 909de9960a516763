"""A Modbus bus: one host or serial port with many units, polled each at its own period.

Over TCP several connections are open side by side; the last of them asks the units that do not answer, so that these
hold up nobody. A serial line is one connection, and so is TCP with ``connections = 1``: there they are asked in the
gaps (:mod:`ingest.transports.modbus.schedule`). The hub reads at its own pace: nothing is queued but commands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic, time_ns

import msgspec

from devices.errors import TransientError
from devices.register_maps.layout import WritePoint
from ingest.ports import CommandError
from ingest.runner import Backoff, Condition, pause
from ingest.transports.modbus.command import Command
from ingest.transports.modbus.link import Line, Link, UnitRefusedError, UnitSilentError
from ingest.transports.modbus.plan import Unit
from ingest.transports.modbus.reading import Reader
from ingest.transports.modbus.schedule import OFFLINE_AFTER, Lane, Schedule, Turn, UnitState
from ingest.wire.modbus.poll import Poll

MAX_COMMANDS = 100  #: that wait for their turn
RETRY = Backoff(first=0.2, most=10.0)


class BusSettings(msgspec.Struct, frozen=True):
    """How a bus is asked. ``connections`` counts those of TCP, the one for silent units included."""

    line: Line
    timeout_s: float = 1.0
    probe_timeout_s: float = 0.5
    connections: int = 2


class BusTally(msgspec.Struct):
    """What a bus has done since start."""

    requests: int = 0
    polls: int = 0
    timeouts: int = 0
    exceptions: int = 0
    commands: int = 0


class _Channel:
    """A connection at work: what it is for, and whether it is there."""

    def __init__(self, name: str, lane: Lane, line: Line) -> None:
        self.lane = lane
        self.link = Link(line)
        self.condition = Condition(name)
        self.wake = asyncio.Event()
        self.commanded = False  #: whether its last step was a command: then it is a poll's turn


class Bus:
    """The units behind one host or port. ``tell`` takes each poll that brought something."""

    def __init__(
        self, name: str, settings: BusSettings, units: Sequence[Unit], tell: Callable[[Unit, Poll], None]
    ) -> None:
        self.name = name
        self.settings = settings
        self.tally = BusTally()
        self._tell = tell
        self._stop = asyncio.Event()
        self._commands: deque[Command] = deque()
        self.schedule = Schedule(units, monotonic(), settings.probe_timeout_s)
        self._readers = {id(state): Reader(state.unit) for state in self.schedule.states}
        self._away = {
            id(state): Condition(f"modbus {name} unit {state.unit.number} ({state.unit.device})")
            for state in self.schedule.states
        }
        alone = settings.line.kind != "tcp" or settings.connections == 1 or len(units) == 1
        lanes = [Lane.ALL] if alone else [Lane.POLLS] * (settings.connections - 1) + [Lane.PROBES]
        self._channels = [
            _Channel(f"modbus {name}" + (f" connection {index + 1}" if index else ""), lane, settings.line)
            for index, lane in enumerate(lanes)
        ]

    @property
    def fault(self) -> str:
        """Why the units cannot be reached; empty while they can."""
        faults = [channel.condition.fault for channel in self._channels if channel.lane is not Lane.PROBES]
        return faults[0] or "" if all(faults) else ""

    async def run(self) -> None:
        """Poll until :meth:`stop`."""
        working = [asyncio.create_task(self._serve(channel)) for channel in self._channels]
        stopping = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait({stopping, *working}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopping, *working):
                task.cancel()
            await asyncio.gather(stopping, *working, return_exceptions=True)
            for channel in self._channels:
                channel.link.close()
            while self._commands:
                self._commands.popleft().refuse("the hub is ending")
        for task in done - {stopping}:
            task.result()

    def stop(self) -> None:
        """Ask :meth:`run` to finish; nothing is told from now on."""
        self._stop.set()

    async def write(self, unit: int, point: WritePoint, words: Sequence[int], timeout_s: float) -> None:
        """Write in the next free moment; returns once the unit has confirmed.

        Raises CommandError, of it NoAnswerError where the unit may have been told and has not confirmed.
        """
        while self._commands and self._commands[0].over:
            self._commands.popleft()
        if self._stop.is_set() or len(self._commands) >= MAX_COMMANDS:
            raise CommandError(f"modbus {self.name}: too many commands are waiting")
        command = Command(unit, point, words)
        self._commands.append(command)
        self._wake()
        await command.fate(timeout_s)

    async def _serve(self, channel: _Channel) -> None:
        """One connection's work until the end. A cancellation alone can be lost in a connection that is refused."""
        while not self._stop.is_set():
            try:
                if channel.lane is Lane.PROBES:
                    await self._until_needed(channel)
                if not channel.link.is_open:
                    await channel.link.open()
                if await self._step(channel):  # connected is not enough: some are let in and thrown out at once
                    channel.condition.recovered()
                    self._wake()
            except TransientError as error:
                channel.condition.failed(error)
                channel.link.close()
                self._note_absence()
                await pause(self._stop, RETRY.delay(channel.condition.failures))

    async def _until_needed(self, channel: _Channel) -> None:
        """A connection for silent units is there while there are any, and while the units can be reached at all."""
        while self.fault or self.schedule.wake_at(monotonic(), Lane.PROBES) == float("inf"):
            channel.link.close()
            channel.wake.clear()
            await channel.wake.wait()

    async def _step(self, channel: _Channel) -> bool:
        """One command or one poll; else a rest until there is one, and False. Raises TransientError."""
        lane = self._lane(channel)
        now = monotonic()
        may_command = lane is not Lane.PROBES and bool(self._commands)
        turn = None if may_command and not channel.commanded else self.schedule.take(now, lane)
        channel.commanded = may_command and turn is None
        if turn is not None:
            await self._poll(turn, channel.link)
            return True
        if channel.commanded:
            await self._carry_out(self._commands.popleft(), channel.link)
            return True
        channel.wake.clear()
        await _rest(channel.wake, self.schedule.wake_at(now, lane) - now)
        return False

    def _lane(self, channel: _Channel) -> Lane:
        """What the connection is for now: the first does all while the one for silent units cannot be had."""
        last = self._channels[-1]
        alone = channel is self._channels[0] and last.lane is Lane.PROBES and last.condition.fault is not None
        return Lane.ALL if alone else channel.lane

    async def _poll(self, turn: Turn, link: Link) -> None:
        state, settings = turn.state, self.settings
        reader = self._readers[id(state)]
        first_s = settings.probe_timeout_s if turn.probe else settings.timeout_s
        ended = False
        try:
            found = await reader.take(link, turn.groups, first_s, settings.timeout_s, self.tally)
            self.schedule.answered(turn, monotonic())
            ended = True
            self._answered(state, found)
        except UnitSilentError as error:
            self.schedule.failed(turn, monotonic())
            ended = True
            self._note_silence(state, error)
        finally:
            if not ended:
                self.schedule.released(turn)

    def _answered(self, state: UnitState, found: Poll) -> None:
        self.tally.polls += 1
        self._away[id(state)].recovered()
        if state.online is not True:
            state.online = True
            found = msgspec.structs.replace(found, online=True)
        if found.blocks or found.online is not None:
            self._hand_over(state.unit, found)

    def _note_silence(self, state: UnitState, error: BaseException | None = None) -> None:
        """Tell once that a unit does not answer."""
        if state.silent < OFFLINE_AFTER or state.online is False:
            return
        state.online = False
        if error is not None:
            self._away[id(state)].failed(error)
        at = time_ns() // 1_000
        self._hand_over(state.unit, Poll(state.unit.register_map.name, state.unit.number, at, online=False))

    def _note_absence(self) -> None:
        """The bus itself is away: its units are, too, when that lasts."""
        if self.fault:
            self.schedule.unreachable(monotonic())
            for state in self.schedule.states:
                self._note_silence(state)

    async def _carry_out(self, command: Command, link: Link) -> None:
        if command.over:
            return  # its caller has given up
        self.tally.commands += 1
        living = any(state.living for state in self.schedule.states if state.unit.number == command.unit)
        timeout_s = self.settings.timeout_s if living else self.settings.probe_timeout_s
        command.sent = True
        try:
            await link.write(command.unit, command.point, command.words, timeout_s)
        except UnitRefusedError as error:
            command.sent = False  # it will not do it
            command.refuse(f"unit {command.unit}: {error}")
            return
        except UnitSilentError as error:
            command.refuse(f"unit {command.unit}: {error}")
            return
        except (TransientError, asyncio.CancelledError) as error:
            command.refuse(str(error) or "the hub is ending")
            raise
        for state in self.schedule.states:
            if state.unit.number == command.unit and state.living and not state.busy:
                state.hasten(monotonic())  # what was written shows in the next poll
        command.confirm()

    def _hand_over(self, unit: Unit, poll: Poll) -> None:
        if not self._stop.is_set():
            self._tell(unit, poll)

    def _wake(self) -> None:
        for channel in self._channels:
            channel.wake.set()


async def _rest(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(None if seconds == float("inf") else max(seconds, 0.0)):
            await wake.wait()
    except TimeoutError:
        return
