"""NMEA 0183, the epoch: which sentences belong to one instant.

A receiver sends a burst of sentences for each solution, in an order of its own. RMC, GGA, GNS, GLL and ZDA carry the
time of day: a new time begins a new epoch. GSA, GSV and VTG carry none, and some receivers send them before the timed
ones: such a sentence that comes a second time, after others have come between, opens the next epoch, which a timed
sentence then confirms (a new time) or takes back (the same time). What comes out depends on the order of the sentences
and on :meth:`EpochAssembler.flush`, never on how the bytes were cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from ingest.wire.nmea.claim import JUDGES, EpochClaim, claim_of, is_fix, told_date, told_time
from ingest.wire.nmea.fields import DAY
from ingest.wire.nmea.sentence import Sentence

MAX_SENTENCES = 160  #: of one epoch: six constellations, two signals, and room
_LISTS = ("GSA",)  #: types of which several in a row belong together, though nothing tells them apart


class Epoch(msgspec.Struct):
    """The sentences of one instant in the order in which they came.

    ``day`` is the date where no sentence tells one, carried on from before. ``seq`` numbers what was told of the same
    instant: a receiver that pauses within an epoch makes two of it, the second holding the first.
    """

    sentences: list[Sentence]
    day: date | None = None
    seq: int | None = None

    def claim(self) -> EpochClaim:
        """What the epoch says."""
        return claim_of(self.sentences, self.day)


class _Calendar:
    """The date of epochs that tell none: the last one told, through midnights."""

    def __init__(self) -> None:
        self._day: date | None = None
        self._time = 0

    def day_of(self, sentences: Sequence[Sentence]) -> date | None:
        """The date for an epoch that has none of its own; None for one that has, or while none is known."""
        time, told = told_time(sentences), told_date(sentences)
        if time is None:
            return None
        if told is not None:
            self._day, self._time = told, time
            return None
        if self._day is None:
            return None
        step = time - self._time
        try:
            if step > DAY // 2:  # an epoch of before midnight that comes late
                return self._day - timedelta(days=1)
            if step < -DAY // 2:
                self._day += timedelta(days=1)
        except OverflowError:
            return None
        self._time = time
        return self._day


class EpochAssembler:
    """Groups the sentences of one receiver into epochs."""

    def __init__(self) -> None:
        self._now: list[Sentence] = []
        self._time: int | None = None  #: of the sentences in ``_now``
        self._seq = 0
        self._next: list[Sentence] = []  #: sentences without a time that perhaps belong to the next epoch
        self._flushed: tuple[list[Sentence], int, int] | None = None  #: what was flushed last, its time, its number
        self._again = False  #: whether what comes now came before, in the same order
        self._calendar = _Calendar()

    def feed(self, sentence: Sentence) -> list[Epoch]:
        """The epochs that this sentence shows to be complete. Sentences that are passed over change nothing."""
        if sentence.facts is None or self._repeats(sentence):
            return []
        told: list[Epoch] = []
        if len(self._now) + len(self._next) >= MAX_SENTENCES:
            told = self.flush()
        if sentence.facts.time is None:
            self._untimed(sentence, told)
        else:
            self._timed(sentence, sentence.facts.time, told)
        return told

    def flush(self) -> list[Epoch]:
        """The epoch that was being gathered: the line is idle, or has ended."""
        told: list[Epoch] = []
        if not self.waiting:
            return told
        gathered, time, seq = self.waiting, self._time, self._seq
        self._now, self._next = gathered, []
        self._close(told)
        if time is not None:
            self._flushed = (gathered, time, seq)
        return told

    @property
    def waiting(self) -> list[Sentence]:
        """The sentences that wait for the end of their epoch."""
        return self._now + self._next

    def _repeats(self, sentence: Sentence) -> bool:
        """Whether a burst is being delivered a second time: then nothing of it is new, whatever its order.

        A timed sentence shows it, being the same to the letter as one of the epoch that it belongs to. Those without
        a time can be the same in two epochs, so that only behind such a timed one they are known for repeated.
        """
        known, time = (self._now, self._time) if self._time is not None else (self._flushed or ([], None))[:2]
        if sentence.facts is not None and sentence.facts.time is not None:
            self._again = not self._next and sentence.facts.time == time and _stands(sentence, known)
            return self._again
        return self._again and _stands(sentence, known)

    def _untimed(self, sentence: Sentence, told: list[Epoch]) -> None:
        group = self._next or self._now
        if not _recurs(sentence, group):
            group.append(sentence)
            return
        if self._next or self._time is None:  # a receiver that has no time yet: its cycle begins again
            following, self._next = self._next, []
            self._close(told)
            self._now = following
        if self._now:
            self._next = [sentence]
        else:
            self._now = [sentence]

    def _timed(self, sentence: Sentence, time: int, told: list[Epoch]) -> None:
        if self._time is None:
            self._first_timed(sentence, time, told)
            return
        if time == self._time and not _recurs(sentence, self._now):
            self._now += [*self._next, sentence]
            self._next = []
            return
        seq = self._seq + 1 if time == self._time else 0
        self._start([*self._next, sentence], time, seq, told)

    def _first_timed(self, sentence: Sentence, time: int, told: list[Epoch]) -> None:
        """The first sentence with a time, after none or after some without."""
        if self._next or any(one.type in JUDGES for one in self._now):  # of a receiver that had no time until now
            self._start([*self._next, sentence], time, 0, told)
            return
        self._now.append(sentence)
        self._time, self._seq = time, 0
        if self._flushed is not None:
            before, flushed_time, seq = self._flushed
            if flushed_time == time and len(before) + len(self._now) < MAX_SENTENCES:
                self._now, self._seq = before + self._now, seq + 1
            self._flushed = None

    def _start(self, sentences: list[Sentence], time: int, seq: int, told: list[Epoch]) -> None:
        self._next = []
        self._close(told)
        self._now, self._time, self._seq = sentences, time, seq

    def _close(self, told: list[Epoch]) -> None:
        """Tell the epoch that was gathered, if it says anything: a time with a verdict on the fix, or a fix."""
        sentences, seq = self._now, self._seq
        self._now, self._time, self._seq, self._flushed = [], None, 0, None
        day = self._calendar.day_of(sentences)
        judged = any(one.type != "GSA" and one.facts is not None and one.facts.void is not None for one in sentences)
        if is_fix(sentences) or (judged and told_time(sentences) is not None):
            told.append(Epoch(sentences, day, seq or None))


def _stands(sentence: Sentence, group: Sequence[Sentence]) -> bool:
    """Whether the very same sentence is among these."""
    return any(sentence.raw == other.raw for other in group)


def _recurs(sentence: Sentence, group: Sequence[Sentence]) -> bool:
    """Whether such a sentence came already and the cycle has gone on since."""
    key = sentence.key
    if sentence.type in _LISTS and group and group[-1].key == key:
        return False
    return any(other.key == key for other in group)
