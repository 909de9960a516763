"""The runner waits for peers that come and go, and says so once each way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from devices.errors import RejectedError, TransientError
from ingest.runner import Backoff, Condition, pause, persist

AT_ONCE = Backoff(first=0.0, most=0.0)
NEVER = Backoff(first=3_600.0, most=3_600.0)


class Peer:
    """Is away for so many calls, and then answers, or fails in another way."""

    def __init__(self, away: int, fault: Exception | None = None) -> None:
        self.calls = 0
        self._away = away
        self._fault = fault

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._away:
            raise TransientError(f"away for the {self.calls}. time")
        if self._fault is not None:
            raise self._fault
        return "here"


async def until_called(peer: Peer, times: int) -> None:
    async with asyncio.timeout(30):
        while peer.calls < times:
            await asyncio.sleep(0)


async def test_a_peer_that_answers_is_called_once_and_nothing_is_said() -> None:
    peer, condition = Peer(away=0), Condition("peer")
    with capture_logs() as logs:
        assert await persist(peer, condition, asyncio.Event()) == "here"
    assert (peer.calls, condition.fault, condition.failures, logs) == (1, None, 0, [])


async def test_failing_is_logged_once_and_recovery_once() -> None:
    condition = Condition("peer")
    with capture_logs() as logs:
        for away in (3, 0, 2):
            assert await persist(Peer(away), condition, asyncio.Event(), AT_ONCE) == "here"
    away_1 = {"event": "peer_away", "log_level": "warning", "peer": "peer", "error": "away for the 1. time"}
    back = {"event": "peer_back", "log_level": "info", "peer": "peer"}
    assert logs == [away_1, {**back, "failures": 3}, away_1, {**back, "failures": 2}]
    assert (condition.fault, condition.failures) == (None, 0)


async def test_the_condition_shows_the_latest_fault_while_it_lasts() -> None:
    peer, condition, stop = Peer(away=5), Condition("peer"), asyncio.Event()
    task = asyncio.create_task(persist(peer, condition, stop, AT_ONCE))
    await until_called(peer, 3)
    await asyncio.sleep(0)
    assert condition.fault is not None and condition.fault.startswith("away for the ")
    assert condition.failures >= 3
    assert await task == "here"


@pytest.mark.parametrize("fault", [RejectedError("refused"), ZeroDivisionError("a slip of ours")])
async def test_other_faults_are_not_tried_again(fault: Exception) -> None:
    peer = Peer(away=1, fault=fault)
    with pytest.raises(type(fault)):
        await persist(peer, Condition("peer"), asyncio.Event(), AT_ONCE)
    assert peer.calls == 2


async def test_stop_ends_the_waiting_after_one_more_try() -> None:
    peer, condition, stop = Peer(away=100), Condition("peer"), asyncio.Event()
    task = asyncio.create_task(persist(peer, condition, stop, NEVER))
    await until_called(peer, 1)
    stop.set()
    with pytest.raises(TransientError, match="away for the 2"):
        await asyncio.wait_for(task, 30)
    assert peer.calls == 2


async def test_the_one_more_try_may_succeed() -> None:
    peer, stop = Peer(away=1), asyncio.Event()
    task = asyncio.create_task(persist(peer, Condition("peer"), stop, NEVER))
    await until_called(peer, 1)
    stop.set()
    assert await asyncio.wait_for(task, 30) == "here"


async def test_stop_before_the_start_allows_one_try() -> None:
    stop = asyncio.Event()
    stop.set()
    assert await persist(Peer(away=0), Condition("peer"), stop) == "here"
    peer = Peer(away=1)
    with pytest.raises(TransientError):
        await persist(peer, Condition("peer"), stop, NEVER)
    assert peer.calls == 1


async def test_pause_ends_with_stop() -> None:
    stop = asyncio.Event()
    await pause(stop, 0.0)
    task = asyncio.create_task(pause(stop, 3_600.0))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 30)


@given(
    first=st.floats(0, 10), most=st.floats(0, 100), failures=st.one_of(st.integers(1, 40), st.integers(1, 10**9))
)  # fmt: skip
def test_delays_double_within_their_bounds(first: float, most: float, failures: int) -> None:
    span = min(most, first * 2.0 ** min(failures - 1, 16))
    assert span / 2 <= Backoff(first, most).delay(failures) <= span


def test_delays_have_jitter() -> None:
    assert len({Backoff().delay(1) for _ in range(20)}) > 1
