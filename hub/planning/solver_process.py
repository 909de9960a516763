"""The solver in a process of its own: it computes for seconds and cannot be interrupted, and the hub has to go on.

``python -m hub.planning.solver_process`` reads a problem with its travel as MessagePack on standard input and writes
the plan to standard output.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
import numpy as np

from devices.errors import SanihubError, TransientError
from fleet.planning.problem import CollectionPlan, Problem, ProblemError, Travel, sites

LIMIT_S = 120.0  #: then the process is ended


class _Order(msgspec.Struct):
    problem: Problem
    metres: bytes
    seconds: bytes


class _Answer(msgspec.Struct):
    plan: CollectionPlan | None = None
    fault: str = ""


class SolverError(SanihubError):
    """The solver ended without an answer."""


async def solve_apart(problem: Problem, travel: Travel, *, limit_s: float = LIMIT_S) -> CollectionPlan:
    """:func:`fleet.planning.solve.solve` in a child process.

    Raises ProblemError, SolverError, and TransientError when it takes longer than ``limit_s``; the process ends with
    the call, however that ends.
    """
    order = _Order(problem, travel.metres.astype("<f8").tobytes(), travel.seconds.astype("<f8").tobytes())
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.planning.solver_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit_s):
            told, error = await child.communicate(msgspec.msgpack.encode(order))
    except TimeoutError:
        raise TransientError(f"the solver took longer than {limit_s:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        said = error.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise SolverError("; ".join(["the solver ended without an answer", *said]))
    answer = msgspec.msgpack.decode(told, type=_Answer)
    if answer.plan is None:
        raise ProblemError(answer.fault)
    return answer.plan


def main() -> None:
    """Read the problem, solve it, answer."""
    from fleet.planning.solve import solve  # the solver is heavy, and for this process alone

    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Order)
    count = len(sites(order.problem))
    travel = Travel(*(np.frombuffer(part, "<f8").reshape(count, count) for part in (order.metres, order.seconds)))
    try:
        answer = _Answer(solve(order.problem, travel))
    except ProblemError as error:
        answer = _Answer(fault=str(error))
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
