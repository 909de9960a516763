"""A hub that is killed while telemetry is posted: what it has answered with 200 is stored, once.

The default size is small; `make faults` runs the full one (SANIHUB_TEST_FULL=1): 50,000 messages.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.flood import flood, lost_and_doubled
from tests.hubs import HubProcess

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
COUNT = 50_000 if FULL else 6_000
CLIENTS = 24
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def hub(open_folder: Path, postgres_dsn: str) -> Iterator[HubProcess]:
    process = HubProcess(open_folder, postgres_dsn, "[broker]\nenabled = false\n")
    process.start()
    yield process
    process.kill()


def requests(ids: bool) -> Iterator[tuple[bytes, dict[str, str]]]:
    """The flood as bodies of one to five messages, some of them packed.

    Every other request has a name, every other has ids: each of its messages is known again by one or the other.
    """
    waiting: list[dict[str, object]] = []
    chance = random.Random(9)
    size = 1
    for number, (topic, payload) in enumerate(flood(COUNT, ids=ids)):
        waiting.append({"device": topic.split("/")[2], **json.loads(payload)})
        if len(waiting) < size and number < COUNT - 1:
            continue
        body = json.dumps(waiting[0] if len(waiting) == 1 else waiting).encode()
        headers = {"Content-Type": "application/json"} | ({} if ids else {"Idempotency-Key": f"request-{number}"})
        if chance.random() < 0.3:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        yield body, headers
        waiting, size = [], chance.randint(1, 5)


class Clients:
    """Clients that post until they are told 200, whatever happens to the hub."""

    def __init__(self, hub: HubProcess, key: str, ids: bool) -> None:
        self._hub = hub
        self._key = key
        self._requests = requests(ids)
        self.answered = 0
        self.tries = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client())

    async def _client(self) -> None:
        async with httpx.AsyncClient(timeout=60, headers={"X-API-Key": self._key}) as client:
            for body, headers in self._requests:
                while not await self._post(client, body, headers):
                    await asyncio.sleep(0.05)
                self.answered += 1

    async def _post(self, client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> bool:
        self.tries += 1
        try:
            answer = await client.post(f"{self._hub.url}/api/v1/telemetry", content=body, headers=headers)
        except httpx.HTTPError:
            return False
        if answer.status_code == 200:
            assert answer.json()["problems"] == []
        else:
            assert answer.status_code in (429, 503), answer.text
        return answer.status_code == 200


@pytest.mark.parametrize("ids", [False, True], ids=["named requests", "messages with ids"])
async def test_hub_killed_three_times_while_telemetry_is_posted(hub: HubProcess, postgres_dsn: str, ids: bool) -> None:
    key = hub.cli("keys", "create", "flood", "--role", "integration").strip()
    clients = Clients(hub, key, ids)
    total = sum(1 for _ in requests(ids))
    moments = sorted(random.Random(3).sample(range(total // 20, total * 19 // 20), 3))
    posting = asyncio.create_task(clients.run())
    for moment in moments:
        while clients.answered < moment and not posting.done():
            await asyncio.sleep(0.001)
        hub.kill()
        await asyncio.to_thread(hub.start)
    await posting
    # All were answered: not a moment is left to what may still be on its way.
    assert lost_and_doubled(postgres_dsn, COUNT) == (0, 0)
    assert clients.answered == total
    assert clients.tries > total
    assert hub.stop() == 0
    assert key[-43:] not in hub.log.read_text(errors="replace")
