"""The same data is the same report; other data is another, and says what is other."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from fleet.compliance.result import PassCoverage
from fleet.reports.canonical import canonical, content_hash, read, settled
from fleet.reports.document import Document, Figure, Section
from fleet.reports.kind import OrderError, checked, kinds
from fleet.reports.revision import Order, differences
from fleet.reports.speech import Speech
from tests.report_documents import documents, order
from tests.report_samples import ORDER, ZONE, at, compliance_document, judged


def parts() -> list[object]:
    return [judged(plan=f"p-{n}", missed=n % 3) for n in range(5)]


@given(st.permutations(range(5)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_parts_changes_nothing(places: list[int]) -> None:
    all_ = parts()
    mixed = kinds()["route_compliance"].build(ORDER, [all_[place] for place in places])
    assert content_hash(mixed) == content_hash(kinds()["route_compliance"].build(ORDER, all_))


def test_a_kept_document_is_the_same_when_read_again() -> None:
    for document in documents():
        again = read(msgspec.json.encode(document))
        assert again == document
        assert content_hash(again) == content_hash(document)


def test_what_a_sum_in_another_order_differs_by_is_no_difference() -> None:
    one = Document("k", "t", "s", 0, 1, ZONE, sections=(Section("a", "b", (Figure("f", "g", 0.1 + 0.2),)),))
    other = Document("k", "t", "s", 0, 1, ZONE, sections=(Section("a", "b", (Figure("f", "g", 0.3),)),))
    assert canonical(one) == canonical(other)
    assert content_hash(one) == content_hash(other)
    assert settled(one) == settled(other)


def test_a_value_that_is_none_and_an_endless_one() -> None:
    wild = Document("k", "t", "s", 0, 1, ZONE, sections=(Section("a", "b", (Figure("f", "g", float("nan")),)),))
    assert settled(wild).sections[0].figures[0].value is None
    zero = Document("k", "t", "s", 0, 1, ZONE, sections=(Section("a", "b", (Figure("f", "g", -0.0),)),))
    assert b"-0" not in canonical(zero)


def test_late_data_is_told_by_figures_and_rows() -> None:
    before = compliance_document(judged(missed=2))
    late = judged(missed=1)
    passes = (PassCoverage(1, 8_900, 8_800, 100, 0), late.compliance.passes[1])
    after = compliance_document(structs.replace(late, compliance=structs.replace(late.compliance, passes=passes)))
    assert content_hash(before) != content_hash(after)
    changes = differences(before, after)
    speech = Speech("en", after)
    said = {
        " > ".join(speech.text(part) for part in change.where): (
            speech.full(change.before, change.form),
            speech.full(change.after, change.form),
        )
        for change in changes
    }
    assert said["Overview > Coverage"] == ("94.8\u00a0%", "98.3\u00a0%")
    assert said["Stops > Missed"] == ("2", "1")
    assert said["All stops > 1 > 人民路5号 > State"] == ("missed", "on time")
    assert said["Missed, late and early stops > 人民路5号 > 1 > 2026-11-23 06:55:00"] == ("row", "–")
    assert differences(after, after) == ()


def test_a_long_list_of_changes_is_bounded() -> None:
    before = compliance_document(*(judged(plan=f"p-{n}") for n in range(2, 200)))
    after = compliance_document(judged(plan="q-1"), judged(plan="q-2"))
    changes = differences(before, after)
    assert len(changes) == 501
    assert "more changes" in Speech("en", after).text(changes[-1].where[0])


def test_an_order_is_known_by_what_it_asks_for() -> None:
    one = Order("vehicle_day", 1, 2, ZONE, {"vehicle": "a", "route": "b"})
    same = Order("vehicle_day", 1, 2, ZONE, {"route": "b", "vehicle": "a"})
    assert one.key == same.key
    assert one.key != structs.replace(one, zone="UTC").key


def test_what_cannot_be_ordered_names_its_field() -> None:
    for wrong, field in (
        (Order("nonsense", 1, 2, ZONE), "kind: "),
        (structs.replace(order("vehicle_day"), end=0), "from: "),
        (structs.replace(order("vehicle_day"), subject={"toilet": "t"}), "toilet: "),
    ):
        try:
            checked(wrong)
        except OrderError as error:
            assert str(error).startswith(field)
        else:
            raise AssertionError(field)


def test_a_clock_past_midnight_and_a_change_of_clocks_are_told() -> None:
    night = structs.replace(compliance_document(), start=at(23, 22), end=at(24, 6))
    assert Speech("en", night).clock(at(24, 1)) == "01:00:00 +1"
    spring = Document("k", "t", "s", 1_774_738_800_000_000, 1_774_828_800_000_000, "Europe/Berlin")
    assert Speech("en", spring).zone_text() == "Europe/Berlin (UTC+01:00 → UTC+02:00)"
