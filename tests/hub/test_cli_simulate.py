from __future__ import annotations

import socket

import pytest

from devices.errors import ConfigError
from hub.commands.simulate import PlainLines, broker_address
from simulators.run import Progress
from simulators.truth import read_truth
from store.embedded.vacancy import choose_port
from tests.hub.cli_runner import invoke, write


def url(broker) -> str:
    host, port = broker.address
    return f"mqtt://{host}:{port}"


def test_a_run_with_its_truth(nats_broker, tmp_path):
    truth = tmp_path / "truth.jsonl"
    result = invoke(
        *("simulate", "small", "--broker", url(nats_broker), "--start", "2026-11-01T06:00:00+08:00", "--speed", "0"),
        *("--minutes", "5", "--seed", "7", "--set", "size.bins=3", "--set", "size.workers=0", "--truth", truth),
    )
    assert result.exception is None
    assert "2026-10-31T22:00:00Z to 2026-10-31T22:05:00Z" in result.stdout
    assert "reports of bins" in result.stdout
    assert "not acknowledged" not in result.stdout
    assert "done (100%)" in result.stderr
    found = read_truth(truth)
    assert (found.header.seed, found.header.size["bins"]) == (7, 3)


def test_a_broker_with_a_password_and_tls(mosquitto, tmp_path):
    broker = mosquitto(tls=True, username="fleet", password="p@ss/w")
    result = invoke(
        *("simulate", "small", "--broker", f"mqtts://fleet:p%40ss%2Fw@localhost:{broker.port}", "--ca", broker.ca_file),
        *("--start", "2026-11-01T06:00:00Z", "--speed", "0", "--minutes", "1"),
    )
    assert result.exception is None
    assert "acknowledged" in result.stdout


def test_the_list():
    result = invoke("simulate", "--list")
    assert [name in result.stdout for name in ("demo", "faulty", "load", "small")] == [True] * 4


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((), "name a scenario"),
        (("atlantis",), "scenario atlantis: unknown; there are demo"),
        (("small", "--set", "size.bins=many"), "size.bins"),
        (("small", "--set", "size"), "expected field=value"),
        (("small", "--start", "2026-11-01T06:00:00"), "--start: has no time zone"),
        (("small", "--minutes", "-1"), "--minutes: expected a number from 0 on"),
        (("small", "--broker", "http://x"), "expected mqtt://"),
        (("small", "--broker", "mqtt://x/topic"), "expected mqtt://"),
        (("small", "--ca", "/nowhere.pem"), "is for mqtts:// only"),
        (("small", "--broker", "mqtts://x", "--ca", "/nowhere.pem"), "no such file"),
        (("small", "--minutes", "1", "--truth", "/nowhere/truth.jsonl"), "No such file"),
        (("small", "--jt808", "127.0.0.1"), "--jt808: expected host:port"),
        (("small", "--nmea-tcp", "127.0.0.1:0"), "--nmea-tcp: expected host:port"),
        (("small", "--nmea-udp", "127.0.0.1:99999"), "--nmea-udp: expected host:port"),
        (("small", "--http", "ftp://x", "--key", "k"), "--http: expected http://host:port"),
        (("small", "--http", "http://127.0.0.1:8080"), "--http: needs --key"),
        (("small", "--key", "secret"), "--key: is for --http only"),
    ],
)
def test_what_cannot_be(argv, says):
    result = invoke("simulate", *argv)
    assert isinstance(result.exception, ConfigError), result.exception
    assert says in str(result.exception)


def test_a_scenario_of_ones_own_that_is_wrong(tmp_path):
    result = invoke("simulate", write(tmp_path / "mine.yaml", "sizes: {bins: 1}\n"))
    assert "sizes: unknown field" in str(result.exception)


def test_a_password_is_never_repeated():
    with pytest.raises(ConfigError) as caught:
        broker_address("mqtt://fleet:se/cret@host", None)
    assert "se" not in str(caught.value).split()
    assert broker_address("mqtts://[::1]", None).port == 8883


def test_a_run_that_gets_ahead_of_the_clock_says_so(nats_broker):
    result = invoke("simulate", "small", "--broker", url(nats_broker), "--speed", "0", "--minutes", "3")
    assert "ahead of the clock" in result.stderr


def test_plain_lines_are_few():
    told: list[str] = []
    progress = PlainLines(told.append)
    for done in range(100):
        progress(Progress("backfill", 1_795_392_000_000_000 + done, done, done, 0, done, done / 100))
    progress(Progress("live", 1_795_392_000_000_000, 100, 100, 0, 100, None))
    assert len(told) == 2
    assert told[0].startswith("backfill (0%) 2026-11-23T00:00:00Z: 0 messages, 0 acknowledged")


def test_a_city_over_the_protocols_that_have_an_address(nats_broker, tmp_path):
    truth = tmp_path / "truth.jsonl"
    hearer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with hearer:
        hearer.bind(("127.0.0.1", 0))
        port = choose_port("127.0.0.1", tmp_path / "port")
        result = invoke(
            *("simulate", "demo", "--broker", url(nats_broker), "--start", "2026-11-01T06:00:00+08:00", "--speed", "0"),
            *("--minutes", "3", "--backfill", "0", "--truth", truth, "--no-lorawan", "--modbus-port", port),
            *("--nmea-udp", "{}:{}".format(*hearer.getsockname()), "--set", "size.vehicles=20"),
            *("--set", "size.bins=20", "--set", "size.workers=5", "--set", "size.toilets=4"),
        )
        assert result.exception is None
        assert hearer.recv(2_048).startswith(b"imei:864180")
    assert "sent, without answers in their protocol" in result.stdout
    assert "messages by nmea-udp" in result.stdout
    assert set(read_truth(truth).header.protocols.values()) == {"nmea-udp", "modbus", "mqtt-json"}


def test_a_port_that_is_taken_is_named(nats_broker, tmp_path):
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        result = invoke(
            *("simulate", "demo", "--broker", url(nats_broker), "--start", "2026-11-01T06:00:00+08:00"),
            *("--modbus-port", port, "--minutes", "1", "--speed", "0", "--backfill", "0"),
        )
    assert isinstance(result.exception, ConfigError)
    assert f"--modbus-port: port {port}" in str(result.exception)
