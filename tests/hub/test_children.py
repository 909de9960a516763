from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from hub.embedded.children import Child, ChildError, ChildSpec, ChildState
from hub.embedded.launch import BoundedLog

# A server in miniature: it says that it is up, and ends by SIGTERM (or not at all).
SERVER = """
import signal, sys, pathlib
folder = pathlib.Path.cwd()
print("hello from", *sys.argv[1:], flush=True)
if (folder / "broken").exists():
    sys.exit("broken: no disk")
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
(folder / "up").touch()
signal.pause()
"""


@pytest.fixture
def make(tmp_path):
    def child(*words: str, **changes: object) -> Child:
        async def ready() -> bool:
            return (tmp_path / "up").exists()

        options = {"ready": ready, "ready_within_s": 60.0, "first_pause_s": 0.01, **changes}
        return Child(
            ChildSpec(
                name="tiny",
                argv=[sys.executable, "-c", SERVER, *words],
                working_folder=tmp_path,
                log=tmp_path / "logs/tiny.log",
                **options,
            )
        )

    return child


@pytest.fixture
async def running(make):
    child = make()
    await child.start()
    yield child
    await child.stop()


async def end_by_itself(child: Child, folder: Path) -> None:
    """Let the child die, and be ready again only after a new start."""
    (folder / "up").unlink()
    os.kill(child.status.pid, signal.SIGKILL)


async def test_ready_and_stopped(running):
    status = running.status
    assert (status.name, status.state, status.restarts) == ("tiny", ChildState.READY, 0)
    process = psutil.Process(status.pid)
    assert os.getsid(status.pid) == status.pid != os.getsid(0)
    assert "PATH" not in process.environ()
    await running.stop()
    assert not process.is_running()
    assert (running.status.state, running.status.pid) == (ChildState.STOPPED, None)
    await running.stop()


async def test_killed_child_is_restarted_and_logged_once(running, tmp_path):
    before = running.status.pid
    with capture_logs() as logs:
        await end_by_itself(running, tmp_path)
        await running.wait_for(lambda status: status.state is ChildState.RESTARTING)
        after = await running.wait_for(lambda status: status.state is ChildState.READY)
    assert after.restarts == 1
    assert after.pid != before
    assert [entry["event"] for entry in logs if entry["log_level"] != "debug"] == ["child_ended", "child_recovered"]


async def test_restarted_as_often_as_it_takes(running, tmp_path):
    (tmp_path / "broken").touch()
    with capture_logs() as logs:
        await end_by_itself(running, tmp_path)
        await running.wait_for(lambda status: status.state is ChildState.RESTARTING)
        while running.status.restarts < 3:
            await asyncio.sleep(0.01)
        assert running.status.state is ChildState.RESTARTING
        (tmp_path / "broken").unlink()
        after = await running.wait_for(lambda status: status.state is ChildState.READY)
    assert after.restarts >= 3
    assert [entry["event"] for entry in logs if entry["log_level"] != "debug"] == ["child_ended", "child_recovered"]


async def test_one_that_lives_and_does_not_work_is_started_anew(make):
    answers = [True, False, False, True, False, False, False]
    asked = []

    async def well() -> bool:
        asked.append(child.status.pid)
        return answers.pop(0) if answers else True

    child = make(well=well, trial_every_s=0.01)
    await child.start()
    before = child.status.pid
    with capture_logs() as logs:
        await child.wait_for(lambda status: status.state is ChildState.RESTARTING)
        after = await child.wait_for(lambda status: status.state is ChildState.READY)
        while asked[-1] != after.pid:  # the new one is tried too
            await asyncio.sleep(0.01)
    assert not psutil.pid_exists(before)
    assert asked.count(before) == 7  # two failures in a row were not enough
    assert after.restarts == 1
    told = [entry["event"] for entry in logs if entry["log_level"] != "debug"]
    assert told == ["child_unwell", "child_ended", "child_recovered"]
    await child.stop()


