"""The one runner for work that meets peers which come and go: backoff with jitter, one log line each way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import structlog

from devices.errors import TransientError

log = structlog.get_logger("ingest.runner")
T = TypeVar("T")


class Backoff(msgspec.Struct, frozen=True):
    """Seconds between tries: doubling from ``first`` to ``most``, each drawn from the upper half of its span."""

    first: float = 0.1
    most: float = 5.0

    def delay(self, failures: int) -> float:
        """The wait after so many failures in a row (1 for the first), in seconds."""
        span: float = min(self.most, self.first * 2 ** min(failures - 1, 16))
        return span * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


class Condition:
    """The state of one peer, as the health page shows it: ``fault`` is None while all is well."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fault: str | None = None
        self.failures = 0

    def failed(self, error: BaseException) -> None:
        """Note a failure; only the first in a row is logged."""
        self.failures += 1
        if self.fault is None:
            log.warning("peer_away", peer=self.name, error=str(error))
        self.fault = str(error)

    def recovered(self) -> None:
        """Note success; logged only after a failure."""
        if self.fault is not None:
            log.info("peer_back", peer=self.name, failures=self.failures)
        self.fault = None
        self.failures = 0


async def persist(
    call: Callable[[], Awaitable[T]], condition: Condition, stop: asyncio.Event, backoff: Backoff | None = None
) -> T:
    """Await ``call`` until it succeeds, retrying on TransientError.

    When ``stop`` is set while the peer is away the last TransientError is raised, for there is no more time to wait.
    """
    backoff = backoff or Backoff()
    while True:
        try:
            result = await call()
        except TransientError as error:
            condition.failed(error)
            if stop.is_set():
                raise
            await pause(stop, backoff.delay(condition.failures))
        else:
            condition.recovered()
            return result


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so many seconds, or until ``stop`` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
