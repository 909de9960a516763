"""NMEA: streams into frames, frames into claims."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import instants
from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame, Identity
from ingest.adapters.nmea.stream import NAME, SAMPLE_S, NmeaDecoder, NmeaStream, Sampler, Source, Tally
from ingest.wire.nmea.frame import epoch_of
from ingest.wire.nmea.identity import recognise
from tests.nmea import burst, clock, drive, gga, rmc, sentence

NOW = 1_795_500_000_000_000
DRIVE = drive(5)


class Line:
    """A stream whose frames are kept, and its decoder."""

    def __init__(self, address: str = "10.0.0.7", **options: Any) -> None:
        self.now = 0.0
        self.frames: list[Frame] = []
        self.tally = Tally()
        source = Source("test", **options)
        self.stream = NmeaStream(source, address, self._hand, self.tally, Sampler(lambda: self.now))
        self.decoder = NmeaDecoder({"test": source}, Catalogue())

    def _hand(self, channel: str, payload: bytes) -> None:
        self.frames.append(Frame(NAME, "test", channel, payload, NOW))

    def feed(self, *parts: bytes | str) -> Line:
        for part in parts:
            self.stream.feed(part.encode() + b"\r\n" if isinstance(part, str) else part)
        return self

    def decoded(self) -> list[Decoded]:
        return [self.decoder(frame) for frame in self.frames]

    @property
    def channels(self) -> list[str]:
        return [frame.channel for frame in self.frames]


def test_an_epoch_is_a_frame_of_its_raw_sentences() -> None:
    line = Line(device="truck-07").feed(DRIVE)
    assert len(line.frames) == 4
    line.stream.close()
    assert len(line.frames) == 5
    assert line.frames[0].payload == "\r\n".join(burst(8 * 3600)).encode()
    assert line.channels == ["id/truck-07/10.0.0.7"] * 5
    (uplink,) = line.decoded()[0].uplinks
    assert (uplink.identity, uplink.kind) == (Identity("id", "truck-07"), "vehicle")
    assert uplink.observed_at == instants.parse("2026-11-23T08:00:00Z")
    assert uplink.position is not None and uplink.position.satellites == 12
    assert (uplink.readings, uplink.seq) == ({}, None)
    assert line.tally == Tally(len(DRIVE), 30, 5, 0, 0)


def test_the_date_from_before_stands_in_the_payload() -> None:
    line = Line().feed(rmc(86_399), gga(0), gga(1))
    line.stream.idle()
    assert [frame.payload.split(b"\r\n")[0] for frame in line.frames[1:]] == [b"#epoch date=2026-11-24"] * 2
    assert [decoded.uplinks[0].observed_at for decoded in line.decoded()] == [
        instants.parse(text) for text in ("2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z", "2026-11-24T00:00:01Z")
    ]


def test_a_pause_within_an_epoch_is_numbered_in_the_payload() -> None:
    line = Line().feed(rmc(1))
    line.stream.idle()
    line.feed(gga(1))
    line.stream.idle()
    assert line.frames[1].payload == f"#epoch seq=1\r\n{rmc(1)}\r\n{gga(1)}".encode()
    (uplink,) = line.decoded()[1].uplinks
    assert uplink.seq == 1
    assert uplink.position is not None and uplink.position.altitude_m == 15.0


def test_without_a_fix_the_satellites_are_a_reading() -> None:
    line = Line().feed(sentence(f"GNGGA,{clock(1)},,,,,0,03,99.99,,,,,,"))
    line.stream.idle()
    (uplink,) = line.decoded()[0].uplinks
    assert (uplink.position, dict(uplink.readings), uplink.observed_at) == (None, {"satellites": 3.0}, None)


def test_a_bad_field_is_named_beside_the_fix() -> None:
    line = Line().feed(sentence(f"GNRMC,{clock(1)},A,3114.8770,N,12135.2463,E,fast,,231126,,,A"))
    line.stream.idle()
    (decoded,) = line.decoded()
    assert decoded.problems == ["GNRMC speed: expected a number, got 'fast'"]
    assert decoded.uplinks[0].position is not None


@pytest.mark.parametrize(
    ("line", "identity"),
    [
        ("imei:864180036543216", "imei:864180036543216"),
        ("IMEI=864180036543216", "imei:864180036543216"),
        ("##,imei:864180036543216,A;", "imei:864180036543216"),
        ("864180036543216", "imei:864180036543216"),
        ("$ID,truck-07", "id:truck-07"),
        ("$ID,864180036543216*5A", "imei:864180036543216"),
        ("id:truck-07", "id:truck-07"),
        ("86418003654321", "None"),
        ("imei:86418003654321x", "None"),
        ("$ID,-x", "None"),
        (rmc(1), "None"),
    ],
)
def test_lines_that_say_who_sends(line: str, identity: str) -> None:
    assert str(recognise(line.encode())) == identity


def test_who_sends() -> None:
    assert Line().feed(DRIVE).channels[0] == "peer/10.0.0.7/10.0.0.7"
    assert Line("::ffff:10.0.0.7").feed(DRIVE).channels[0] == "peer/10.0.0.7/10.0.0.7"
    assert Line().feed("imei:864180036543216", DRIVE).channels[0] == "imei/864180036543216/10.0.0.7"
    assert Line(identity="line").feed("$ID,veh-1", DRIVE).channels[0] == "id/veh-1/10.0.0.7"
    assert Line(identity="peer").feed("$ID,veh-1", DRIVE).channels[0] == "peer/10.0.0.7/10.0.0.7"
    assert Line(device="veh-2").feed("$ID,veh-1", DRIVE).channels[0] == "id/veh-2/10.0.0.7"


def test_another_identity_on_the_same_line_begins_anew() -> None:
    line = Line().feed("id:veh-1", *burst(1), "id:veh-2", *burst(1), "id:veh-2", *burst(2))
    line.stream.close()
    assert line.channels == ["id/veh-1/10.0.0.7", "id/veh-2/10.0.0.7", "id/veh-2/10.0.0.7"]


def test_a_peer_that_must_say_who_it_is_and_does_not() -> None:
    line = Line(identity="line").feed(DRIVE)
    assert (line.channels, line.tally.garbage) == (["-/-/10.0.0.7"], 4)
    with pytest.raises(DecodeError, match="has not said who it is"):
        line.decoded()


def test_garbage_is_counted_and_sampled_at_a_bounded_rate() -> None:
    line = Line()
    for _ in range(100):
        line.feed("nonsense", DRIVE)
    assert line.tally.garbage == 100
    # The first may have been half a line; after that one a minute.
    assert [frame.payload for frame in line.frames if frame.payload == b"nonsense"] == [b"nonsense"]
    line.now += SAMPLE_S
    line.feed("nonsense", "nonsense")
    assert line.tally.sampled == 2
    with pytest.raises(DecodeError, match="no NMEA sentence"):
        line.decoder(line.frames[-1])


def test_half_lines_at_the_start_and_the_end_are_no_dead_letters() -> None:
    line = Line().feed(DRIVE[7:-9])
    line.stream.close()
    assert (line.tally.garbage, line.tally.sampled, len(line.frames)) == (2, 0, 5)


def test_what_stands_rightly_between() -> None:
    between = ["!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24", '{"class":"VERSION","release":"3.22"}']
    line = Line().feed(*between, "\\g:1-2-34*5A\\" + rmc(1), sentence("GNTXT,01,01,02,OK"), rmc(2))
    assert (line.tally.garbage, len(line.frames)) == (0, 1)


def test_sentences_without_a_checksum_only_where_the_settings_say_so() -> None:
    bare, wrong = rmc(1)[:-3], rmc(3).replace("3114", "3115")
    strict = Line().feed(bare, rmc(2), rmc(3))
    assert (strict.tally.garbage, strict.frames[-1].payload) == (1, rmc(2).encode())
    line = Line(checksum_required=False).feed(bare, wrong, rmc(4))
    assert (line.tally.garbage, line.frames[-1].payload) == (1, bare.encode())
    assert line.decoder(line.frames[-1]).uplinks[0].position is not None


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "payload: holds no sentence"),
        (b"#epoch date=2026-02-31\r\n" + gga(1).encode(), "the date of the first line is no day"),
        (b"#epoch", "payload: holds no sentence"),
        (b"#nonsense\r\n" + gga(1).encode(), "payload: expected sentences, or a first line"),
        (f"{gga(1)}\r\n{gga(2)}".encode(), "payload: holds sentences of more than one epoch"),
        (f"{gga(1)}\r\nx".encode(), "sentence 2: line: no NMEA sentence"),
        (sentence("GNTXT,01,01,02,OK").encode(), "payload: holds no sentence"),
    ],
)
def test_payloads_that_are_no_epoch(payload: bytes, says: str) -> None:
    with pytest.raises(DecodeError, match=says):
        epoch_of(payload)


LINES = st.sampled_from([*burst(1), *burst(2), "#epoch date=2026-11-23", "#epoch seq=1", "x"]).map(str.encode)


@given(st.binary(max_size=200) | st.lists(LINES, max_size=8).map(b"\r\n".join), st.text(max_size=20))
def test_the_decoder_raises_nothing_but_decode_errors(payload: bytes, channel: str) -> None:
    decoder = NmeaDecoder({}, Catalogue())
    for where in (channel, "id/veh-1/10.0.0.7"):
        try:
            decoded = decoder(Frame(NAME, "test", where, payload, NOW))
        except DecodeError as error:
            assert str(error)
        else:
            assert len(decoded.uplinks) == 1


@given(st.lists(st.integers(0, len(DRIVE)), max_size=20).map(sorted))
def test_any_chunking_gives_the_same_frames(cuts: list[int]) -> None:
    line, whole = Line(), Line().feed(DRIVE)
    for start, end in pairwise([0, *cuts, len(DRIVE)]):
        line.feed(DRIVE[start:end])
    assert line.frames == whole.frames


def test_a_frame_decodes_to_what_the_stream_saw() -> None:
    """Grouping and decoding agree for receivers of any order, also when the frame is decoded alone."""
    lines = [line for second in range(86_390, 86_410) for line in reversed(burst(second % 86_400))]
    line = Line().feed(*lines)
    line.stream.close()
    assert len(line.frames) == 20
    assert all(decoded.uplinks[0].position is not None for decoded in line.decoded())
