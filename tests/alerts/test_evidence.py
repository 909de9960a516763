"""Evidence counts from the first moment that shows it; a gap is none."""

from alerts.evidence import CALM, Hold, Proof, take

S = 1_000_000


def run(proofs: tuple[Proof, Proof], gap_s: float, *shown: tuple[int, bool | None]) -> list[tuple[int, int]]:
    """(at, since) of each turn, in seconds."""
    hold: Hold = CALM
    turns = []
    for second, what in shown:
        hold, turned = take(hold, second * S, what, proofs, gap_s)
        if turned is not None:
            turns.append((second, turned // S))
    return turns


def test_the_threshold_counts_in_the_duration() -> None:
    proofs = Proof(60), Proof(30)
    assert run(proofs, 300, (0, True), (59, True)) == []
    assert run(proofs, 300, (0, True), (60, True)) == [(60, 0)]
    assert run(proofs, 300, (0, True), (60, True), (70, False), (99, False), (100, False)) == [(60, 0), (100, 70)]


def test_what_is_neither_begins_anew() -> None:
    proofs = Proof(60), Proof(30)
    assert run(proofs, 300, (0, True), (30, None), (60, True), (119, True), (120, True)) == [(120, 60)]
    back = ((70, False), (90, None), (100, False), (130, False))
    assert run(proofs, 300, (0, True), (60, True), *back) == [(60, 0), (130, 100)]


def test_a_gap_begins_anew() -> None:
    assert run((Proof(60), Proof(0)), 100, (0, True), (100, True)) == [(100, 0)]
    assert run((Proof(60), Proof(0)), 100, (0, True), (101, True), (160, True), (161, True)) == [(161, 101)]


def test_number_or_time_whichever_is_first() -> None:
    either = Proof(60, 3), Proof(0)
    assert run(either, 300, (0, True), (5, True), (10, True)) == [(10, 0)]
    assert run(either, 300, (0, True), (60, True)) == [(60, 0)]
    assert run((Proof(None, 2), Proof(0)), 300, (0, True), (299, False), (300, True), (301, True)) == [(301, 300)]
    assert run((Proof(0), Proof(0)), 300, (7, True), (8, False)) == [(7, 7), (8, 8)]
    assert run((Proof(None), Proof(None)), 300, (7, True)) == [(7, 7)]
