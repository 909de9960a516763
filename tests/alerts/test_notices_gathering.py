"""What goes out together, for any set of deliveries that are due."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from alerts.notices.gathering import MOST_AT_ONCE, Due, gather

dues = st.lists(st.tuples(st.none() | st.integers(0, 5), st.booleans(), st.booleans()), max_size=40).map(
    lambda several: [Due(number, *one) for number, one in enumerate(several)]
)


@given(dues, st.integers(0, 6), st.none() | st.integers(0, 6), st.booleans())
def test_bounded_once_and_in_order(due: list[Due], slots: int, allowance: int | None, bundles: bool) -> None:
    groups = gather(due, slots=slots, allowance=allowance, bundles=bundles)
    ids = [id_ for group in groups for id_ in group]
    assert len(ids) == len(set(ids))
    assert len(groups) <= min(slots, slots if allowance is None else allowance)
    assert all(groups)
    assert all(len(group) == 1 for group in groups) or bundles
    where = {id_: number for number, group in enumerate(groups) for id_ in group}
    by_id = {one.id: one for one in due}
    for group in groups:
        assert group == sorted(group)
    for id_, number in where.items():  # whatever is earlier of the same alert goes out in the same message
        alert = by_id[id_].alert
        if alert is not None:
            assert all(where.get(one.id) == number for one in due if one.alert == alert and one.id < id_)


@given(dues, st.integers(1, 6), st.none() | st.integers(1, 6), st.booleans())
def test_everything_goes_out_in_the_end(due: list[Due], slots: int, allowance: int | None, bundles: bool) -> None:
    rounds = 0
    while due:
        groups = gather(due, slots=slots, allowance=allowance, bundles=bundles)
        assert groups
        gone = {id_ for group in groups for id_ in group}
        due = [one for one in due if one.id not in gone]
        rounds += 1
    assert rounds <= 40


def single(count: int, **more: bool) -> Sequence[Due]:
    return [Due(number, number, **more) for number in range(count)]


def test_the_last_message_of_the_minute_takes_the_rest() -> None:
    assert gather(single(40), slots=4, allowance=20) == [[0], [1], [2], [3]]
    assert gather(single(40), slots=4, allowance=3) == [[0], [1], list(range(2, 40))]
    assert gather(single(3), slots=4, allowance=3) == [[0], [1], [2]]


def test_what_is_urgent_goes_alone_and_first() -> None:
    due = [*single(10), Due(10, 10, urgent=True)]
    assert gather(due, slots=4, allowance=2) == [[10], list(range(10))]


def test_a_digest_is_one_message() -> None:
    due = [*single(10, digest=True), Due(10, 10)]
    assert gather(due, slots=4) == [list(range(10)), [10]]


def test_a_message_is_bounded() -> None:
    groups = gather(single(500, digest=True), slots=4)
    assert [len(group) for group in groups] == [MOST_AT_ONCE]


def test_what_cannot_be_bundled_is_held_back() -> None:
    assert gather(single(40), slots=4, allowance=2, bundles=False) == [[0], [1]]
