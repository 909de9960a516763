"""Framing, headers and parts of JT/T 808."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from ingest.wire.jt808.frames import MAX_FRAME, Framer, escape, seal, unescape, verify
from ingest.wire.jt808.header import Header, Message, build, parse, require_plain
from ingest.wire.jt808.parts import PartBudget, PartLimits, Reassembler
from tests.terminal import PHONE, PHONE_2019, frame, header, split

CONTENTS = st.binary(min_size=12, max_size=MAX_FRAME - 1)


@given(st.lists(st.one_of(CONTENTS, st.binary(max_size=40)), max_size=6), st.lists(st.integers(1, 400), max_size=30))
def test_any_chunking_gives_the_same_frames(contents: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(escape(seal(content)) for content in contents) + b"\x7e\x01"
    whole = Framer().feed(stream)
    assert whole == [seal(content) for content in contents if len(content) >= 12]
    framer, found = Framer(), []
    for size in [*sizes, len(stream) or 1]:
        found += framer.feed(stream[:size])
        stream = stream[size:]
    assert found == whole


MARKS = st.lists(st.sampled_from([0x7D, 0x7E, 0x01, 0x02, 0x00, 0x41]), max_size=40).map(bytes)
SOUND_FRAMES = st.one_of(st.binary(min_size=12, max_size=60), MARKS.filter(lambda content: len(content) >= 12)).map(
    lambda content: (escape(seal(content)), seal(content))
)
NOISE = st.one_of(
    MARKS,
    st.binary(max_size=60),
    st.tuples(SOUND_FRAMES, st.integers(0, 80)).map(lambda cut: cut[0][0][: cut[1]]),  # half a frame
    st.tuples(SOUND_FRAMES, st.integers(0, 80)).map(lambda cut: cut[0][0][cut[1] :]),
).map(lambda noise: (noise, None))


@given(st.lists(SOUND_FRAMES | NOISE, max_size=12), st.lists(st.integers(0, 900), max_size=25).map(sorted))
def test_sound_frames_come_through_any_dirt_however_it_is_chunked(
    pieces: list[tuple[bytes, bytes | None]], cuts: list[int]
) -> None:
    stream = b"".join(travelled for travelled, _ in pieces)
    once = Framer()
    whole = once.feed(stream)
    framer, found = Framer(), []
    for start, end in pairwise([0, *(min(cut, len(stream)) for cut in cuts), len(stream)]):
        found += framer.feed(stream[start:end])
    assert (found, framer.dropped, framer.pending) == (whole, once.dropped, once.pending)
    rest = iter(found)
    assert all(frame in rest for _, frame in pieces if frame is not None), "in their order"


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=10))
def test_garbage_is_chunked_alike_and_never_held_beyond_the_limit(data: bytes, sizes: list[int]) -> None:
    once, pieces = Framer(64), Framer(64)
    found = once.feed(data)
    rest, again = data, []
    for size in [*sizes, 300]:
        again += pieces.feed(rest[:size])
        rest = rest[size:]
        assert pieces.pending <= 65
    assert (again, pieces.dropped) == (found, once.dropped)


@given(st.binary(max_size=200))
def test_escaping_and_back(content: bytes) -> None:
    framed = escape(content)
    assert b"\x7e" not in framed[1:-1]
    assert unescape(framed[1:-1]) == content


SOUND = frame(2, serial=7)
NEXT = frame(2, serial=8)


@pytest.mark.parametrize(
    ("stream", "count", "dropped"),
    [
        (SOUND + NEXT, 2, {}),
        (SOUND[:-1] + NEXT, 2, {}),  # one delimiter ends the first and begins the second
        (b"\x7e\x7e\x7e" + SOUND + b"\x7e\x7e" + NEXT, 2, {}),
        (b"GET / HTTP/1.1\r\n" + SOUND, 1, {}),
        (SOUND + b"\x00garbage between two frames" + NEXT, 2, {"checksum": 1}),
        (SOUND + b"\x01\x02" + NEXT, 2, {"malformed": 1}),
        (SOUND[:-2] + b"\x00\x7e" + NEXT, 1, {"checksum": 1}),
        (SOUND[:9] + NEXT, 1, {"malformed": 1}),
        (b"\x7e\x00\x02\x7d\x03" + bytes(12) + b"\x7e" + NEXT, 1, {"malformed": 1}),
        (b"\x7e" + bytes(5_000) + b"\x7e" + NEXT, 1, {"oversized": 1}),
        (b"\x7e" + b"\x01" * 1_500 + b"\x7e" + NEXT, 1, {"malformed": 1}),
    ],
)
def test_what_a_stream_holds(stream: bytes, count: int, dropped: dict[str, int]) -> None:
    framer = Framer()
    assert len(framer.feed(stream)) == count
    assert framer.dropped == dropped


def test_a_frame_that_never_ends_is_counted_once_and_not_held() -> None:
    framer = Framer()
    framer.feed(b"\x7e")
    for _ in range(1_000):
        assert framer.feed(bytes(1_000)) == []
        assert framer.pending <= 2_200
    assert framer.feed(NEXT)
    assert framer.dropped == {"oversized": 1}


@pytest.mark.parametrize("version", [2013, 2019])
@given(
    number=st.integers(0, 0xFFFF),
    serial=st.integers(0, 0xFFFF),
    revision=st.integers(0, 255),
    body=st.binary(max_size=1023),
    digits=st.text("0123456789", min_size=20, max_size=20),
    parts=st.none() | st.integers(1, 0xFFFF),
)
def test_what_is_built_is_parsed(
    version: int, number: int, serial: int, revision: int, body: bytes, digits: str, parts: int | None
) -> None:
    phone = digits if version == 2019 else digits[:12]
    properties = 0 if parts is None else 0x2000
    given = Header(
        number, properties, phone, serial, version, revision if version == 2019 else 0, parts or 1, parts or 1
    )
    message = parse(seal(build(given, body)))
    assert message.body == body
    assert message.header.length == len(body)
    assert (message.header.phone, message.header.serial, message.header.version) == (phone, serial, version)
    assert (message.header.parts, message.header.part) == (parts or 1, parts or 1)


def unframed(framed: bytes) -> bytes:
    return verify(unescape(framed[1:-1]))


def test_headers_of_both_editions() -> None:
    old = parse(unframed(frame(0x0200, b"abc", 513)))
    assert old == Message(Header(0x0200, 3, PHONE, 513), b"abc")
    new = parse(unframed(frame(0x0200, b"abc", 513, PHONE_2019)))
    assert new == Message(Header(0x0200, 0x4003, PHONE_2019, 513, 2019, 1), b"abc")
    odd = parse(unframed(frame(0x0200, b"abc", 513, "0c5ba138001f"))).header
    assert odd.phone == "0c5ba138001f", "an IMEI in binary, as some terminals put it there"
    part = parse(unframed(frame(0x0801, b"abc", 5, part=(3, 2)))).header
    assert (part.parts, part.part, part.is_split) == (3, 2, True)


def test_a_wrong_length_in_the_header_is_passed_over() -> None:
    content = header(0x0200, 60, 1, PHONE) + b"abc"
    message = parse(seal(content))
    assert (message.header.length, message.body) == (60, b"abc")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (header(2, 0, 1, PHONE_2019)[:14], "header: the frame has 15 bytes, its header needs 18"),
        (header(2, 0, 1, PHONE, part=(2, 1))[:13], "header: the frame has 14 bytes, its header needs 17"),
        (header(2, 0, 1, PHONE, part=(2, 3)), "header: part 3 of 2"),
        (header(2, 0, 1, PHONE, part=(0, 0)), "header: part 0 of 0"),
    ],
)
def test_headers_that_are_none(content: bytes, says: str) -> None:
    with pytest.raises(DecodeError) as refused:
        parse(seal(content))
    assert str(refused.value) == says


@pytest.mark.parametrize(("bits", "says"), [(0x0400, "RSA"), (0x0800, "reserved method 2"), (0x1C00, "method 7")])
def test_encryption_is_refused_in_plain_words(bits: int, says: str) -> None:
    message = parse(unframed(frame(0x0200, b"abc", bits=bits)))
    with pytest.raises(DecodeError, match=f"encryption: the body is encrypted .*{says}"):
        require_plain(message.header)


def add(parts: Reassembler, framed: bytes, at: int = 0) -> bytes | None:
    content = unframed(framed)
    whole = parts.add(parse(content), content, at)
    return None if whole is None else whole.message.body


@given(st.binary(min_size=1, max_size=300), st.integers(0, 0xFFFF), st.randoms(use_true_random=False))
def test_parts_in_any_order_and_twice(body: bytes, serial: int, chance: object) -> None:
    frames = split(0x0704, body, serial, 40)
    order = [*frames, *frames]
    chance.shuffle(order)  # type: ignore[attr-defined]
    parts = Reassembler()
    found = [whole for framed in order if (whole := add(parts, framed)) is not None]
    assert body in found
    assert set(found) == {body}


def test_messages_of_several_terminals_and_serials_do_not_mix() -> None:
    parts = Reassembler()
    first, second = split(0x0704, b"a" * 80, 10, 40), split(0x0704, b"b" * 80, 12, 40)
    other = split(0x0704, b"c" * 80, 10, 40, "013900139000")
    assert [add(parts, framed) for framed in (first[0], other[0], second[1])] == [None] * 3
    assert add(parts, first[1]) == b"a" * 80
    assert add(parts, second[0]) == b"b" * 80
    assert add(parts, other[1]) == b"c" * 80
    assert parts.waiting == 0


def test_connections_share_a_budget_of_parts() -> None:
    budget = PartBudget(300)
    one, two = Reassembler(budget=budget), Reassembler(budget=budget)
    first = split(0x0704, b"a" * 300, 10, 150)
    assert add(one, first[0]) is None
    assert add(two, split(0x0704, b"b" * 300, 10, 150)[0]) is None
    assert (one.waiting, two.waiting, two.dropped) == (1, 0, {"crowded": 1}), "who comes last gives up its own"
    assert add(two, frame(0x0200, b"c", 10)) == b"c"
    assert add(one, first[1]) == b"a" * 300
    assert budget.used == 0
    add(one, first[0])
    one.close()
    assert (one.waiting, budget.used) == (0, 0)


def test_bounds_of_parts() -> None:
    parts = Reassembler(PartLimits(messages=2, parts=10, bytes=200, age=1_000))
    assert add(parts, frame(0x0801, b"x", 1, part=(11, 1))) is None
    assert parts.dropped == {"oversized": 1}
    for serial in (100, 200, 300):
        add(parts, frame(0x0801, b"x", serial, part=(2, 1)), 10)
    assert (parts.waiting, parts.dropped["crowded"]) == (2, 1)
    assert add(parts, frame(0x0801, b"y", 301, part=(2, 2)), 1_011) is None, "its first part is too old"
    assert parts.dropped["expired"] == 2
    add(parts, frame(0x0801, bytes(170), 400, part=(2, 1)), 1_012)
    assert (parts.waiting, parts.dropped["crowded"]) == (1, 2)
    assert add(parts, frame(0x0801, b"z", 401, part=(2, 2)), 1_012) == bytes(170) + b"z"
    assert parts._bytes == 0
