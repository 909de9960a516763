"""The wire of MQTT: any chunking gives the same packets, and what is malformed ends in one kind of error."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from ingest.wire.mqtt.client import Client
from ingest.wire.mqtt.fields import written_variable
from ingest.wire.mqtt.keepalive import KeepAlive
from ingest.wire.mqtt.packets import Connack, Goodbye, Hello, Pong, Suback, goodbye, pubacks, subscribe
from ingest.wire.mqtt.reader import DUP, RETAIN, Reader
from ingest.wire.mqtt.reasons import ProtocolError
from ingest.wire.mqtt.topics import matches
from tests.mqtt_packets import PINGRESP, connack, disconnect, packet, publish, suback, text

USER = b"\x26" + text("key") + text("value")
EVERY = b"\x01\x01\x02\x00\x00\x00\x09\x03" + text("json") + b"\x08" + text("re/ply") + b"\x09\x00\x02xy\x0b\x07" + USER


def drain(reader: Reader | Client, most: int = 1_000) -> list[Any]:
    """All that is whole."""
    found: list[Any] = []
    while True:
        run, other = reader.take(most)
        found += [*run, *([] if other is None else [other])]
        if not run and other is None:
            return found


def read(data: bytes, version: str = "3.1.1", **options: Any) -> list[Any]:
    reader = Reader(version, **options)  # type: ignore[arg-type]
    reader.feed(data)
    return drain(reader)


# -- messages ----------------------------------------------------------------------------------------------------------

topics = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300)
payloads = st.binary(max_size=400) | st.integers(16_000, 70_000).map(bytes)


@st.composite
def sent(draw: st.DrawFn, version: str) -> tuple[bytes, Any]:
    """A packet of a server, and what it is read as."""
    if draw(st.integers(0, 5)) == 0:
        return PINGRESP, Pong()
    topic, payload, packet_id = draw(topics), draw(payloads), draw(st.integers(0, 65_535))
    flags = draw(st.sampled_from([0, RETAIN, DUP, DUP | RETAIN])) if packet_id else draw(st.sampled_from([0, RETAIN]))
    properties = draw(st.sampled_from([b"", b"", EVERY])) if version == "5" else None
    return publish(topic, payload, packet_id, flags=flags, properties=properties), (topic, payload, flags, packet_id)


@given(data=st.data(), version=st.sampled_from(["3.1.1", "5"]))
def test_any_chunking_gives_the_same_packets(data: st.DataObject, version: str) -> None:
    packets = data.draw(st.lists(sent(version), max_size=12))
    stream = b"".join(one for one, _ in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader, found = Reader(version), []  # type: ignore[arg-type]
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[begin:end])
        found += drain(reader, data.draw(st.integers(1, 4)))
    assert found == [meant for _, meant in packets]
    assert reader.pending == 0


@given(
    noise=st.binary(max_size=300), begin=st.sampled_from([b"", publish("a/b", b"x", 7, properties=EVERY), connack()])
)
def test_noise_raises_nothing_but_a_protocol_error(noise: bytes, begin: bytes) -> None:
    for version in ("3.1.1", "5"):
        for data in (noise, begin[: len(begin) // 2] + noise, begin + noise):
            reader = Reader(version)  # type: ignore[arg-type]
            reader.feed(data)
            try:
                drain(reader)
            except ProtocolError as error:
                assert 0x80 <= error.reason <= 0xFF
                assert ":" in str(error)


def test_messages_before_a_fault_are_handed_over() -> None:
    reader = Reader("3.1.1")
    reader.feed(publish("a", b"1", 1) + publish("a", b"2") + b"\xf0\x00" + publish("a", b"3", 3))
    assert reader.take(10) == ([("a", b"1", 0, 1), ("a", b"2", 0, 0)], None)
    for _ in range(2):
        with pytest.raises(ProtocolError, match="first byte f0"):
            reader.take(10)


def test_other_packets_come_when_there_is_room_for_no_message() -> None:
    reader = Reader("3.1.1")
    reader.feed(connack() + PINGRESP + publish("a", b"1", 1) + PINGRESP)
    assert drain(reader, 0) == [Connack(False), Pong()]
    assert reader.full
    assert drain(reader, 1) == [("a", b"1", 0, 1), Pong()]
    assert not reader.full


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("chunk", [1_000, 10**6])
def test_a_message_that_is_too_large_is_cut_and_not_held(version: str, chunk: int) -> None:
    """It is handed over only when its last byte has come: an earlier answer would be to a message not yet sent."""
    properties = None if version == "3.1.1" else EVERY
    large = publish("bin/1", b"x" * 100_000, 9, properties=properties)
    stream = publish("a", b"1", 1, properties=properties) + large + publish("b", b"2", 2, properties=properties)
    reader, found, most = Reader(version, limit=20_000), [], 0  # type: ignore[arg-type]
    for begin in range(0, len(stream), chunk):
        reader.feed(stream[begin : begin + chunk])
        found += drain(reader)
        most = max(most, reader.pending)
        assert (begin + chunk >= len(stream) - 50) or len(found) < 2
    assert [(topic, packet_id) for topic, _, _, packet_id in found] == [("a", 1), ("bin/1", 9), ("b", 2)]
    assert 19_900 < len(found[1][1]) < 20_000
    assert most <= 20_000 + chunk
    with pytest.raises(ProtocolError, match="100000 bytes, expected at most 20000") as caught:
        read(packet(0x20, bytes(100_000)), limit=20_000)
    assert caught.value.reason == 0x95


def test_a_topic_that_is_not_utf8_is_shown() -> None:
    """To refuse it would close the connection, and the broker would send it again for ever."""
    assert read(publish(b"a/\xff\xc3\xa4", b"1", 1))[0][0] == "a/\\xff\u00e4"


V5 = {"version": "5"}


@pytest.mark.parametrize(
    ("data", "options", "reason", "says"),
    [
        (b"\x30\xff\xff\xff\xff\x01", {}, 0x81, "more than 4 bytes"),
        (b"\x30\x85\x00\x00\x01abc", {}, 0x81, "expected the shortest"),
        (b"\x30\x00", {}, 0x81, "publish: 0 bytes"),
        (b"\x30\x01\x00", {}, 0x81, "publish: 1 bytes"),
        (b"\x30\x03\x00\x02a", {}, 0x81, "expected them to hold its topic"),
        (b"\x32\x04\x00\x01a\x00", {}, 0x81, "expected them to hold its topic"),
        (publish("", b"1"), {}, 0x82, "an empty topic"),
        (publish("a", b"1", qos=1), {}, 0x82, "packet identifier 0"),
        (publish("a", b"1", flags=DUP), {}, 0x81, "DUP at QoS 0"),
        (publish("a", b"1", 1, qos=2), {}, 0x9B, "QoS 2"),
        (publish("a", b"1", 1, qos=3), {}, 0x81, "QoS 3"),
        (publish("a", b""), V5, 0x81, "the length of its properties"),
        (publish("a", b"1", 1, properties=b"\x23\x00\x01"), V5, 0x94, "a topic alias"),
        (publish("a", b"1", 1, properties=b"\x01\x01\x01\x01"), V5, 0x82, "payload_format_indicator: stands twice"),
        (publish("a", b"1", 1, properties=b"\x01\x02"), V5, 0x82, "payload_format_indicator: 2, expected 0 to 1"),
        (publish("a", b"1", 1, properties=b"\x11\0\0\0\1"), V5, 0x81, "property 0x11"),
        (publish("a", b"1", 1, properties=b"\x26\x00\x01k"), V5, 0x81, "user_property: 0 bytes are left"),
        (publish("a", b"1", 1, properties=b"\x03\x00\x01\xff"), V5, 0x81, "content_type: b'\\xff' is not UTF-8"),
        (publish("a", b"1", 1, properties=b"\x03\x00\x01\0"), V5, 0x81, "U+0000"),
        (b"\x32\x06\x00\x01a\x00\x01\x09", V5, 0x81, "properties: 0 bytes are left, expected 9"),
        (connack(properties=b"\x21\0\0"), V5, 0x82, "receive_maximum: 0"),
        (connack(present=2), {}, 0x81, "connack flags: 02"),
        (packet(0x20, b"\0"), {}, 0x81, "connack code: 0 bytes are left"),
        (packet(0x20, b"\0\0\0"), {}, 0x81, "1 bytes too many"),
        (packet(0x21, b"\0\0"), {}, 0x82, "first byte 21"),
        (packet(0x90, b"\0\1"), {}, 0x81, "suback codes"),
        (suback(3), {}, 0x81, "suback codes: (3,)"),
        (packet(0x40, b"\0\1"), {}, 0x82, "first byte 40"),
        (packet(0xD0, b"\0"), {}, 0x81, "1 bytes too many"),
        (disconnect(0), {}, 0x82, "first byte e0"),
        (packet(0xF0, b""), V5, 0x82, "first byte f0"),
    ],
)
def test_faults_are_named(data: bytes, options: dict[str, Any], reason: int, says: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(data, **options)
    assert says in str(caught.value)
    assert caught.value.reason == reason


# -- other packets -----------------------------------------------------------------------------------------------------


def test_greeting_byte_by_byte() -> None:
    """CONNECT as the standards lay it out (3.1.1 and 5, clause 3.1)."""
    plain = Hello("3.1.1", "hub", keepalive_s=30)
    assert plain.packet() == b"\x10\x0f\x00\x04MQTT\x04\x00\x00\x1e\x00\x03hub"
    named = Hello("5", "hub", "ann", "p\u00e4", keepalive_s=60, session_expiry_s=604_800, in_flight=100_000)
    body = b"\x00\x04MQTT\x05\xc0\x00\x3c\x08\x11\x00\x09\x3a\x80\x21\xff\xff\x00\x03hub\x00\x03ann\x00\x03p\xc3\xa4"
    assert named.packet() == packet(0x10, body)
    with pytest.raises(ValueError, match="username: 70000 bytes, expected at most 65535"):
        Hello(username="x" * 70_000).packet()
    with pytest.raises(ValueError, match=r"client_id: holds U\+0000"):
        Hello(client_id="a\0").packet()


def test_what_else_a_subscriber_sends() -> None:
    assert subscribe(1, ["a/+", "b"], "3.1.1") == b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x01"
    assert subscribe(1, ["b"], "5") == b"\x82\x07\x00\x01\x00\x00\x01b\x01"
    assert pubacks([1, 65_535, 256]) == b"\x40\x02\x00\x01\x40\x02\xff\xff\x40\x02\x01\x00"
    assert pubacks([]) == b""
    assert goodbye("3.1.1", 0x82) == goodbye("5") == b"\xe0\x00"
    assert goodbye("5", 0x82) == b"\xe0\x01\x82"


@pytest.mark.parametrize(("value", "size"), [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (268_435_455, 4)])
def test_variable_byte_integers_at_their_bounds(value: int, size: int) -> None:
    """Table 1-1 of MQTT 5."""
    assert len(written_variable(value)) == size
    with pytest.raises(ValueError, match="expected 0 to 268435455"):
        written_variable(268_435_456)


def test_what_a_server_answers() -> None:
    full = (
        b"\x11\x00\x00\x00\x3c\x12" + text("given") + b"\x13\x00\x0a\x15" + text("SCRAM") + b"\x16\x00\x01z\x1a"
        + text("info") + b"\x1c" + text("other:1883") + b"\x1f" + text("why") + b"\x21\x00\x14\x22\x00\x05\x24\x01"
        + b"\x25\x00" + USER + USER + b"\x27\x00\x01\x00\x00\x28\x01\x29\x01\x2a\x00"
    )  # fmt: skip
    (found,) = read(connack(present=1, properties=full), "5")
    assert found == Connack(
        True,
        None,
        {
            "session_expiry_interval": 60,
            "assigned_client_identifier": "given",
            "server_keep_alive": 10,
            "authentication_method": "SCRAM",
            "authentication_data": b"z",
            "response_information": "info",
            "server_reference": "other:1883",
            "reason_string": "why",
            "receive_maximum": 20,
            "topic_alias_maximum": 5,
            "maximum_qos": 1,
            "retain_available": 0,
            "user_property": [("key", "value"), ("key", "value")],
            "maximum_packet_size": 65_536,
            "wildcard_subscription_available": 1,
            "subscription_identifiers_available": 1,
            "shared_subscription_available": 0,
        },
    )


@pytest.mark.parametrize(
    ("data", "version", "said"),
    [
        (connack(5), "3.1.1", "not authorized"),
        (connack(99), "3.1.1", "return code 99"),
        (connack(0x87, properties=b""), "5", "not authorized"),
        (connack(0x9D, properties=b"\x1c" + text("b:1")), "5", "server moved (b:1)"),
        (connack(0x89, properties=b"\x1f" + text("later")), "5", "server busy: later"),
        (connack(0xEE, properties=b""), "5", "reason 0xee"),
        (disconnect(0x8E), "5", "session taken over: another client uses this client_id"),
        (packet(0xE0, b""), "5", "success"),
        (disconnect(0x9C, b"\x1c" + text("b:2") + USER), "5", "use another server (b:2)"),
        (suback(1, 0x80), "3.1.1", "unspecified error"),
        (suback(1, 0xA2, 0x8F, properties=b""), "5", "wildcard subscriptions not supported, topic filter invalid"),
    ],
)
def test_refusals_in_words(data: bytes, version: str, said: str) -> None:
    (found,) = read(data, version)
    words = found.reason if isinstance(found, Goodbye) else found.refused
    assert (", ".join(words) if isinstance(words, list) else words) == said


# -- one connection ----------------------------------------------------------------------------------------------------


def connected(version: str = "5", **options: Any) -> Client:
    client = Client(Hello(version, **options))  # type: ignore[arg-type]
    client.greeting()
    client.subscription(["a", "b"])
    return client


def test_a_connection_in_order() -> None:
    client = connected(keepalive_s=30)
    client.feed(
        connack(properties=b"\x13\x00\x0a") + publish("old", b"1", 5, properties=b"") + suback(1, 0, properties=b"")
    )
    assert [type(one) for one in drain(client)] == [Connack, tuple, Suback]
    assert client.keepalive_s == 10  # the server's counts


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (publish("a", b"1", 1), "first packet: expected CONNACK"),
        (PINGRESP, "first packet: expected CONNACK"),
        (connack() + connack(), "connack: a second one"),
        (connack() + suback(1), "suback: identifier 1 with 1 codes, expected 1 with 2"),
        (connack() + suback(1, 1, packet_id=2), "suback: identifier 2"),
        (connack() + suback(1, 1) + suback(1, 1), "expected 1 with 0"),
    ],
)
def test_what_is_out_of_place_ends_the_connection(answers: bytes, says: str) -> None:
    client = connected("3.1.1")
    client.feed(answers)
    with pytest.raises(ProtocolError, match=says) as caught:
        drain(client)
    assert caught.value.reason == 0x82


def test_signs_of_life() -> None:
    life = KeepAlive(10, look_s=1, now=0)
    assert [life.look(now) for now in range(1, 9)] == [""] * 8
    assert life.look(9) == "ask"  # before the tenth second is over
    life.heard(9.5)
    life.sent(15)
    assert [life.look(now) for now in range(10, 19)] == [""] * 9
    assert life.look(19) == "ask"  # nothing was heard, though something was sent
    life.sent(22)
    assert [life.look(now) for now in range(20, 29)] == [""] * 9
    assert life.look(29) == "gone"
    assert KeepAlive(0, look_s=1, now=0).look(10**6) == ""


def test_nobody_is_taken_for_gone_whom_nobody_hears() -> None:
    """While reading is held the broker still gets its signs, so that it does not take the hub for gone."""
    life = KeepAlive(10, look_s=1, now=0)
    told = [life.look(now, listening=False) for now in range(1, 101)]
    assert set(told) == {"", "ask"}
    assert told.count("ask") >= 10
    assert "gone" not in [life.look(now) for now in range(101, 109)]
    assert "gone" in [life.look(now) for now in range(109, 130)]


def test_only_a_whole_message_makes_it_full() -> None:
    """Half an answer of the server must not be left in the socket because there is no room for messages."""
    reader = Reader("3.1.1")
    for stream, most in ((suback(1), 0), (publish("a", b"1", 1), 1), (PINGRESP, 0)):
        for index in range(len(stream)):
            reader.feed(stream[index : index + 1])
            assert (drain(reader, 0) == []) is (most == 1 or index < len(stream) - 1)
            assert reader.full is (most == 1 and index == len(stream) - 1)
        assert len(drain(reader, 1)) == most
        assert not reader.full


# -- topics ------------------------------------------------------------------------------------------------------------

levels = st.lists(st.sampled_from(["a", "b", "", "$s", "+"]), min_size=1, max_size=4)


@given(wanted=levels, given_levels=levels, more=st.booleans())
def test_filters_match_as_in_paho(wanted: list[str], given_levels: list[str], more: bool) -> None:
    pattern = "/".join([*wanted, *(["#"] if more else [])])
    topic = "/".join(given_levels).replace("+", "c")
    assert matches(pattern, topic) == topic_matches_sub(pattern, topic)


@pytest.mark.parametrize(
    ("pattern", "topic", "does"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("+/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/broker", False),
        ("$SYS/#", "$SYS/broker", True),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
    ],
)
def test_filters_of_the_standard(pattern: str, topic: str, does: bool) -> None:
    """The examples of clause 4.7."""
    assert matches(pattern, topic) is does


def test_the_load_generator_is_understood() -> None:
    from hub.bench import load

    assert read(load.publish(b"a/b", 3, b"{}")) == [("a/b", b"{}", 0, 3)]
    assert struct.unpack(">H", load.connect("x")[-3:-1]) == (1,)
