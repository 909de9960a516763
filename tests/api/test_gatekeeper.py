from __future__ import annotations

import asyncio

import pytest

from api import gatekeeper
from api.gatekeeper import FRESH_S, STALE_S, Gatekeeper
from api.problems import ProblemError
from api.sessions import Sessions
from api.throttle import Throttle
from devices.access import KeyEntry, Role, fingerprint, new_key, prefix_of
from devices.errors import TransientError
from devices.people import Person, Session

NOW = 1_795_392_000_000_000


class Ring:
    """Keys in memory, and how often somebody asked for them."""

    def __init__(self) -> None:
        self.entries: dict[str, KeyEntry] = {}
        self.asked: list[str] = []
        self.noted: list[int] = []
        self.away = False

    def make(self, role: Role = Role.ADMIN, **fields: int) -> str:
        key, prefix = new_key()
        self.entries[prefix] = KeyEntry(
            len(self.entries), prefix, fingerprint(key), "test", role, None, created_at=0, **fields
        )
        return key

    async def find(self, prefix: str) -> KeyEntry | None:
        self.asked.append(prefix)
        await asyncio.sleep(0)
        if self.away:
            raise TransientError("away")
        return self.entries.get(prefix)

    async def used(self, key_id: int) -> None:
        if self.away:
            raise TransientError("away")
        self.noted.append(key_id)


class Nobody:
    """Has no sessions."""

    async def open_session(self, person: Person, digest: bytes, at: int) -> Session | None:
        return None

    async def session(self, digest: bytes) -> Session | None:
        return None

    async def seen(self, session: int, at: int) -> None:
        pass

    async def end_session(self, session: int, *, actor: str) -> bool:
        return False


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def steady(self) -> float:
        return self.seconds

    def wall(self) -> int:
        return NOW + round(self.seconds * 1_000_000)


@pytest.fixture
def ring() -> Ring:
    return Ring()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(ring: Ring, clock: Clock) -> Gatekeeper:
    return Gatekeeper(ring, Sessions(Nobody(), clock.wall), clock.wall, steady=clock.steady)


async def refused(gate: Gatekeeper, key: str, host: str = "10.0.0.1") -> int:
    with pytest.raises(ProblemError) as error:
        await gate.recognise(key, host)
    assert len(key) < 10 or key not in str(error.value)
    return error.value.status


def test_keys_have_a_form() -> None:
    key, prefix = new_key()
    assert prefix_of(key) == prefix
    assert len(key) == len("sanihub_") + 10 + 1 + 43
    for other in (key + "x", key[:-1], key + "\n", key.upper(), "", "sanihub__", key.replace("sanihub", "other")):
        assert prefix_of(other) is None
    assert len({new_key()[1] for _ in range(1_000)}) == 1_000


async def test_the_store_is_asked_now_and_then(gate: Gatekeeper, ring: Ring, clock: Clock) -> None:
    key = ring.make()
    for _ in range(100):
        assert (await gate.recognise(key, "10.0.0.1")).role is Role.ADMIN
    assert len(ring.asked) == 1
    clock.seconds += FRESH_S
    await asyncio.gather(*(gate.recognise(key, "10.0.0.1") for _ in range(100)))
    assert len(ring.asked) == 2
    assert ring.noted == [0]
    clock.seconds += 61
    await gate.recognise(key, "10.0.0.1")
    assert ring.noted == [0, 0]


async def test_what_ends_a_key_is_seen(gate: Gatekeeper, ring: Ring, clock: Clock) -> None:
    key = ring.make(expires_at=clock.wall() + 60_000_000)
    await gate.recognise(key, "10.0.0.1")
    clock.seconds += 60
    assert await refused(gate, key) == 401
    revoked = ring.make()
    await gate.recognise(revoked, "10.0.0.1")
    prefix = prefix_of(revoked) or ""
    ring.entries[prefix] = KeyEntry(1, prefix, fingerprint(revoked), "test", Role.ADMIN, None, 0, revoked_at=NOW)
    clock.seconds += FRESH_S
    assert await refused(gate, revoked) == 401
    fresh = ring.make()
    prefix = prefix_of(fresh) or ""
    entry = ring.entries.pop(prefix)
    assert await refused(gate, fresh) == 401
    ring.entries[prefix] = entry  # a key that was made after somebody tried it
    clock.seconds += FRESH_S
    await gate.recognise(fresh, "10.0.0.1")


