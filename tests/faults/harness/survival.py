"""A fault of the table: what is done, to which world, and the run that shows what becomes of it."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from tests.faults.harness.history import History
from tests.faults.harness.outcome import FULL, keep, outcome
from tests.faults.harness.scene import Ending, Scene
from tests.faults.harness.stream import Size, Stream
from tests.faults.harness.world import World

SEEDS = range(int(os.environ.get("SANIHUB_TEST_SEEDS", "3")) if FULL else 1)
SIZE = Size().times(2) if FULL else Size(2, 1, 1, 1, 1)
AWAY_S = 5.0 if FULL else 0.3  #: how long a cause lasts that is not over at once

Harm = Callable[[World], Awaitable[None]]
"""Something bad. It returns when its cause is gone."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table. ``harms`` happen one after another, at random moments of the stream.

    ``way``: over which the hub has to acknowledge again to be well, where not all ways were harmed.
    ``lossy``: a broker may lose what it acknowledged, which is not the hub's to keep; ``note`` says so in the table.
    """

    name: str
    title: str
    done: str
    harms: Sequence[Harm]
    way: str = ""
    lossy: bool = False
    note: str = ""


def rows(faults: Sequence[Fault], *small: str) -> pytest.MarkDecorator:
    """A test for each fault; all but those named are of the long form alone."""
    chosen = [pytest.param(one, marks=() if one.name in small else pytest.mark.full, id=one.name) for one in faults]
    return pytest.mark.parametrize("fault", chosen)


def stream(seed: int) -> Stream:
    """The stream of a run."""
    return Stream(100 + seed, SIZE)


def moments(seed: int, count: int) -> list[float]:
    """So many shares of a stream, in order: one somewhere in each part, so that the hub recovers in between."""
    chance = random.Random(seed)
    return [0.1 + 0.75 * (part + chance.uniform(0.1, 0.7)) / count for part in range(count)]


async def survive(
    world: World,
    fault: Fault,
    seed: int,
    undisturbed: Callable[[Stream], History],
    remark: Callable[[], str] | None = None,
) -> Ending:
    """Play a stream with the fault in it, keep the outcome, and demand what the house promises.

    ``remark`` says in the end what the table tells beside the figures, in place of the fault's note.
    """
    chosen = stream(seed)
    expected = None if fault.lossy else await asyncio.to_thread(undisturbed, chosen)
    scene = world.scene(chosen)

    async def harm(scene: Scene) -> None:
        for share, one in zip(moments(seed, len(fault.harms)), fault.harms, strict=True):
            await scene.reached(share)
            await one(world)
            await scene.recovered(fault.way)

    await scene.play(harm)
    if fault.lossy:  # what the broker lost never came: the alerts are those of what did come
        arrived = await scene.arrived()
        expected = await asyncio.to_thread(undisturbed, chosen.only(arrived))
        ending = await scene.ending(expected, lossy=True, promised=scene.kept_for_good())
    else:
        ending = await scene.ending(expected)
    fault = fault if remark is None else replace(fault, note=remark())
    keep(outcome(fault.name, fault.title, fault.done, seed, ending, fault.note))
    assert ending.verdict.lost == 0, ending.verdict
    assert ending.verdict.doubled == 0, ending.verdict
    assert ending.verdict.foreign == 0, ending.verdict
    assert not ending.differences, "\n".join(ending.differences[:20])
    if not fault.lossy:
        assert ending.verdict.stored == ending.verdict.acknowledged == len(chosen.messages)
    return ending
