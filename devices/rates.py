"""How fast peers may speak: token buckets, bounded in memory. What is too fast waits; nothing is thrown away here."""

from __future__ import annotations

from collections import OrderedDict

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """So many a second in the long run, and ``burst`` at once. ``per_s`` 0: no limit."""

    per_s: float = 0.0
    burst: float = 0.0


class Bucket:
    """What one peer may still say. ``now`` is any steady clock, s."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Take so much, perhaps more than there is; seconds until nothing is owed (0: none is)."""
        rate = self._rate
        if rate.per_s <= 0:
            return 0.0
        self._left = min(rate.burst, self._left + (now - self._at) * rate.per_s) - amount
        self._at = now
        return max(0.0, -self._left / rate.per_s)

    def give_back(self, amount: float) -> None:
        """What was taken was not used after all."""
        self._left += amount


class Buckets:
    """A bucket for each name; those not heard of for the longest time are forgotten, and begin full again."""

    def __init__(self, rate: Rate, most: int = 100_000) -> None:
        self._rate = rate
        self._most = most
        self._known: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now: float, amount: float = 1.0) -> float:
        """Take of the bucket of a name; seconds until nothing is owed."""
        if self._rate.per_s <= 0:
            return 0.0
        return self._bucket(name, now).take(amount, now)

    def wait_s(self, name: str, now: float, amount: float = 1.0) -> float:
        """The same where what is too fast is refused and not done: then nothing is taken."""
        if self._rate.per_s <= 0:
            return 0.0
        bucket = self._bucket(name, now)
        wait = bucket.take(amount, now)
        if wait:
            bucket.give_back(amount)
        return wait

    def _bucket(self, name: str, now: float) -> Bucket:
        bucket = self._known.get(name)
        if bucket is None:
            bucket = self._known[name] = Bucket(self._rate, now)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(name)
        return bucket
