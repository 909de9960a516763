"""From claims to records: which instant, which mark, and which of two equal messages."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.clock import DAY, GPS_ROLLOVER, MINUTE, SECOND, ClockPolicy
from devices.registry import Registry
from devices.vocabulary import (
    Batch,
    Decoded,
    Device,
    Event,
    Fix,
    Frame,
    Identity,
    Occurrence,
    Position,
    Quality,
    Reading,
    Uplink,
)
from ingest.assembly import Assembler, IntakeRules
from ingest.filing import Filer, Receipts, dead_letter, printable, wanted_token
from tests.intake import NOW, contents, dead_letters, frame, ingest, make_assembler, make_store

BIN = Identity("id", "bin-1")
DEVICE = Device(7, "bin-1", "bin")
FULL = {"fill_pct": 80.0}


class Hub:
    """A filer with its memory: what it was handed before is known again, as the store's receipts would have it."""

    def __init__(self) -> None:
        self.receipts: Receipts = {}
        self.restart()

    def restart(self) -> None:
        self.filer = Filer(ClockPolicy())

    def file(self, given: Frame, *uplinks: Uplink) -> Batch:
        wanted = list(self.filer.wanted_receipts(given, Decoded(list(uplinks)), lambda _: DEVICE))
        known = {key: self.receipts[key] for key in wanted if key in self.receipts}
        batch = Batch()
        for index, uplink in enumerate(uplinks):
            self.filer.file(given, uplink, index, DEVICE, known, batch)
        for receipt in batch.receipts:
            key = (receipt.device.key, receipt.digest)
            self.receipts[(*key, receipt.token)] = receipt.filed_at
            self.receipts[(*key, -1)] = max(receipt.filed_at, self.receipts.get((*key, -1), 0))
        return batch


def places(batch: Batch) -> list[int]:
    return [reading.observed_at for reading in batch.readings]


def claim(observed_at: int | None = None, **parts: Any) -> Uplink:
    return Uplink(BIN, observed_at, **({"readings": FULL} | parts))


def given_frame(words: bytes = b"words", *, at: int = NOW, **marks: Any) -> Frame:
    return frame(words, at=at, **marks)


# -- times --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claimed_at", "quality"),
    [
        (NOW - 400 * DAY, Quality.GOOD),
        (NOW + MINUTE, Quality.GOOD),
        (NOW + MINUTE + 1, Quality.CLOCK_WRONG),
        (7 * SECOND, Quality.CLOCK_WRONG),
        (NOW - GPS_ROLLOVER + DAY, Quality.CLOCK_WRONG),
        (None, Quality.CLOCK_ABSENT),
    ],
)
def test_every_record_of_a_message_gets_its_instant_mark_and_claim(claimed_at: int | None, quality: Quality) -> None:
    uplink = claim(claimed_at, position=Position(30.0, 114.0), occurrences=(Occurrence("emptied"),), seq=3)
    batch = Hub().file(given_frame(), uplink)
    believed = quality is Quality.GOOD
    records: list[Reading | Fix | Event] = [*batch.readings, *batch.fixes, *batch.events]
    for record in records:
        assert record.observed_at == (claimed_at if believed else NOW)
        assert (record.received_at, record.quality) == (NOW, quality)
        assert record.claimed_at == (None if believed else claimed_at)
    assert (len(batch.readings), len(batch.fixes), len(batch.events)) == (1, 1, 1)
    assert batch.fixes[0].seq == 3
    assert len(batch.receipts) == (0 if believed else 1)
    assert {key: heard.received_at for key, heard in batch.seen.items()} == {DEVICE.key: NOW}


def test_doubtful_readings_are_marked_beside_sound_ones() -> None:
    uplink = claim(NOW, readings={"fill_pct": 1.0, "battery_v": 3.6}, doubtful=frozenset({"fill_pct", "nh3_ppm"}))
    marks = {reading.metric: reading.quality for reading in Hub().file(given_frame(), uplink).readings}
    assert marks == {"fill_pct": Quality.UNCERTAIN, "battery_v": Quality.GOOD}
    without_time = Hub().file(given_frame(), msgspec.structs.replace(uplink, observed_at=None))
    marks = {reading.metric: reading.quality for reading in without_time.readings}
    assert marks == {"fill_pct": Quality.UNCERTAIN | Quality.CLOCK_ABSENT, "battery_v": Quality.CLOCK_ABSENT}


