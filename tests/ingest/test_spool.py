"""The spool keeps what was wholly written until it is forgotten, through crashes, torn files and a full disk."""

from __future__ import annotations

import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from structlog.testing import capture_logs

from devices.vocabulary import Frame
from ingest.spool import Spool, SpoolSettings

ALL = 1_000_000


def frame(number: int, size: int = 0) -> Frame:
    return Frame("mqtt-json", "test", "a/topic", b"%d:" % number + b"x" * size, 1_000 + number, token=number)


def numbers(spool: Spool) -> list[int]:
    """What a reader would get, oldest first."""
    found = [kept for kept, _ in spool.peek(ALL)]
    assert all(kept.redelivered for kept in found)
    assert [kept.received_at for kept in found] == [1_000 + kept.token for kept in found]
    assert all(kept.payload.startswith(b"%d:" % kept.token) for kept in found)
    return [kept.token for kept in found]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def forget(spool: Spool, count: int) -> None:
    spool.forget(spool.peek(count)[-1][1])


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """The system refuses to write beyond so many bytes of any file, as a full disk does: after a part of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path)
    yield spool
    spool.close()


# -- any history --------------------------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """A spool and a list that says what must be in it. Only numbers that grow go in, so order can be seen."""

    @initialize(segment_bytes=st.integers(1, 400))
    def begin(self, segment_bytes: int) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="sanihub-spool-"))
        self.settings = SpoolSettings(segment_bytes, 2**40)
        self.folder = self.home / "0"
        self.spool = Spool(self.folder, self.settings)
        self.count = 0
        self.lives = 0
        self.kept: list[int] = []
        self.forgotten: set[int] = set()
        self.ends: dict[int, tuple[str, int]] = {}  # number → its file, and the byte after it
        self.notes: list[bytes] = []  # what the position file held

    @rule(size=st.integers(0, 150))
    def append(self, size: int) -> None:
        self.count += 1
        self.spool.append(frame(self.count, size))
        newest = segments(self.folder)[-1]
        self.kept.append(self.count)
        self.ends[self.count] = (newest.name, newest.stat().st_size)

    @rule(most=st.integers(1, 8))
    def peek(self, most: int) -> None:
        assert [kept.token for kept, _ in self.spool.peek(most)] == self.kept[:most]

    @precondition(lambda self: self.kept)
    @rule(most=st.integers(1, 8))
    def forget(self, most: int) -> None:
        forget(self.spool, most)
        self.forgotten.update(self.kept[:most])
        del self.kept[:most]
        self.notes.append((self.folder / "position").read_bytes())

    @rule()
    def close_and_reopen(self) -> None:
        self.spool.close()
        self.spool = Spool(self.folder, self.settings)

    @rule(data=st.data(), tail=st.sampled_from([b"", b"\0" * 40, b"\xff" * 40, b"\0\0\0\1"]))
    def crash(self, data: st.DataObject, tail: bytes) -> None:
        """The process is gone; the last segment ends anywhere, perhaps in rubbish, and the position may be wrong."""
        self._move()
        torn = self._tear(data, tail)
        sound = self._spoil_position(data)
        expected = [number for number in self.kept if number not in torn]
        self.spool = Spool(self.folder, self.settings)
        found = numbers(self.spool)
        if sound:
            assert found == expected
        else:
            assert found[len(found) - len(expected) :] == expected
            assert found == sorted(set(found))
            assert set(found) - set(expected) <= self.forgotten - torn
            self.notes.clear()  # of a position that was lost nothing comes back
        self.kept = found
        self.forgotten -= set(found)

    def _move(self) -> None:
        """Go on with a copy of the files as they are: what a process that was killed leaves behind."""
        self.lives += 1
        left, self.folder = self.folder, self.home / str(self.lives)
        shutil.copytree(left, self.folder)
        self.spool.close()
        shutil.rmtree(left)

    def _tear(self, data: st.DataObject, tail: bytes) -> set[int]:
        """Cut the last segment that holds something; returns the numbers that are not whole any more."""
        filled = [path for path in segments(self.folder) if path.stat().st_size]
        if not filled:
            return set()
        last = filled[-1]
        size = data.draw(st.integers(0, last.stat().st_size), label="bytes left")
        last.write_bytes(last.read_bytes()[:size] + tail)
        return {number for number, (name, end) in self.ends.items() if name == last.name and end > size}

    def _spoil_position(self, data: st.DataObject) -> bool:
        position = self.folder / "position"
        if not position.exists():
            return True
        ways = ["sound", "missing", "half-written", *(["older"] if self.notes else [])]
        way = data.draw(st.sampled_from(ways), label="position")
        if way == "missing":
            position.unlink()
        elif way == "half-written":
            whole = position.read_bytes()
            kept = data.draw(st.integers(0, max(0, len(whole) - 1)), label="bytes of position")
            position.write_bytes(whole[:kept])
        elif way == "older":
            position.write_bytes(data.draw(st.sampled_from(self.notes), label="older position"))
        return way == "sound"

    @invariant()
    def nothing_lost_nothing_invented(self) -> None:
        assert numbers(self.spool) == self.kept
        assert self.spool.waiting == len(self.kept)
        assert self.spool.not_empty.is_set() == bool(self.kept)
        assert self.spool.lost == 0

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            shutil.rmtree(self.home)


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.one_of(st.integers(0, 200), st.sampled_from(["peek", "forget"])), max_size=60),
    segment_bytes=st.integers(1, 500),
    most_segments=st.integers(0, 4),
)
def test_bounded_and_every_frame_accounted_for(steps: list[int | str], segment_bytes: int, most_segments: int) -> None:
    """Forgetting may come when room was made of what is forgotten; the count of what waits is right all the same."""
    bound = segment_bytes * most_segments
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Spool(Path(folder), SpoolSettings(segment_bytes, bound))) as spool,
    ):
        appended = 0
        marks = []
        for step in steps:
            if step == "peek":
                marks = [mark for _, mark in spool.peek(5)]
            elif step == "forget":
                if marks:
                    spool.forget(marks[-1])
            else:
                appended += 1
                spool.append(frame(appended, int(step)))
            left = numbers(spool)
            assert left == list(range(appended - len(left) + 1, appended + 1))
            assert spool.waiting == len(left)
            assert spool.lost <= appended - len(left)
            assert spool.not_empty.is_set() or not left
            assert sum(path.stat().st_size for path in segments(Path(folder))) <= bound + segment_bytes + 400


# -- bounds -------------------------------------------------------------------------------------------------------


def test_full_spool_gives_up_its_oldest_and_says_how_many(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolSettings(segment_bytes=1_000, max_bytes=3_000))
    with capture_logs() as logs:
        for number in range(100):
            spool.append(frame(number, 100))
    left = numbers(spool)
    assert left == list(range(100 - len(left), 100))
    assert spool.lost == 100 - len(left) == sum(entry["frames_lost"] for entry in logs)
    assert {entry["event"] for entry in logs} == {"spool_full"}
    spool.close()


def test_what_is_forgotten_already_is_not_reported_as_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolSettings(segment_bytes=1, max_bytes=0))
    with capture_logs() as logs:
        for number in range(5):
            spool.append(frame(number))
            forget(spool, 1)
    assert (spool.lost, logs) == (0, [])
    spool.close()


def test_frames_given_up_while_under_way_do_not_hide_those_that_wait(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolSettings(segment_bytes=1_000, max_bytes=5_000))
    for number in range(20):
        spool.append(frame(number, 100))
    under_way = spool.peek(20)
    for number in range(20, 32):
        spool.append(frame(number, 100))
    assert 0 < spool.lost < 20
    spool.forget(under_way[-1][1])
    assert numbers(spool) == list(range(20, 32))
    assert spool.waiting == 12
    assert spool.not_empty.is_set()
    spool.close()


def test_peek_is_bounded_in_bytes_and_gives_one_frame_at_least(spool: Spool) -> None:
    for number in range(5):
        spool.append(frame(number, 10_000))
    assert len(spool.peek(ALL, 25_000)) == 2
    assert len(spool.peek(ALL, 1)) == 1


def test_starting_again_and_again_leaves_no_files_behind(tmp_path: Path) -> None:
    for _ in range(5):
        Spool(tmp_path).close()
    assert len(segments(tmp_path)) == 1


def test_segments_whose_removal_was_undone_are_removed_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolSettings(segment_bytes=1))
    spool.append(frame(1))
    old = segments(tmp_path)[0]
    content = old.read_bytes()
    spool.append(frame(2))
    forget(spool, 2)
    spool.append(frame(3))
    forget(spool, 1)
    spool.close()
    old.write_bytes(content)
    again = Spool(tmp_path)
    assert (numbers(again), again.waiting) == ([], 0)
    assert not old.exists()
    again.close()


@pytest.mark.parametrize(
    "tail", [b"\0" * 4_096, b"\xff\xff\xff\xff\0\0\0\0rest", b"\0\0\0\5"], ids=["zeros", "huge", "head"]
)
def test_what_a_power_cut_leaves_at_the_end_is_skipped(tmp_path: Path, tail: bytes) -> None:
    spool = Spool(tmp_path)
    spool.append(frame(1))
    spool.close()
    with segments(tmp_path)[-1].open("ab") as segment:
        segment.write(tail)
    again = Spool(tmp_path)
    again.append(frame(2))
    assert numbers(again) == [1, 2]
    again.close()


# -- a disk that refuses ------------------------------------------------------------------------------------------


def test_full_disk_costs_the_frame_is_counted_and_logged_once_each_way(tmp_path: Path, spool: Spool) -> None:
    spool.append(frame(1, 1_000))
    with capture_logs() as logs:
        with files_limited_to(segments(tmp_path)[-1].stat().st_size + 500):
            for number in (2, 3, 4):
                spool.append(frame(number, 1_000))  # half of it would fit
            assert spool.condition.fault is not None
            spool.append(frame(5, 50))  # a small one does
        spool.append(frame(6, 1_000))
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("peer_away", "warning"), ("peer_back", "info")]
    assert (spool.lost, spool.waiting, numbers(spool)) == (3, 3, [1, 5, 6])
    again = Spool(shutil.copytree(tmp_path, tmp_path / "copy"))
    assert numbers(again) == [1, 5, 6]
    again.close()


def test_segment_that_cannot_be_begun_costs_frames_until_it_can(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolSettings(segment_bytes=1))
    spool.append(frame(1))
    number = int(segments(tmp_path)[-1].stem)
    obstacles = [tmp_path / f"{number + 1:010d}.spool", tmp_path / f"{number + 2:010d}.spool"]
    for obstacle in obstacles:
        if not obstacle.exists():
            obstacle.mkdir()
    for count in range(2, 5):
        spool.append(frame(count))
    assert spool.lost > 0
    for obstacle in obstacles:
        if obstacle.is_dir():
            obstacle.rmdir()
    spool.append(frame(5))
    assert spool.lost + spool.waiting == 5
    assert numbers(spool)[0] == 1
    assert numbers(spool)[-1] == 5
    spool.close()


def test_position_that_cannot_be_noted_costs_nothing_but_repetition(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(6):
        spool.append(frame(number))
    forget(spool, 2)
    with capture_logs() as logs:
        with files_limited_to(0):
            forget(spool, 1)
            forget(spool, 1)
        assert (numbers(spool), spool.waiting) == ([4, 5], 2)
        crashed = Spool(shutil.copytree(tmp_path, tmp_path / "copy"))
        assert numbers(crashed) == [2, 3, 4, 5]
        crashed.close()
        forget(spool, 1)
    assert [entry["event"] for entry in logs] == ["peer_away", "peer_back"]
    spool.close()
    again = Spool(tmp_path)
    assert numbers(again) == [5]
    again.close()
