"""Server processes that the hub runs and watches: started in order, probed, restarted when they end by themselves.

A child lives in its own session, so that ctrl-C at the terminal reaches only the hub, which then stops its children in
order. It ends with the hub all the same: the kernel sends it its stop signal when the hub dies, however that happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import msgspec
import structlog

from devices.errors import SanihubError
from hub.embedded.launch import BoundedLog, launch_command
from store.embedded.service_account import Account

_log = structlog.get_logger(__name__)

_PROBE_S = (0.02, 0.5)  #: the first pause between two probes and the longest: a recovering database logs each of them
_LOG_CHECK_EVERY_S = 30.0
_UNWELL = 3  #: trials in a row that fail before a child is started anew: a machine out of breath fails one or two
_STEADY_S = 60.0  #: a child that lived this long starts again with the shortest pause


class ChildError(SanihubError):
    """A server that the hub runs did not become ready."""


class ChildState(StrEnum):
    """Where a child stands."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"  #: it ended by itself; the hub starts it again until it answers
    FAILED = "failed"  #: the first start did not succeed
    STOPPED = "stopped"


class ChildStatus(msgspec.Struct, frozen=True):
    """What the health endpoint shows of a child; `pid` is None while no process lives."""

    name: str
    state: ChildState
    pid: int | None
    restarts: int


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a child is run. `ready` may be called often and must answer, True or False, rather than raise.

    So must `well`, which tries every `trial_every_s` whether a child that was ready still does its work: one that lives
    and does not is started anew.
    """

    name: str
    argv: Sequence[str]
    working_folder: Path
    log: Path
    ready: Callable[[], Awaitable[bool]]
    env: Mapping[str, str] = MappingProxyType({"LC_ALL": "C", "TZ": "UTC"})
    account: Account | None = None  #: None: the hub's own user
    stop_signal: int = signal.SIGTERM  #: also sent by the kernel when the hub dies
    grace_s: float = 30.0  #: from the stop signal to SIGKILL
    ready_within_s: float = 60.0
    first_pause_s: float = 0.5  #: before the first restart; doubles up to `longest_pause_s`, each with jitter
    longest_pause_s: float = 30.0
    log_limit_bytes: int = 8 * 1024 * 1024
    well: Callable[[], Awaitable[bool]] | None = None
    trial_every_s: float = 5.0


class Child:
    """One server process under supervision.

    `start()` returns when the child is ready and raises ChildError, with the last lines of its log, when it is not in
    time. From then on an end of the process is logged once, the process is started again with growing pauses for as
    long as it takes, and its recovery is logged once. `stop()` ends it and is never an error.
    """

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self._log_file = BoundedLog(spec.log, spec.log_limit_bytes)
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._state = ChildState.STOPPED
        self._restarts = 0
        self._changed = asyncio.Condition()

    @property
    def status(self) -> ChildStatus:
        """The state at this moment."""
        alive = self._process is not None and self._process.returncode is None
        pid = self._process.pid if alive and self._process else None
        return ChildStatus(self.spec.name, self._state, pid, self._restarts)

    async def start(self) -> None:
        """Start the process and wait until it is ready. Only from the main thread; ChildError as described above."""
        if threading.current_thread() is not threading.main_thread():
            # The kernel ties the death signal to the thread that starts the child, not to the process.
            raise RuntimeError("children must be started from the main thread, or they end with the thread")
        await self._enter(ChildState.STARTING)
        self._log_file.rotate()
        try:
            await self._launch()
        except BaseException:
            await self._end()
            await self._enter(ChildState.FAILED)
            raise
        await self._enter(ChildState.READY)
        self._supervisor = asyncio.create_task(self._supervise(), name=f"child {self.spec.name}")

    async def stop(self) -> None:
        """End the process with its stop signal, after the grace time with SIGKILL. Idempotent."""
        if self._supervisor:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        await self._end()
        if self._state is not ChildState.FAILED:
            await self._enter(ChildState.STOPPED)

    async def wait_for(self, condition: Callable[[ChildStatus], bool]) -> ChildStatus:
        """Wait until the status satisfies `condition`; for tests and for a start that depends on this child."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self.status))
        return self.status

    async def _enter(self, state: ChildState) -> None:
        self._state = state
        async with self._changed:
            self._changed.notify_all()

    async def _launch(self) -> None:
        """One process, from its start to its being ready; ChildError otherwise (it may then still be alive)."""
        self._process = process = await self._spawn()
        ended = asyncio.ensure_future(process.wait())
        ready = asyncio.ensure_future(self._until_ready())
        limit = self.spec.ready_within_s
        try:
            await asyncio.wait({ended, ready}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise ChildError(self._account_of(f"ended at once with code {ended.result()}"))
            if not ready.done():
                raise ChildError(self._account_of(f"was not ready within {limit:g} s"))
            ready.result()
        finally:
            for waiting in (ended, ready):
                waiting.cancel()
            await asyncio.gather(ended, ready, return_exceptions=True)

    async def _spawn(self) -> asyncio.subprocess.Process:
        output = self._log_file.open()
        try:
            return await asyncio.create_subprocess_exec(
                *launch_command(self.spec.argv, account=self.spec.account, death_signal=self.spec.stop_signal),
                cwd=self.spec.working_folder,
                env=dict(self.spec.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)

    async def _until_ready(self) -> None:
        pause, longest = _PROBE_S
        while not await self.spec.ready():
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, longest)

    async def _supervise(self) -> None:
        pause = self.spec.first_pause_s
        while True:
            born = time.monotonic()
            code = await self._watch()
            await self._enter(ChildState.RESTARTING)
            _log.error("child_ended", child=self.spec.name, code=code, log=str(self.spec.log))
            if time.monotonic() - born > _STEADY_S:
                pause = self.spec.first_pause_s
            pause = await self._restart(pause)
            await self._enter(ChildState.READY)
            _log.info("child_recovered", child=self.spec.name, pid=self.status.pid, restarts=self._restarts)

    async def _watch(self) -> int:
        """Wait for the end of a ready process, keeping its log within bounds; returns its code.

        One that is no longer well is ended.
        """
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.wait())
        beside = [asyncio.create_task(self._bound_log()), asyncio.create_task(self._until_unwell())]
        try:
            await asyncio.wait({ended, *beside}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                _log.error("child_unwell", child=self.spec.name, log=str(self.spec.log))
                await self._end()
            return await ended
        finally:
            for waiting in (ended, *beside):
                waiting.cancel()
            await asyncio.gather(ended, *beside, return_exceptions=True)

    async def _bound_log(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_EVERY_S)
            with contextlib.suppress(OSError):  # a full disk is no reason to leave the child alone
                await asyncio.to_thread(self._log_file.bound)

    async def _until_unwell(self) -> None:
        """Ends when so many trials in a row have failed; never without a trial."""
        failed = 0
        while self.spec.well is None or failed < _UNWELL:
            await asyncio.sleep(self.spec.trial_every_s)
            if self.spec.well is not None:
                failed = 0 if await self.spec.well() else failed + 1

    async def _restart(self, pause: float) -> float:
        """Try until the child is ready again; returns the pause for the next time."""
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            pause = min(2 * pause, self.spec.longest_pause_s)
            self._restarts += 1
            try:
                await self._launch()
            except Exception as error:  # noqa: BLE001 - the runner: whatever went wrong, the server must come back
                _log.debug("child_not_ready", child=self.spec.name, restarts=self._restarts, error=str(error))
                await self._end()
                self._log_file.bound()
            else:
                return pause

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.spec.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self.spec.grace_s)
        except TimeoutError:
            _log.warning("child_killed", child=self.spec.name, pid=process.pid, grace_s=self.spec.grace_s)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it leads its own session, and so its own group
            await process.wait()

    def _account_of(self, failure: str) -> str:
        tail = self._log_file.tail()
        return f"{self.spec.name} {failure}; log {self.spec.log}" + (f":\n{tail}" if tail else " is empty")
