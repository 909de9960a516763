"""Frames leave in the order of their coming, and every run is told of each of its frames once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.vocabulary import Frame, Outcome
from ingest.waiting import Waiting


@given(runs=st.lists(st.integers(1, 9), max_size=8), takes=st.lists(st.integers(1, 12), max_size=30))
def test_runs_are_cut_into_parcels_and_settled_in_order(runs: list[int], takes: list[int]) -> None:
    waiting, told, size, put = Waiting(), [], 0, 0
    for length in runs:
        frames = [Frame("a", "s", "c", bytes(put + index), put + index) for index in range(length)]
        size += waiting.put(frames, lambda outcome, count, first=put: told.append((first, outcome, count)))
        put += length
    taken: list[int] = []
    for most in [*takes, 1_000]:
        parcel = waiting.take(most)
        assert len(parcel.frames) == min(most, put - len(taken))
        assert sum(share.frames for share in parcel.shares) == len(parcel.frames)
        assert sum(share.size for share in parcel.shares) == sum(len(frame.payload) for frame in parcel.frames)
        taken += [frame.received_at for frame in parcel.frames]
        assert len(waiting) == put - len(taken)
        for share in parcel.shares:
            share.settle(Outcome.COMMITTED, share.frames)
    assert taken == list(range(put))
    assert size == sum(taken)
    firsts = [first for first, *_ in told]
    assert firsts == sorted(firsts)
    starts = [sum(runs[:index]) for index in range(len(runs))]
    assert [sum(count for first, _, count in told if first == start) for start in starts] == runs
