"""Running a hub in the foreground: one event loop, signals, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

if TYPE_CHECKING:
    from hub.bootstrap import Hub
    from hub.installation import Installation
    from hub.settings.settings import Settings

log = structlog.get_logger("hub")
T = TypeVar("T")

Companion = Callable[["Installation", "Hub", asyncio.Event], Awaitable[None]]
"""Something that runs beside the hub (a simulator); the event is set when all is to end."""


#: A batch makes a hundred thousand objects that live as long as it does. The collector of cycles, which there are
#: hardly any of, would walk them over and over at its default of every 700th (a quarter of the time of the rules), and
#: at every 50,000th still once a batch (a twentieth of the hub's time).
COLLECT_EVERY = (200_000, 20, 100)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest loop that this platform has."""
    gc.set_threshold(*COLLECT_EVERY)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def stop_event() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set. A second ctrl-C is as patient as the first."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_installation(
    settings: Settings,
    *,
    port: int | None = None,
    announce: Callable[[Installation, Hub], None],
    companion: Companion | None = None,
    seconds: float | None = None,
) -> None:
    """Start everything, run until a signal (or for so many seconds), and stop everything in order."""
    from hub.installation import Installation  # the whole hub, which no other command needs

    stop = stop_event()
    installation = Installation(settings, port=port)
    try:
        hub = await installation.start()
        working = asyncio.create_task(hub.run())
        await _first(working, hub.listening())
        if not working.done():
            announce(installation, hub)
        beside = asyncio.create_task(_beside(companion, installation, hub, stop))
        await _first(working, stop.wait(), seconds=seconds)
        stop.set()
        await asyncio.wait({beside})
        if not working.done() and hub.pipeline.store_condition.fault is None:
            await _first(working, hub.pipeline.drained(), seconds=10)
        hub.stop()
        await working
        beside.result()
    finally:
        await installation.stop()
    log.info("hub_stopped", messages=hub.pipeline.stats.frames, rows=hub.pipeline.stats.rows)


async def _beside(companion: Companion | None, installation: Installation, hub: Hub, stop: asyncio.Event) -> None:
    if companion is not None:
        await companion(installation, hub, stop)


async def _first(working: asyncio.Task[None], other: Coroutine[Any, Any, Any], seconds: float | None = None) -> None:
    """Wait until the hub ends, the other thing happens, or the time is over."""
    beside = asyncio.ensure_future(other)
    await asyncio.wait({working, beside}, return_when=asyncio.FIRST_COMPLETED, timeout=seconds)
    beside.cancel()
