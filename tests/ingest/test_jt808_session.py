"""The platform's side of a JT/T 808 connection, without a connection."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.wire.jt808.frames import Framer, escape
from ingest.wire.jt808.session import Action, Admitted, Answered, Gate, Left, Parcel, Send, Session
from tests.terminal import PHONE, PHONE_2019, Reply, batch, frame, position, register, split

SECRET = b"a secret of the tests"
OTHER = "013900139000"


class Talk:
    """A session and the frames that are put to it."""

    def __init__(self, **gate: object) -> None:
        self.session = Session(Gate(SECRET, **gate))  # type: ignore[arg-type]
        self._framer = Framer()
        self.clock = 0

    def __call__(self, *framed: bytes) -> list[Action]:
        actions: list[Action] = []
        for content in self._framer.feed(b"".join(framed)):
            self.clock += 1
            actions += self.session.receive(content, self.clock)
        return actions

    def general(self, *framed: bytes) -> tuple[int, int, int]:
        """The one general reply to a frame."""
        (send,) = [action for action in self(*framed) if isinstance(action, Send)]
        return Reply(send.data).general

    def enter(self, phone: str = PHONE) -> Talk:
        code = self.session._gate.code(phone).encode()
        code = bytes((len(code),)) + code + bytes(35) if len(phone) == 20 else code
        assert self.general(frame(0x0102, code, 1, phone)) == (1, 0x0102, 0)
        return self


@pytest.mark.parametrize(("phone", "edition"), [(PHONE, 2011), (PHONE, 2013), (PHONE_2019, 2019)])
def test_register_then_authenticate(phone: str, edition: int) -> None:
    talk = Talk()
    (send,) = talk(frame(0x0100, register(edition=edition), 7, phone))
    assert isinstance(send, Send)
    reply = Reply(send.data)
    assert (reply.message_id, reply.phone, reply.serial, reply.body[:3]) == (0x8100, phone, 0, b"\x00\x07\x00")
    code = reply.body[3:]
    assert code.decode() == Gate(SECRET).code(phone), "the same after a restart"
    assert code.decode() != Gate(b"another secret").code(phone)
    body = bytes((len(code),)) + code + bytes(35) if edition == 2019 else code
    actions = talk(frame(0x0102, body, 8, phone))
    assert actions[0] == Admitted(phone)
    assert isinstance(actions[1], Send)
    assert Reply(actions[1].data).general == (8, 0x0102, 0)
    assert talk.session.admitted


def test_a_code_that_is_another_terminals_is_refused() -> None:
    talk = Talk()
    code = Gate(SECRET).code(OTHER).encode()
    for wrong in (code, b"", b"\xff\xfe", "好".encode("gbk")):
        assert talk.general(frame(0x0102, wrong, 1)) == (1, 0x0102, 1)
    assert talk.session.refused["code"] == 4
    assert not talk.session.admitted


@pytest.mark.parametrize("number", [0x0002, 0x0003, 0x0200, 0x0704, 0x0001, 0x0F0F])
def test_nobody_is_heard_before_authentication(number: int) -> None:
    talk = Talk()
    assert talk.general(frame(number, position(), 3)) == (3, number, 1)
    assert talk.session.refused == {"unauthenticated": 1}
    talk.enter(OTHER)
    assert talk.general(frame(number, position(), 3)) == (3, number, 1), "another's authentication is not ours"


def test_a_setting_lets_everybody_in() -> None:
    talk = Talk(required=False)
    actions = talk(frame(0x0200, position(), 3))
    assert actions[0] == Admitted(PHONE)
    assert isinstance(actions[1], Parcel)
    assert talk.general(frame(0x0102, b"whatever", 4)) == (4, 0x0102, 0)


def test_a_position_is_answered_when_it_is_settled() -> None:
    talk = Talk().enter()
    framed = frame(0x0200, position(), 3)
    (parcel,) = talk(framed)
    assert isinstance(parcel, Parcel)
    assert framed == escape(parcel.payload)
    (reply,) = talk.session.settled(parcel)
    assert Reply(reply).general == (3, 0x0200, 0)
    assert Reply(reply).serial == 1, "the platform counts its own messages"


@pytest.mark.parametrize(
    "framed",
    [
        frame(0x0200, b"short", 3),
        frame(0x0200, position(time="261323080000"), 3),
        frame(0x0200, position(), 3, bits=0x0400),
        frame(0x0704, b"", 3),
        frame(0x0702, b"", 3),
    ],
)
def test_what_cannot_be_decoded_is_handed_on_and_answered_as_bad(framed: bytes) -> None:
    talk = Talk().enter()
    (parcel,) = talk(framed)
    assert isinstance(parcel, Parcel)
    assert Reply(talk.session.settled(parcel)[0]).general[::2] == (3, 2)


def test_a_partly_sound_batch_is_answered_as_good() -> None:
    talk = Talk().enter()
    (parcel,) = talk(frame(0x0704, batch([b"short", position(time="261323080000"), position()]), 3))
    assert isinstance(parcel, Parcel)
    assert parcel.result == 0


def test_parts_are_answered_each_when_the_whole_is_settled() -> None:
    talk = Talk().enter()
    frames = split(0x0704, batch([position()] * 40), 0xFFFE, 500)
    asked, parcel = talk(*frames[::-1], frames[0])
    assert isinstance(asked, Send)
    assert Reply(asked.data).message_id == 0x8003, "the last part came first"
    assert isinstance(parcel, Parcel)
    assert parcel.payload == b"".join(frames)
    replies = [Reply(reply).general for reply in talk.session.settled(parcel)]
    assert replies == [(0xFFFE, 0x0704, 0), (0xFFFF, 0x0704, 0), (0, 0x0704, 0)]


def test_what_is_answered_at_once() -> None:
    talk = Talk().enter()
    assert talk.general(frame(0x0002, b"", 5)) == (5, 0x0002, 0)
    assert talk.general(frame(0x0F0F, b"", 6)) == (6, 0x0F0F, 3)
    assert talk.general(frame(0x0801, bytes(30), 7, part=(9, 4))) == (7, 0x0801, 3), "pictures are not kept"
    assert talk.general(frame(0x0001, b"", 8)) == (8, 0x0001, 2)
    assert talk.general(frame(0x0100, b"", 8)) == (8, 0x0100, 2)
    assert talk.general(frame(0x0100, register(), 8, bits=0x0400)) == (8, 0x0100, 2)
    assert talk.general(frame(0x0102, b"x" * 20, 9, PHONE_2019)) == (9, 0x0102, 2)
    assert talk(frame(0x0104, b"\x00\x01\x00", 9)) == []
    assert talk(frame(0x0001, b"\x00\x07\x83\x00\x04", 9)) == [Answered(PHONE, 7, 4)]


def test_log_out() -> None:
    talk = Talk().enter()
    actions = talk(frame(0x0003, b"", 5))
    assert actions[1] == Left(PHONE)
    assert talk.general(frame(0x0002, b"", 6)) == (6, 0x0002, 1)


def test_headers_that_are_none() -> None:
    bad = frame(0x0200, position(), 3, part=(2, 3))
    talk = Talk()
    assert talk(bad) == []
    talk.enter()
    (parcel,) = talk(bad)
    assert isinstance(parcel, Parcel)
    assert talk.session.settled(parcel) == []
    assert talk.session.refused == {"header": 2}


def test_one_connection_speaks_for_so_many_terminals() -> None:
    talk = Talk(phones=2).enter().enter(OTHER)
    third = "013700137000"
    code = Gate(SECRET).code(third).encode()
    assert talk.general(frame(0x0102, code, 1, third)) == (1, 0x0102, 1)
    assert talk.session.refused == {"crowded": 1}
    talk.enter()  # those that are in may authenticate again


def test_text_goes_out_in_the_terminals_edition_and_serials_wrap() -> None:
    talk = Talk().enter().enter(PHONE_2019)
    for phone in (PHONE, PHONE_2019):
        serial, data = talk.session.text(phone, "好", urgent=True)
        reply = Reply(data)
        assert (reply.message_id, reply.phone, reply.serial) == (0x8300, phone, serial)
    talk.session._serial = 0xFFFF
    assert talk.session.next_serial() == 0


CODE = Gate(SECRET).code(PHONE).encode()
DAY = b"".join(
    (
        frame(0x0200, position(), 0),  # too early
        b"noise between",
        frame(0x0100, register(), 1),
        frame(0x0102, CODE, 2),
        frame(0x0200, position(status=0x7E7D7E7D), 3)[:20],  # half of one
        frame(0x0200, position(status=0x7E7D7E7D), 4),
        *split(0x0704, batch([position()] * 30), 5, 400)[::-1],
        frame(0x0F0F, b"?", 9)[:-1],  # its end is the beginning of the next
        frame(0x0002, b"", 10),
        frame(0x0003, b"", 11),
        frame(0x0002, b"", 12),
    )
)


@given(st.lists(st.integers(0, len(DAY)), max_size=30).map(sorted))
def test_any_chunking_of_a_day_gives_the_same_actions(cuts: list[int]) -> None:
    whole = Talk()(DAY)
    talk = Talk()
    assert [action for start, end in pairwise([0, *cuts, len(DAY)]) for action in talk(DAY[start:end])] == whole
    assert [type(action).__name__ for action in whole] == [
        *["Send"] * 2,  # not heard, registered
        *["Admitted", "Send", "Parcel"],
        *["Send", "Parcel"],  # the last part came first
        *["Send"] * 3,  # unknown, heartbeat, log-out
        *["Left", "Send"],
    ]


def test_the_parts_that_lack_are_asked_for_after_the_last_one() -> None:
    for phone, count in ((PHONE, b"\x02"), (PHONE_2019, b"\x00\x02")):
        talk = Talk().enter(phone)
        frames = split(0x0704, batch([position()] * 60), 0xFFFE, 500, phone)
        assert len(frames) == 4
        assert talk(frames[0]) == []
        (asked,) = talk(frames[3])
        assert isinstance(asked, Send)
        reply = Reply(asked.data)
        assert (reply.message_id, reply.body) == (0x8003, b"\xff\xfe" + count + b"\x00\x02\x00\x03")
        assert talk(frames[2]) == []
        (parcel,) = talk(frames[1])
        assert isinstance(parcel, Parcel)
        assert len(talk.session.settled(parcel)) == 4


def test_the_time_of_the_platform() -> None:
    talk = Talk().enter(PHONE_2019)
    talk.clock = 1_795_392_000_000_000 - 1
    (send,) = talk(frame(0x0004, b"", 5, PHONE_2019))
    assert isinstance(send, Send)
    reply = Reply(send.data)
    assert (reply.message_id, reply.body.hex()) == (0x8004, "261123000000"), "in UTC"


def test_what_drivers_and_terminals_report_is_filed_and_answered_as_what_they_are() -> None:
    talk = Talk().enter()
    span = bytes.fromhex("261123080000261123081500")
    sign = b"T000042" + b"T000042" + bytes.fromhex("261123080000") + b"\x01\x01\x00"
    small = {0x0108: 2, 0x0301: 1, 0x0302: 3, 0x0303: 2, 0x0701: 4, 0x0805: 3, 0x1206: 3}
    for number, size in small.items():
        (parcel,) = talk(frame(number, bytes(size), 5))
        assert isinstance(parcel, Parcel)
        assert Reply(talk.session.settled(parcel)[0]).general == (5, number, 0)
    for number, body in ((0x1005, span + b"\x00\x05\x00\x03"), (0x1210, sign + b"a" * 32 + b"\x00\x00")):
        (parcel,) = talk(frame(number, body, 5))
        assert isinstance(parcel, Parcel)
        assert Reply(talk.session.settled(parcel)[0]).general == (5, number, 0)
        (parcel,) = talk(frame(number, body.replace(b"\x26\x11\x23", b"\x26\x13\x23"), 5))
        assert isinstance(parcel, Parcel)
        assert parcel.result == 2, "a time that is none"
    assert talk.general(frame(0x1211, b"\x01a\x00\x00\x00\x00\x01", 7)) == (7, 0x1211, 3), "files are not taken"