def test_an_event_with_a_time_of_its_own_is_filed_there() -> None:
    own = NOW - 5 * MINUTE
    (event,) = Hub().file(given_frame(), claim(NOW, occurrences=(Occurrence("emptied", {"by": 1}, own),))).events
    assert (event.observed_at, event.quality, event.claimed_at, event.attributes) == (own, 0, None, {"by": 1})
    # Its own clock may be right where that of its message is not.
    batch = Hub().file(given_frame(), claim(None, occurrences=(Occurrence("emptied", {}, own), Occurrence("sos"))))
    assert [(e.observed_at, e.quality) for e in batch.events] == [(own, 0), (NOW, Quality.CLOCK_ABSENT)]


@pytest.mark.parametrize("wrong", [NOW + DAY, 0])
def test_an_event_with_a_wrong_time_falls_back_to_its_message_and_keeps_its_claim(wrong: int) -> None:
    emptied = (Occurrence("emptied", {}, wrong),)
    (event,) = Hub().file(given_frame(), claim(NOW - MINUTE, occurrences=emptied)).events
    assert (event.observed_at, event.quality, event.claimed_at) == (NOW - MINUTE, Quality.CLOCK_WRONG, wrong)
    (event,) = Hub().file(given_frame(), claim(None, occurrences=emptied)).events
    assert event.observed_at == NOW
    assert event.quality == Quality.CLOCK_WRONG | Quality.CLOCK_ABSENT
    assert event.claimed_at == wrong


def test_the_newest_word_on_the_connection_counts() -> None:
    hub, batch = Hub(), Batch()
    for observed_at, online in ((NOW - 3, True), (NOW - 1, False), (NOW - 2, True)):
        hub.filer.file(given_frame(), claim(observed_at, online=online), 0, DEVICE, {}, batch)
    assert batch.online == {DEVICE.key: (NOW - 1, False)}


# -- messages without a usable time -------------------------------------------------------------------------------