async def test_stopped_while_restarting(running, tmp_path):
    (tmp_path / "broken").touch()
    await end_by_itself(running, tmp_path)
    await running.wait_for(lambda status: status.state is ChildState.RESTARTING)
    await running.stop()
    assert (running.status.state, running.status.pid) == (ChildState.STOPPED, None)


async def test_end_before_ready_tells_the_last_lines(make, tmp_path):
    (tmp_path / "broken").touch()
    child = make()
    with pytest.raises(ChildError, match=r"(?s)tiny ended at once with code 1; log .*tiny.log:.*broken: no disk"):
        await child.start()
    assert (child.status.state, child.status.pid) == (ChildState.FAILED, None)


async def test_never_ready_leaves_nothing(make, tmp_path):
    async def never() -> bool:
        return False

    before = set(psutil.Process().children())
    child = make(ready_within_s=0.5, ready=never)
    with pytest.raises(ChildError, match=r"was not ready within 0.5 s"):
        await child.start()
    assert child.status.pid is None
    assert set(psutil.Process().children()) <= before


async def test_cancelled_start_leaves_nothing(make):
    asked = asyncio.Event()

    async def slow() -> bool:
        asked.set()
        return await asyncio.Event().wait()

    child = make(ready=slow)
    start = asyncio.create_task(child.start())
    await asked.wait()
    pid = child.status.pid
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not psutil.pid_exists(pid)


async def test_stubborn_child_is_killed(make):
    child = make("stubborn", grace_s=0.2)
    await child.start()
    with capture_logs() as logs:
        await child.stop()
    assert [entry["event"] for entry in logs] == ["child_killed"]
    assert child.status.pid is None


async def test_log_of_the_last_start_is_kept(make, tmp_path):
    child = make("first")
    for word in ("first", "second"):
        child = make(word)
        await child.start()
        await child.stop()
        (tmp_path / "up").unlink()
    log = child.spec.log
    assert log.read_text() == "hello from second\n"
    assert log.with_name("tiny.log.1").read_text() == "hello from first\n"


def test_log_is_bounded_under_the_writers_hands(tmp_path):
    log = BoundedLog(tmp_path / "a.log", limit_bytes=100)
    log.rotate()
    writer = log.open()
    try:
        os.write(writer, b"x" * 100)
        log.bound()
        assert log.path.stat().st_size == 100
        os.write(writer, b"y")
        log.bound()
        os.write(writer, b"after\n")
    finally:
        os.close(writer)
    assert log.path.read_bytes() == b"after\n"
    assert (tmp_path / "a.log.1").stat().st_size == 101


def test_tail_is_the_end(tmp_path):
    log = BoundedLog(tmp_path / "a.log", limit_bytes=100)
    assert log.tail() == ""
    log.path.write_text("".join(f"line {number}\n" for number in range(5000)))
    assert log.tail(2) == "line 4998\nline 4999"


def test_started_from_another_thread_is_refused(make):
    problems: list[BaseException] = []

    def start() -> None:
        try:
            asyncio.run(make().start())
        except RuntimeError as error:
            problems.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(problems[0])


PARENT = """
import asyncio, pathlib, sys
from hub.embedded.children import Child, ChildSpec

async def main():
    folder = pathlib.Path(sys.argv[1])
    async def ready():
        return (folder / "up").exists()
    child = Child(ChildSpec(name="tiny", argv=[sys.executable, "-c", sys.argv[2]], working_folder=folder,
                            log=folder / "tiny.log", ready=ready))
    await child.start()
    print(child.status.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_child_ends_with_a_killed_parent(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), SERVER], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    try:
        child.wait(timeout=60)
    except psutil.TimeoutExpired:
        # Nobody reaps orphans in some containers: then it stays as a zombie, which is as dead.
        assert child.status() == psutil.STATUS_ZOMBIE