async def test_a_prefix_opens_nothing(gate: Gatekeeper, ring: Ring) -> None:
    key, other = ring.make(), ring.make()
    assert await refused(gate, key[:-43] + other[-43:]) == 401
    assert await refused(gate, f"sanihub_{prefix_of(key)}_{'A' * 43}") == 401
    assert await refused(gate, "") == 401
    assert await refused(gate, "é" * 10) == 401


async def test_the_store_being_away_is_no_refusal(gate: Gatekeeper, ring: Ring, clock: Clock) -> None:
    key = ring.make()
    await gate.recognise(key, "10.0.0.1")
    ring.away = True
    clock.seconds += FRESH_S
    for _ in range(20):  # and no wrong tries
        with pytest.raises(TransientError):
            await gate.recognise(key, "10.0.0.1")
    ring.away = False
    await gate.recognise(key, "10.0.0.1")
    ring.away, ring.noted = True, []
    clock.seconds += FRESH_S - 0.1
    assert (await gate.recognise(key, "10.0.0.1")).role is Role.ADMIN


async def test_readers_stay_who_they_were_while_the_store_is_away(gate: Gatekeeper, ring: Ring, clock: Clock) -> None:
    key, unseen = ring.make(), ring.make()
    await gate.recognise(key, "10.0.0.1")
    ring.away = True
    clock.seconds += STALE_S - 1
    assert (await gate.recognise(key, "10.0.0.1", reads=True)).role is Role.ADMIN
    for one, reads in ((key, False), (unseen, True)):
        with pytest.raises(TransientError):
            await gate.recognise(one, "10.0.0.1", reads=reads)
    clock.seconds += 1
    with pytest.raises(TransientError):
        await gate.recognise(key, "10.0.0.1", reads=True)


async def test_wrong_keys_cost_their_address_alone(gate: Gatekeeper, ring: Ring, clock: Clock) -> None:
    known, unseen = ring.make(), ring.make()
    await gate.recognise(known, "10.0.0.1")
    assert [await refused(gate, new_key()[0]) for _ in range(12)] == [401] * 10 + [429] * 2
    asked = len(ring.asked)
    assert await refused(gate, unseen) == 429  # nobody tells it from a wrong one without asking
    assert len(ring.asked) == asked
    await gate.recognise(known, "10.0.0.1")
    await gate.recognise(unseen, "10.0.0.2")
    clock.seconds += 6
    assert [await refused(gate, new_key()[0]) for _ in range(2)] == [401, 429]
    clock.seconds += 60
    assert [await refused(gate, new_key()[0]) for _ in range(11)] == [401] * 10 + [429]


async def test_addresses_of_one_network_are_one(gate: Gatekeeper) -> None:
    hosts = [f"2001:db8:1:2::{number}" for number in range(11)]
    assert [await refused(gate, "x", host) for host in hosts] == [401] * 10 + [429]
    assert await refused(gate, "x", "2001:db8:1:3::1") == 401
    mapped = [f"{'::ffff:' * (number % 2)}192.0.2.1" for number in range(11)]
    assert [await refused(gate, "x", host) for host in mapped] == [401] * 10 + [429]
    assert await refused(gate, "x", "") == 401


async def test_what_is_remembered_is_bounded(
    gate: Gatekeeper, ring: Ring, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gatekeeper, "MAX_KEYS", 5)
    keys = [ring.make() for _ in range(20)]
    for number, key in enumerate(keys):
        await gate.recognise(key, f"10.0.0.{number}")
        assert await refused(gate, new_key()[0], f"10.0.1.{number}") == 401
    assert len(gate._known) == 5
    throttle = Throttle(remembered=3)
    for number in range(10):
        throttle.wrong(str(number), clock.seconds)
    assert len(throttle._whole_at) == 3
