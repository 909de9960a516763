"""How the cost of a message grows with devices and with stored readings: a hub of its own for each size, one by one.

Each size is measured in a process of its own (:mod:`hub.bench.scaling.point`), with its servers and a temporary data
folder, so that neither memory nor caches are another size's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from devices.errors import SanihubError
from hub.bench.ingest import machine
from hub.bench.scaling.figures import Figures, Found, Point

Told = Callable[[Point, int, int], None]


class _Line(msgspec.Struct):
    """What a point says: how far its readings are made, or what it found."""

    done: int = 0
    of: int = 0
    found: Found | None = None


class BenchError(SanihubError):
    """A process of the bench ended without its figures."""


async def measure(
    devices: Sequence[Point], stored: Sequence[Point], told: Told = lambda point, done, of: None
) -> Figures:
    """Measure all points in their order; ``told`` is called with the readings that are made and that are wanted."""
    found: tuple[list[Found], list[Found]] = ([], [])
    for points, of_them in zip((devices, stored), found, strict=True):
        for point in points:
            told(point, 0, point.stored)
            of_them.append(await _measured(point, told))
    return Figures(*found, machine())


async def _measured(point: Point, told: Told) -> Found:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.scaling.point", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(point))
        process.stdin.close()
        async for line in _lines(process):
            if line.found is not None:
                return line.found
            told(point, line.done, line.of)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    raise BenchError(f"the process for {point.devices} devices ended with {process.returncode} and without figures")


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[_Line]:
    assert process.stdout is not None
    async for line in process.stdout:
        yield msgspec.json.decode(line, type=_Line)
