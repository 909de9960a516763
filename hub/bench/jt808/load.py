"""A load of JT/T 808 terminals: thousands of connections from a process of their own.

Run as ``python -m hub.bench.jt808.load``. It is told what to do line by line on standard input, and prints a line of
JSON for each when it is done:

``enter``       all terminals connect, register and authenticate
``report S``    each reports its position every period, for so many seconds
``strangers``   some peers connect, send half a frame, and say nothing more; some send on and never read
``storm S``     some terminals disconnect at once, stay away for so many seconds while the others report, come back at
                once and send what they have gathered in batches; done when all of it is answered
``flood S``     some terminals send as fast as they are answered, with so many positions unanswered, for so many seconds
``finish``      waits for the last answers

A terminal keeps a position until it is answered, as real ones do: what was unanswered when its connection ended comes
again in its first batch.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from hub.bench.jt808.terminal import ANSWER_S, BEIJING, PER_ADDRESS, Shared, Stranger, Terminal
from hub.running import run

ENTERING = 200  #: terminals that are registering at a time


class Load:
    """All terminals, and the counts."""

    def __init__(self, options: argparse.Namespace) -> None:
        base = datetime.now(BEIJING).replace(microsecond=0) - timedelta(days=2)
        self.shared = Shared(options.host, options.port, options.period, options.step, base)
        self.terminals = [Terminal(self.shared, number) for number in range(options.terminals)]
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._strangers: list[Stranger] = []

    async def enter(self) -> dict[str, Any]:
        """All terminals connect, register and authenticate."""
        began = time.perf_counter()
        await _all_of([terminal.enter for terminal in self.terminals])
        return {"seconds": time.perf_counter() - began}

    async def report(self, seconds: float) -> dict[str, Any]:
        """Every terminal reports, spread evenly over the period."""
        self.shared.latencies.clear()
        began, made = time.perf_counter(), self.shared.made
        self._report_until(seconds, self.terminals)
        await asyncio.sleep(seconds)
        return {"positions_per_s": (self.shared.made - made) / (time.perf_counter() - began), **self._latency()}

    async def strangers(self) -> dict[str, Any]:
        """Bad company joins, and stays."""
        host, port = self._options.host, self._options.port
        for index in range(self._options.silent + self._options.deaf):
            peer = Stranger(deaf=index >= self._options.silent)
            self._strangers.append(peer)
            address = (f"127.0.1.{2 + index // PER_ADDRESS}", 0)
            await self._loop.create_connection(lambda peer=peer: peer, host, port, local_addr=address)  # type: ignore[misc]
        return {"silent": self._options.silent, "deaf": self._options.deaf}

    async def storm(self, seconds: float) -> dict[str, Any]:
        """Some go away, and come back with a backlog."""
        away = self.terminals[:: max(1, len(self.terminals) // self._options.away)][: self._options.away]
        gone = set(away)
        for terminal in away:
            terminal.leave()
        self._report_until(seconds, self.terminals)
        await asyncio.sleep(seconds)
        for terminal in away:
            terminal.be_quiet()  # the latencies are to be those of the others
            while len(terminal.kept) < self._options.backlog:
                terminal.make()
        backlog = sum(len(terminal.kept) for terminal in away)
        self.shared.latencies.clear()
        self._report_until(ANSWER_S, [terminal for terminal in self.terminals if terminal not in gone])
        began = time.perf_counter()

        async def come_back(terminal: Terminal) -> None:
            await terminal.enter()
            terminal.backfill()

        await _all_of([lambda terminal=terminal: come_back(terminal) for terminal in away])  # type: ignore[misc]
        back = time.perf_counter()
        await self._until(lambda: not any(terminal.kept for terminal in away))
        stored = time.perf_counter()
        self.shared.reporting_until = 0.0
        return {
            "terminals": len(away),
            "positions": backlog,
            "back_s": back - began,
            "stored_s": stored - began,
            **self._latency(),
        }

    async def flood(self, seconds: float) -> dict[str, Any]:
        """As many positions as the hub answers."""
        self.shared.reporting_until = 0.0
        await self._until(lambda: self.shared.acknowledged == self.shared.made)
        self.shared.latencies.clear()
        began, before = time.perf_counter(), self.shared.acknowledged
        self.shared.flooding_until = self._loop.time() + seconds
        for terminal in self.terminals[: self._options.flooding]:
            terminal.flood(self._options.window)
        await asyncio.sleep(seconds)
        await self._until(lambda: self.shared.acknowledged == self.shared.made)
        positions = self.shared.acknowledged - before
        told = {"positions": positions, "positions_per_s": positions / (time.perf_counter() - began)}
        return {"terminals": min(self._options.flooding, len(self.terminals)), **told, **self._latency()}

    async def finish(self) -> dict[str, Any]:
        """The last answers, and the counts."""
        self.shared.reporting_until = 0.0
        await self._until(lambda: self.shared.acknowledged == self.shared.made)
        cut_off = sum(peer.ended for peer in self._strangers)
        open_ = sum(terminal.open for terminal in self.terminals)
        return {
            "sent": self.shared.made,
            "acknowledged": self.shared.acknowledged,
            "refused": self.shared.refused,
            "connections": open_,
            "strangers_cut_off": cut_off,
            "cpu_s": time.process_time(),
        }

    def _report_until(self, seconds: float, terminals: list[Terminal]) -> None:
        self.shared.reporting_until = self._loop.time() + seconds
        for place, terminal in enumerate(terminals):
            terminal.report_from(self.shared.period_s * place / len(terminals))

    def _latency(self) -> dict[str, float]:
        if len(self.shared.latencies) < 2:
            return {"answers": len(self.shared.latencies)}
        cuts = statistics.quantiles(self.shared.latencies, n=100)
        return {
            "answers": len(self.shared.latencies),
            "p50_ms": cuts[49] * 1e3,
            "p99_ms": cuts[98] * 1e3,
            "max_ms": max(self.shared.latencies) * 1e3,
        }

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(ANSWER_S):
            while not condition():
                self.shared.progress.clear()
                await self.shared.progress.wait()


async def _all_of(entries: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all, so many at a time."""
    room = asyncio.Semaphore(ENTERING)

    async def one(entry: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await entry()

    await asyncio.gather(*(one(entry) for entry in entries))


async def serve(options: argparse.Namespace) -> None:
    """Do what the lines say."""
    load = Load(options)
    commands: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
        "enter": load.enter,
        "report": load.report,
        "strangers": load.strangers,
        "storm": load.storm,
        "flood": load.flood,
        "finish": load.finish,
    }
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        name, *arguments = line.split()
        told = await commands[name](*(float(argument) for argument in arguments))
        print(json.dumps(told), flush=True)  # noqa: T201 - the bench reads these lines


def main() -> None:
    """Parse the command line and work until the end of the input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--terminals", type=int, default=5_000)
    parser.add_argument("--period", type=float, default=10.0, help="seconds between two positions of a terminal")
    parser.add_argument("--step", type=int, default=10, help="the same by the terminals' own clocks")
    parser.add_argument("--away", type=int, default=500, help="terminals of the storm")
    parser.add_argument("--backlog", type=int, default=180, help="positions that each of them brings")
    parser.add_argument("--flooding", type=int, default=500, help="terminals that send as fast as they are answered")
    parser.add_argument("--window", type=int, default=8, help="positions that each of them has unanswered")
    parser.add_argument("--silent", type=int, default=500, help="peers that send half a frame")
    parser.add_argument("--deaf", type=int, default=20, help="peers that do not read")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
