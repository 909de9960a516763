"""What the faults share: streams, and the history of alerts of an undisturbed run of each, made once in a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.faults.harness.history import History
from tests.faults.harness.outcome import FULL
from tests.faults.harness.scene import Scene, settings
from tests.faults.harness.stream import Stream
from tests.hubs import HubProcess
from tests.servers import NatsServer, PostgresServer, running, temporary_folder

Undisturbed = Callable[[Stream], History]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only ``make faults`` runs what is marked as long."""
    left_out = [] if FULL else [one for one in items if one.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [one for one in items if one not in left_out]


@pytest.fixture(scope="session")
def undisturbed(postgres_server: PostgresServer) -> Undisturbed:
    """The history of alerts that a stream makes when nothing happens to it."""
    known: dict[tuple[int, ...], History] = {}

    def find(stream: Stream) -> History:
        """Blocks: call it where no loop runs, or in a thread."""
        key = (stream.seed, *(one.number for one in stream.messages))
        if key not in known:
            known[key] = _run(postgres_server, stream)
        return known[key]

    return find


def _run(server: PostgresServer, stream: Stream) -> History:
    with server.database() as dsn, temporary_folder() as folder, running(NatsServer(folder)) as broker:
        hub = HubProcess(folder, dsn, settings(broker.address))
        hub.start()
        try:
            return asyncio.run(_history(Scene(stream, hub, lambda: dsn, broker.address)))
        finally:
            hub.kill()


async def _history(scene: Scene) -> History:
    await scene.play()
    ending = await scene.ending()
    assert ending.verdict.sound, ending.verdict
    assert ending.differences == ()
    return ending.history


@pytest.fixture
def hub_over(open_folder: object) -> Iterator[Callable[..., HubProcess]]:
    """Makes hubs: ``hub_over(dsn, settings)``; all are killed in the end."""
    hubs: list[HubProcess] = []

    def make(dsn: str, text: str, **options: object) -> HubProcess:
        hub = HubProcess(open_folder, dsn, text, **options)  # type: ignore[arg-type]
        hubs.append(hub)
        hub.start()
        return hub

    yield make
    for hub in hubs:
        hub.kill()
