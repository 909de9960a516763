"""Reading one unit: the requests of a poll, what the unit refuses, and what it said before."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, time_ns
from typing import Protocol

import msgspec

from devices.register_maps.layout import Group
from ingest.transports.modbus.link import Link, UnitRefusedError, UnitSilentError
from ingest.transports.modbus.plan import Read, Unit, plan
from ingest.wire.modbus.poll import Block, Poll

REFUSED_S = 600.0  #: so long a request is not sent again that the unit refuses for good, and a refusal not told again
LASTING = frozenset((1, 2, 3))  #: exceptions that the same request will meet again


class Counts(Protocol):
    """What is counted of the requests."""

    requests: int
    timeouts: int
    exceptions: int


class _Refusal(msgspec.Struct, frozen=True):
    """``code`` is None where the unit left this request alone without an answer."""

    code: int | None
    until: float


class Reader:
    """One unit as it is read: its plans, its refusals, and the bits whose changes are events."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._bridging = True  #: whether it has let itself be read across gaps so far
        self._refused: dict[tuple[int, int, int], _Refusal] = {}
        self._before: dict[tuple[int, int, int], Block] = {}
        self._plans: dict[tuple[str, ...], tuple[Read, ...]] = {}
        self._eventful = {
            (point.function, point.address) for point in unit.register_map.points().values() if point.makes_events
        }

    async def take(self, link: Link, groups: Sequence[Group], first_s: float, timeout_s: float, counts: Counts) -> Poll:
        """Poll ``groups``; the first answer may take ``first_s``, the others ``timeout_s``.

        What came before an answer stayed away is told. Raises UnitSilentError when nothing came at all, TransientError
        when the connection was lost.
        """
        blocks: list[Block] = []
        at, heard = 0, False
        for read in self._reads(groups):
            try:
                counts.requests += 1
                words = await link.read(self.unit.number, read, timeout_s if heard else first_s)
            except UnitRefusedError as error:
                heard = True
                counts.exceptions += 1
                if self._is_news(read, error.code):
                    blocks.append(Block(read.function, read.address, count=read.count, exception=error.code))
            except UnitSilentError:
                counts.timeouts += 1
                if not heard:
                    raise
                self._refused[read.key] = _Refusal(None, monotonic() + REFUSED_S / 10)
                break
            else:
                heard = True
                self._refused.pop(read.key, None)
                blocks.append(Block(read.function, read.address, words))
            at = at or time_ns() // 1_000
        before = tuple(old for block in blocks if (old := self._replaced(block)) is not None)
        return Poll(self.unit.register_map.name, self.unit.number, at or time_ns() // 1_000, tuple(blocks), before)

    def _reads(self, groups: Sequence[Group]) -> list[Read]:
        """The requests to send; where they are all refused for now, another, to see whether the unit lives."""
        now = monotonic()
        reads = [read for read in self._plan(groups) if not self._is_futile(read, now)]
        if reads:
            return reads
        everything = self._plan(self.unit.register_map.groups)
        return [next((read for read in everything if not self._is_futile(read, now)), everything[0])]

    def _plan(self, groups: Sequence[Group]) -> tuple[Read, ...]:
        names = tuple(group.name for group in groups)
        if names not in self._plans:
            register_map = self.unit.register_map
            gap = register_map.gap if self._bridging else 0
            self._plans[names] = plan(groups, gap, register_map.max_registers)
        return self._plans[names]

    def _is_futile(self, read: Read, now: float) -> bool:
        refusal = self._refused.get(read.key)
        return refusal is not None and now < refusal.until and (refusal.code is None or refusal.code in LASTING)

    def _is_news(self, read: Read, code: int) -> bool:
        """Whether a refusal is to be told; a unit that cannot be read across a gap is read without from now on."""
        if read.bridges and code in LASTING and self._bridging:
            self._bridging = False
            self._plans.clear()
            return False
        now = monotonic()
        known = self._refused.get(read.key)
        if known is not None and known.code == code and now < known.until:
            return False
        self._refused[read.key] = _Refusal(code, now + REFUSED_S)
        return True

    def _replaced(self, block: Block) -> Block | None:
        """What stood in a block at the poll before, if it has points that make events and is another now."""
        if block.exception is not None or not any(
            function == block.function and block.address <= address < block.address + len(block.words)
            for function, address in self._eventful
        ):
            return None
        key = (block.function, block.address, len(block.words))
        old = self._before.get(key)
        self._before[key] = block
        return None if old is None or old.words == block.words else old
