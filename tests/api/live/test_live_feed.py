"""The feed and its readers, without network: nothing is lost or doubled wherever a reader is cut off."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.live.feed import Feed
from api.live.limits import LiveLimits
from api.live.place import read_place
from api.live.reader import Reader
from api.live.sight import Sight
from api.problems import ProblemError
from devices.live import LiveAlert, LiveDevice, LiveIncident, LiveOrder


class Clock:
    """A steady clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def device(number: int, **fields: Any) -> LiveDevice:
    given_ = {"kind": "vehicle", "received_at": 1_000_000, "lat": 31.2, "lon": 121.5} | fields
    return LiveDevice(f"vehicle-{number:04}", **given_)


def alert(number: int, device_id: str = "vehicle-0001", kind: str = "vehicle", action: str = "raised") -> LiveAlert:
    return LiveAlert(
        number, action, 5, "hub", "raised", device_id, kind, "", "idle", "", "warning", 5, None, 1.0, None, None, False
    )


def order(name: str, vehicle: str = "vehicle-0001") -> LiveOrder:
    return LiveOrder(name, "collect", "planned", vehicle, "bin-0001", "here", 1, 2, 3, "key:x")


def incident(
    number: int, area: str | None = "east", device_id: str | None = None, by: str = "person:a"
) -> LiveIncident:
    return LiveIncident(
        number, "reported", 5, by, f"ref-{number}", "spill", "reported", "", 31.2, 121.5, None, "", area, device_id,
        5, None, 5, by, "A", None, None, None, 5, 0,
    )  # fmt: skip


@dataclass
class Client:
    """What a browser would make of the stream."""

    last_id: str | None = None
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    alerts: list[int] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    incidents: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    bundles: list[int] = field(default_factory=list)

    def take(self, piece: bytes) -> None:
        lines = dict(line.split(": ", 1) for line in piece.decode().strip().split("\n") if ": " in line)
        self.last_id = lines["id"]
        if "data" not in lines:
            return
        data = json.loads(lines["data"])
        self.told.append(lines["event"])
        if lines["event"] == "device":
            self.bundles.append(len(data["devices"]))
            for one in data["devices"]:
                known = self.states.get(one["id"], {"readings": {}})
                self.states[one["id"]] = one | {"readings": known["readings"] | one["readings"]}
                self.seen.append(f"{one['id']}@{one['received_at']}:{json.dumps(one['readings'], sort_keys=True)}")
        self.alerts += [one["id"] for one in data.get("alerts", ())]
        self.orders += [one["id"] for one in data.get("orders", ())]
        self.incidents += [one["id"] for one in data.get("incidents", ())]

    async def read(self, feed: Feed, most: int | None = None, sight: Sight | None = None, **options: Any) -> None:
        """Read what is there now, or so many pieces of it, and go."""
        options = {"interval_s": 0.0, "after": self.last_id} | options
        stream = Reader(feed, sight or Sight(), clock=lambda: 0, **options).events()
        try:
            while most is None or most > 0:
                async with asyncio.timeout(0.02):
                    self.take(await anext(stream))
                most = None if most is None else most - 1
        except TimeoutError:
            pass
        finally:
            await stream.aclose()


