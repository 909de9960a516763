"""Whatever InfluxDB answers: what is sound is written, what is at fault is found, and nothing else is blamed."""

from __future__ import annotations

from collections.abc import Iterator
from time import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.influx.client import InfluxAwayError, InfluxClient, InfluxTarget, retry_after
from store.influx.delivery import deliver
from store.influx.lines import Point
from tests.influx_server import BUCKET, ORG, TOKEN, InfluxServer, influx_server

NAMES = st.sampled_from(["a", "b", "c", "d"])
AT = 1_795_392_000_000_000


@pytest.fixture(scope="module")
def shared() -> Iterator[InfluxServer]:
    with influx_server() as server:
        yield server


@pytest.fixture
def server(shared: InfluxServer) -> InfluxServer:
    shared.points.clear()
    shared.types.clear()
    shared.decide, shared.most_bytes, shared.requests = lambda number: None, 10**9, 0
    shared.answers.clear()
    return shared


@pytest.fixture
def client(server: InfluxServer) -> Iterator[InfluxClient]:
    made = InfluxClient(InfluxTarget(server.url, ORG, BUCKET, TOKEN, 5.0))
    yield made
    made.close()


def points(count: int, **fields: float) -> list[Point]:
    return [Point("readings", f"bin-{n % 7}", AT + n, {"fill_pct": float(n), **fields}) for n in range(count)]


def test_a_token_is_not_shown() -> None:
    assert TOKEN not in repr(InfluxTarget("http://x", ORG, BUCKET, TOKEN))


async def test_everything_arrives_compressed_and_once(server: InfluxServer, client: InfluxClient) -> None:
    assert await deliver(client, points(3_000)) == []
    assert len(server.points) == 3_000
    assert server.requests == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 9).map(float), min_size=1),
        min_size=1,
        max_size=40,
    ),
    integers=st.sets(st.sampled_from(["a", "b", "c", "d"])),
)
async def test_fields_of_another_type_are_found_and_the_rest_is_written(
    server: InfluxServer, client: InfluxClient, fields: list[dict[str, float]], integers: set[str]
) -> None:
    server.points.clear()
    server.types.clear()
    server.types.update({("readings", name): int for name in integers})
    sent = [Point("readings", "bin-1", AT + number, one) for number, one in enumerate(fields)]
    refused = await deliver(client, sent)
    told = sorted((one.at, one.field, one.value) for one in refused)
    assert told == sorted((p.at, name, value) for p in sent for name, value in p.fields.items() if name in integers)
    assert all("field type conflict" in one.reason for one in refused)
    sound = {p.at: {n: v for n, v in p.fields.items() if n not in integers} for p in sent}
    assert {key[2]: value for key, value in server.points.items()} == {at: own for at, own in sound.items() if own}


async def test_a_field_that_is_wrong_everywhere_costs_few_requests(server: InfluxServer, client: InfluxClient) -> None:
    server.types[("readings", "temp_c")] = int
    refused = await deliver(client, points(1_000, temp_c=20.0))
    assert len(refused) == 1_000
    assert len(server.points) == 1_000
    assert server.requests <= 4  # refused, refused as a whole, taken


async def test_too_large_is_halved(server: InfluxServer, client: InfluxClient) -> None:
    server.most_bytes = 2_000
    assert await deliver(client, points(500)) == []
    assert len(server.points) == 500
    assert 413 in server.answers


async def test_one_value_that_is_too_large_is_refused(server: InfluxServer, client: InfluxClient) -> None:
    server.most_bytes = 60
    long = Point("readings", "bin-1", AT, {"x" * 100: 1.0, "fill_pct": 2.0})
    (refused,) = await deliver(client, [long])
    assert refused.field == "x" * 100
    assert list(server.points.values()) == [{"fill_pct": 2.0}]


async def test_what_is_no_number_is_refused_without_asking(server: InfluxServer, client: InfluxClient) -> None:
    (refused,) = await deliver(client, [Point("readings", "bin-1", AT, {"fill_pct": 1.0, "temp_c": float("nan")})])
    assert (refused.field, refused.reason) == ("temp_c", "not a finite number")
    assert list(server.points.values()) == [{"fill_pct": 1.0}]


async def test_points_beyond_retention_are_refused_together(server: InfluxServer, client: InfluxClient) -> None:
    words = "failure writing points to database: partial write: points beyond retention policy dropped=9"
    server.decide = lambda number: (422, {}, words)
    assert len(await deliver(client, points(9))) == 9
    assert server.requests == 1


@pytest.mark.parametrize(
    ("status", "headers", "message", "lasting", "wait_s"),
    [
        (401, {}, "unauthorized access", True, 0),
        (403, {}, "insufficient permissions for write", True, 0),
        (404, {}, 'bucket "x" not found', True, 0),
        (400, {}, "org id must be 16 hexadecimal characters", True, 0),
        (429, {"Retry-After": "17"}, "too many requests", False, 17),
        (503, {"Retry-After": "5"}, "overloaded", False, 5),
        (500, {}, "internal error", False, 0),
    ],
)
async def test_what_is_no_points_fault_blames_none(
    server: InfluxServer,
    client: InfluxClient,
    status: int,
    headers: dict[str, str],
    message: str,
    lasting: bool,
    wait_s: float,
) -> None:
    server.decide = lambda number: (status, headers, message)
    with pytest.raises(InfluxAwayError, match=message) as told:
        await deliver(client, points(10))
    assert (told.value.lasting, told.value.wait_s) == (lasting, wait_s)
    assert TOKEN not in str(told.value)
    assert server.requests == 1


async def test_away_cut_and_silent(server: InfluxServer, client: InfluxClient) -> None:
    server.decide = lambda number: "cut"
    with pytest.raises(InfluxAwayError):
        await deliver(client, points(1))
    server.decide = lambda number: None
    server.stop()
    with pytest.raises(InfluxAwayError):
        await deliver(client, points(1))
    server.start()
    server.gate.clear()
    hasty = InfluxClient(InfluxTarget(server.url, ORG, BUCKET, TOKEN, 0.2))
    with pytest.raises(InfluxAwayError):
        await deliver(hasty, points(1))
    hasty.close()
    server.gate.set()
    assert await deliver(client, points(1)) == []


async def test_ping_and_probe(server: InfluxServer, client: InfluxClient) -> None:
    assert await client.version() == "v2.7.11"
    await client.probe()
    for target in (InfluxTarget(server.url, ORG, "other", TOKEN), InfluxTarget(server.url, ORG, BUCKET, "wrong")):
        other = InfluxClient(target)
        with pytest.raises(InfluxAwayError):
            await other.probe()
        other.close()


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, 0), ("", 0), ("12", 12), ("999999", 3600), ("soon", 0), ("-3", 0)]
)
def test_retry_after(text: str | None, seconds: float) -> None:
    assert retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    from email.utils import formatdate

    assert 25 < retry_after(formatdate(time() + 30, usegmt=True)) <= 30