@given(arrivals=st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_two_messages_without_a_time_never_share_an_instant(arrivals: list[int]) -> None:
    """Received in one microsecond, or while the hub's own clock was put back."""
    hub = Hub()
    found = []
    for token, shift in enumerate(arrivals):
        found += places(hub.file(given_frame(at=NOW + shift, token=token), claim()))
    assert found == sorted(set(found))
    assert all(place >= NOW + shift for place, shift in zip(found, arrivals, strict=True))


def test_items_of_one_frame_keep_apart_and_are_all_found_again() -> None:
    hub = Hub()
    items = [claim() for _ in range(4)]
    first = places(hub.file(given_frame(token=5), *items))
    assert first == [NOW, NOW + 1, NOW + 2, NOW + 3]
    hub.restart()
    again = hub.file(given_frame(at=NOW + DAY, token=5, redelivered=True), *items)
    assert places(again) == first
    assert again.receipts == []


def test_a_repetition_finds_its_place_by_its_delivery() -> None:
    hub = Hub()
    first, second = (places(hub.file(given_frame(at=NOW + n, token=n), claim())) for n in (1, 2))
    hub.restart()
    for token, place in ((2, second), (1, first)):
        assert places(hub.file(given_frame(at=NOW + DAY, token=token, redelivered=True), claim())) == place
    assert places(hub.file(given_frame(at=NOW + DAY, token=3, redelivered=True), claim())) == [NOW + DAY]


def test_a_fresh_message_is_never_taken_for_an_old_one() -> None:
    hub = Hub()
    assert places(hub.file(given_frame(token=1), claim())) == [NOW]
    assert places(hub.file(given_frame(at=NOW + DAY, token=1), claim())) == [NOW + DAY]


def test_a_retained_copy_is_known_by_its_words_whatever_its_number() -> None:
    hub = Hub()
    hub.file(given_frame(token=1), claim())
    latest = places(hub.file(given_frame(at=NOW + MINUTE, token=2), claim()))
    assert places(hub.file(given_frame(at=NOW + DAY, token=9, retained=True), claim())) == latest
    other = given_frame(b"other words", at=NOW + DAY, token=9, retained=True)
    assert places(hub.file(other, claim())) == [NOW + DAY]
    elsewhere = given_frame(at=NOW + 2 * DAY, retained=True, channel="status")
    assert places(hub.file(elsewhere, claim())) == [NOW + 2 * DAY]


def test_a_message_id_tells_whatever_the_words_the_number_and_the_marks() -> None:
    hub = Hub()
    first = places(hub.file(given_frame(token=1), claim(message_id="a")))
    hub.restart()
    for marks in ({}, {"redelivered": True}, {"retained": True}):
        copy = given_frame(b"other words", at=NOW + DAY, token=2, **marks)
        assert places(hub.file(copy, claim(message_id="a"))) == first
    other = hub.file(given_frame(at=NOW + DAY, token=1, redelivered=True), claim(message_id="b"))
    assert places(other) == [NOW + DAY]
    both = hub.file(given_frame(at=NOW + 2 * DAY), claim(message_id="c"), claim(message_id="c"))
    assert places(both) == [NOW + 2 * DAY] * 2
    assert wanted_token(given_frame(token=4), claim(message_id="a")) == 0


@pytest.mark.parametrize("marks", [{"redelivered": True}, {"retained": True}])
def test_a_time_that_was_doubted_at_first_is_not_believed_when_it_comes_again(marks: dict[str, Any]) -> None:
    """A clock two minutes fast: in the future at first, and no more so when the message comes again a day later."""
    hub = Hub()
    fast = claim(NOW + 2 * MINUTE, occurrences=(Occurrence("online"),))
    first = hub.file(given_frame(token=1), fast)
    assert places(first) == [NOW]
    hub.restart()
    again = hub.file(given_frame(at=NOW + DAY, token=1, **marks), fast)
    assert places(again) == [NOW]
    assert [(e.observed_at, e.quality, e.claimed_at) for e in again.events] == [
        (NOW, Quality.CLOCK_WRONG, NOW + 2 * MINUTE)
    ]
    fresh = hub.file(given_frame(at=NOW + DAY, token=2), fast)
    assert places(fresh) == [NOW + 2 * MINUTE]


def test_an_id_has_no_effect_beside_a_plausible_time() -> None:
    hub = Hub()
    hub.file(given_frame(token=1), claim(message_id="1"))
    later = given_frame(at=NOW + DAY, token=1, redelivered=True)
    batch = hub.file(later, claim(message_id="1"), claim(NOW + DAY, message_id="1"))
    assert [(reading.observed_at, reading.quality) for reading in batch.readings] == [
        (NOW, Quality.CLOCK_ABSENT),
        (NOW + DAY, Quality.GOOD),
    ]


async def test_a_fast_clock_and_a_redelivery_end_in_one_row(postgres_dsn: str) -> None:
    store = make_store(postgres_dsn)
    message = {"ts": (NOW + 2 * MINUTE) // 1_000, "readings": FULL}
    await ingest(store, make_assembler(store), [frame(message, token=3)])
    await ingest(store, make_assembler(store), [frame(message, at=NOW + DAY, token=3, redelivered=True)])
    await store.close()
    assert len(contents(postgres_dsn)["readings"]) == 1


async def test_every_device_of_a_frame_finds_its_own_place_again(postgres_dsn: str) -> None:
    """A gateway's frame speaks for several devices."""

    def decode(frame: Frame) -> Decoded:
        return Decoded([Uplink(Identity("id", name), None, FULL) for name in ("bin-1", "bin-2")])

    store = make_store(postgres_dsn)
    for at, redelivered in ((NOW, False), (NOW + DAY, True)):
        assembler = Assembler(store, Registry(), {"raw": decode}, IntakeRules())
        await ingest(store, assembler, [Frame("raw", "test", "gateway", b"", at, redelivered, token=4)])
    await store.close()
    assert [row[0] for row in contents(postgres_dsn)["readings"]] == ["bin-1", "bin-2"]


# -- dead letters -------------------------------------------------------------------------------------------------


@given(channel=st.text(st.characters()), reason=st.text(st.characters()), device=st.none() | st.text(st.characters()))
def test_a_letter_can_be_held_by_a_database(channel: str, reason: str, device: str | None) -> None:
    item = Frame("raw", "test", channel, b"\0\xff", NOW)
    letter = dead_letter(item, "malformed", reason, device_id=device)
    for text in (letter.frame.channel, letter.reason, letter.device_id or ""):
        assert "\0" not in text
        text.encode()
    assert (letter.frame.payload, letter.size, item.channel) == (b"\0\xff", 2, channel)
    assert printable(letter.reason) == letter.reason


async def test_what_is_sound_beside_a_fault_is_filed(postgres_dsn: str) -> None:
    store = make_store(postgres_dsn)
    await ingest(store, make_assembler(store), [frame({"ts": NOW, "readings": {"fill_pct": 7, "nonsense": 1}})])
    await store.close()
    assert [row[3] for row in contents(postgres_dsn)["readings"]] == [7.0]
    assert [code for code, _ in dead_letters(postgres_dsn)] == ["invalid"]