class Changes:
    """Draws what is committed, and remembers what a reader has to know in the end."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.states: dict[str, LiveDevice] = {}
        self.alerts: list[int] = []
        self.orders: list[str] = []

    def commit(self, what: list[tuple[str, int, int]]) -> None:
        devices: dict[str, LiveDevice] = {}
        alerts, orders = [], []
        for kind, number, value in what:
            if kind == "device":
                known = devices.get(f"vehicle-{number:04}") or self.states.get(f"vehicle-{number:04}")
                at = 1_000_000 if known is None or known.received_at is None else known.received_at + 1_000_000
                readings = dict({} if known is None else known.readings) | {f"metric_{value % 3}": float(value)}
                made = device(number, received_at=at, readings=readings)
                devices[made.id] = self.states[made.id] = made
            elif kind == "alert":
                self.alerts.append(len(self.alerts) + 1)
                alerts.append(alert(self.alerts[-1]))
            else:
                self.orders.append(f"order-{len(self.orders)}")
                orders.append(order(self.orders[-1]))
        self.feed.publish(list(devices.values()), alerts, orders)

    def check(self, client: Client) -> None:
        assert client.alerts == self.alerts  # each once, in order
        assert client.orders == self.orders
        shown = {name: (one["received_at"], one["readings"]) for name, one in client.states.items()}
        last = {
            name: (f"1970-01-01T00:00:{one.received_at // 1_000_000:02}Z", dict(one.readings))
            for name, one in self.states.items()
            if one.received_at is not None
        }
        assert shown == last
        assert len(client.seen) == len(set(client.seen))  # no state twice


_COMMIT = st.lists(
    st.tuples(st.sampled_from(["device", "device", "alert", "order"]), st.integers(1, 4), st.integers(0, 9)), max_size=6
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_COMMIT, st.integers(0, 4)), max_size=8))
async def test_wherever_a_reader_is_cut_off_nothing_is_lost_or_doubled(steps: list[tuple[Any, int]]) -> None:
    feed = Feed()
    feed.ask()
    client, changes = Client(last_id=str(feed.place)), Changes(feed)
    for commit, pieces in steps:
        changes.commit(commit)
        await client.read(feed, most=pieces)
    await client.read(feed)
    changes.check(client)
    assert "resync" not in client.told


@settings(max_examples=40, deadline=None)
@given(st.lists(_COMMIT, min_size=1, max_size=6), st.integers(0, 12))
async def test_bundles_can_be_cut_between_events(commits: list[Any], pieces: int) -> None:
    """Many devices come in several events; a reader cut off between them goes on with the next one."""
    feed = Feed()
    feed.ask()
    client, changes = Client(last_id=str(feed.place)), Changes(feed)
    changes.commit([("device", number, number) for number in range(5, 600)])
    for commit in commits:
        changes.commit(commit)
    await client.read(feed, most=pieces)
    changes.commit([("device", 7, 8), ("device", 599, 1), ("alert", 1, 1)])
    await client.read(feed)
    changes.check(client)
    assert max(client.bundles) <= 250


async def test_of_each_device_only_the_newest_is_told_and_of_its_readings_what_changed() -> None:
    feed = Feed()
    feed.publish([device(1, readings={"fuel_pct": 50.0, "work_state": 1.0}), device(2)])
    client = Client(last_id=str(feed.place))
    for speed in range(1, 50):
        feed.publish([device(1, speed_kmh=float(speed), readings={"fuel_pct": 50.0, "work_state": float(speed)})])
    feed.publish([device(2)])  # nothing new in it
    await client.read(feed)
    assert client.bundles == [1]
    assert client.states["vehicle-0001"]["speed_kmh"] == 49.0
    assert client.states["vehicle-0001"]["readings"] == {"work_state": 49.0}


async def test_states_wait_for_their_interval_and_alerts_do_not() -> None:
    clock = Clock()
    feed = Feed(steady=clock)
    client = Client(last_id=str(feed.place))
    stream = Reader(feed, Sight(), interval_s=2.0, after=client.last_id, clock=lambda: 0).events()
    client.take(await anext(stream))
    feed.publish([device(1)])
    client.take(await anext(stream))
    assert client.told == ["hello", "device"]
    feed.publish([device(1, speed_kmh=1.0)])
    feed.publish([device(1, speed_kmh=2.0)], [alert(1)])
    client.take(await anext(stream))
    assert client.told[2:] == ["alert"]
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    clock.now += 2.0
    feed.publish([device(1, speed_kmh=3.0)])
    client.take(await waiting)
    await stream.aclose()
    assert client.told[3:] == ["device"]
    assert client.states["vehicle-0001"]["speed_kmh"] == 3.0
    assert client.alerts == [1]


async def test_readers_with_one_sight_share_their_bytes() -> None:
    feed = Feed()
    feed.publish([device(number) for number in range(1, 600)])
    first, second = (feed.bundles(Sight(kinds=frozenset({"vehicle"})), 0, None) for _ in range(2))
    assert first is second
    assert [position for position, _ in first] == [250, 500, 599]


async def test_filters() -> None:
    feed = Feed()
    start = str(feed.place)
    moving = [device(1), device(2, lat=30.0), LiveDevice("bin-0001", "bin", lat=31.2, lon=121.5)]
    feed.publish(moving, [alert(1), alert(2, "bin-0001", "bin")], [order("a"), order("b", "vehicle-0002")])

    async def seen(**wanted: Any) -> Client:
        client = Client()
        await client.read(feed, sight=Sight(**wanted), after=start)
        return client

    bins = await seen(kinds=frozenset({"bin"}))
    assert (list(bins.states), bins.alerts, bins.orders) == (["bin-0001"], [2], ["a", "b"])
    alerts = await seen(types=frozenset({"alert"}))
    assert (list(alerts.states), alerts.alerts, alerts.orders) == ([], [1, 2], [])
    one = await seen(devices=frozenset({"vehicle-0002"}))
    assert (list(one.states), one.alerts, one.orders) == (["vehicle-0002"], [], ["b"])
    allowed = await seen(visible=lambda name: name != "bin-0001")
    assert (list(allowed.states), allowed.alerts, allowed.orders) == (["vehicle-0001", "vehicle-0002"], [1], ["a", "b"])
    hidden = await seen(visible=lambda name: name == "vehicle-0002")
    assert (list(hidden.states), hidden.alerts, hidden.orders) == (["vehicle-0002"], [], ["b"])


async def test_incidents_are_those_of_ones_areas_and_ones_own() -> None:
    feed = Feed()
    start = str(feed.place)
    told = [incident(1), incident(2, "west"), incident(3, None, "bin-0001"), incident(4, "west", by="person:b")]
    feed.publish(orders=[order("a")], incidents=told)

    async def seen(**wanted: Any) -> Client:
        client = Client()
        await client.read(feed, sight=Sight(**wanted), after=start)
        return client

    assert (await seen()).incidents == [1, 2, 3, 4]
    assert (await seen(types=frozenset({"order"}))).incidents == []
    assert (await seen(devices=frozenset({"bin-0001"}))).incidents == [3]
    assert (await seen(areas=frozenset({"east"}), actor="person:b")).incidents == [1, 4]
    feed.publish(orders=[msgspec.structs.replace(order("b"), vehicle=None, device=None, worker="li", entered_by="b")])
    assert (await seen()).orders == ["a", "b"]  # for a worker: no device has to do with it
    assert (await seen(visible=lambda name: False, actor="b")).orders == ["b"]
    assert (await seen(visible=lambda name: False, actor="a")).orders == []
    nobody = await seen(known=False)
    assert (nobody.incidents, nobody.orders) == ([], [])
    client = Client(last_id=start)  # cut off between two events, it goes on behind the first
    await client.read(feed, most=2)
    await client.read(feed)
    assert (client.orders, client.incidents) == (["a", "b"], [1, 2, 3, 4])


async def test_a_device_that_leaves_the_box_is_told_once_more() -> None:
    feed, client = Feed(), Client()
    sight = Sight(box=(121.0, 31.0, 122.0, 32.0))
    stream = Reader(feed, sight, interval_s=0, after=None, clock=lambda: 0).events()
    client.take(await anext(stream))
    latitudes = []
    for lat in (30.0, 31.5, 30.5, 30.6, 31.6):
        feed.publish([device(1, lat=lat), device(2, speed_kmh=lat)])  # the second is always inside, and always new
        client.take(await anext(stream))
        if "vehicle-0001" in client.states:
            latitudes.append(client.states.pop("vehicle-0001")["lat"])
    await stream.aclose()
    assert latitudes == [31.5, 30.5, 31.6]


async def test_who_is_too_far_behind_is_told_to_read_the_lists_again() -> None:
    feed = Feed(LiveLimits(items=5, devices=3))
    client = Client(last_id=str(feed.place))
    for number in range(1, 10):
        feed.publish(alerts=[alert(number)])
    assert len(feed.ring) == 5
    await client.read(feed)
    assert (client.told, client.alerts) == (["hello", "resync"], [])
    feed.publish(alerts=[alert(10)])
    await client.read(feed)
    assert client.alerts == [10]
    place = client.last_id
    feed.publish([device(number) for number in range(5)])
    assert len(feed.newest) == 3
    await client.read(feed, after=place)
    assert client.told[-1] == "resync"


@pytest.mark.parametrize("after", ["", "nonsense", "00000000-0-0", "00000000-99999999999-3"])
async def test_a_place_of_another_hub_is_not_resumed(after: str) -> None:
    client = Client()
    await client.read(Feed(), after=after)
    assert client.told == ["hello", "resync"]


async def test_a_place_that_was_never_reached_is_not_resumed() -> None:
    feed, client = Feed(), Client()
    await client.read(feed, after=f"{feed.hub}-7-7")
    assert client.told == ["hello", "resync"]


async def test_an_interruption_is_told_to_all() -> None:
    feed = Feed()
    client = Client(last_id=str(feed.place))
    feed.publish([device(1)])
    feed.interrupt()
    feed.publish([device(2)])
    await client.read(feed)
    assert client.told == ["hello", "resync"]
    feed.publish([device(3)])
    await client.read(feed)
    assert list(client.states) == ["vehicle-0003"]


async def test_what_is_forgotten_does_not_undo_an_interruption() -> None:
    feed = Feed(LiveLimits(items=3, devices=3))
    feed.publish([device(number) for number in range(3)], [alert(1)], [order("a")])
    client = Client(last_id=str(feed.place))
    feed.interrupt()
    feed.publish([device(7)], [alert(2), alert(3)])  # what was forgotten for these lies before the interruption
    await client.read(feed)
    assert client.told == ["hello", "resync"]


async def test_nobody_is_followed_for_and_who_comes_late_is_told_so() -> None:
    clock = Clock()
    feed = Feed(steady=clock)
    assert not feed.wanted
    client = Client(last_id=str(feed.ask()))
    assert feed.wanted
    clock.now += 61
    assert not feed.wanted
    with feed.seat("key:a"):
        assert feed.wanted
        await client.read(feed)
    assert client.told == ["hello", "resync"]
    clock.now += 59
    assert feed.wanted


async def test_a_quiet_stream_beats_and_carries_its_place() -> None:
    clock = Clock()
    feed = Feed(steady=clock)
    client = Client()
    stream = Reader(feed, Sight(kinds=frozenset({"bin"})), interval_s=0, after=None, clock=lambda: 0).events()
    client.take(await anext(stream))
    feed.publish([device(1)], [alert(1)])
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    clock.now += 15
    feed.publish([device(2)])
    piece = await waiting
    await stream.aclose()
    assert piece.startswith(b": ")
    client.take(piece)
    place = read_place(client.last_id or "")
    assert place is not None
    assert (place.events, place.devices) == (3, 3)


async def test_seats_are_bounded() -> None:
    feed = Feed(LiveLimits(readers=3, readers_each=2))
    with feed.seat("key:a"), feed.seat("key:a"):
        with pytest.raises(ProblemError) as each, feed.seat("key:a"):
            pass
        with feed.seat("key:b"), pytest.raises(ProblemError) as all_, feed.seat("key:c"):
            pass
    assert (each.value.status, all_.value.status) == (429, 503)
    with feed.seat("key:a"):
        assert feed.readers == 1
    assert feed.readers == 0


async def test_streams_end_when_the_feed_is_closed() -> None:
    feed = Feed()
    stream = Reader(feed, Sight(), interval_s=0, after=None, clock=lambda: 0).events()
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    feed.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
