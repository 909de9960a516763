"""Copies of one message that came by different ways, told apart from new messages (ADR 0010).

A network server may hand over one uplink twice, through two integrations, two gateways or two paths, and each copy may
carry a time of its own. Copies are known by what the device said (:class:`devices.vocabulary.Copy`) and by lying close
together in time. The first copy decides where the message is filed; the others are filed at the same instant, where by
their content they are duplicates. Readings that are about a copy are filed with the first only.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from devices.clock import SECOND, ClockPolicy, Verdict, judge
from devices.vocabulary import Batch, Copy, Echo, EchoWanted, Frame, Uplink

COPIES_APART = 30 * SECOND
"""How far the times of two copies of one message may lie apart. The same words later than that are a new message."""


def told_at(frame: Frame, uplink: Uplink, policy: ClockPolicy) -> int:
    """The instant by which a copy is compared with others: its own where that is usable, else that of its reception."""
    claimed_at = uplink.observed_at
    if claimed_at is not None and judge(claimed_at, frame.received_at, policy) is Verdict.PLAUSIBLE:
        return claimed_at
    return frame.received_at


def wanted_echo(frame: Frame, uplink: Uplink, device_key: int, policy: ClockPolicy) -> EchoWanted:
    """What to look up before filing a copy."""
    assert uplink.copy is not None
    instant = told_at(frame, uplink, policy)
    return EchoWanted(device_key, uplink.copy.digest, instant - COPIES_APART, instant + COPIES_APART)


class Echoes:
    """The messages that copies in one batch may belong to: those found in the store, and those of the batch itself."""

    def __init__(self, policy: ClockPolicy, found: Iterable[Echo] = ()) -> None:
        self._policy = policy
        self._known: dict[tuple[int, bytes], list[Echo]] = {}
        for echo in found:
            self._known.setdefault((echo.device_key, echo.digest), []).append(echo)

    def placed(self, frame: Frame, uplink: Uplink, device_key: int) -> Uplink:
        """The uplink as it is to be filed: as it is when it is the first copy, else in the place of the first."""
        copy = uplink.copy
        assert copy is not None
        instant = told_at(frame, uplink, self._policy)
        place = self._place(copy, device_key, instant)
        if place is None:
            return uplink
        readings = {name: value for name, value in uplink.readings.items() if name not in copy.readings}
        return msgspec.structs.replace(uplink, observed_at=place, readings=readings)

    def remember(self, copy: Copy, device_key: int, filed_at: int, batch: Batch) -> None:
        """Enter a message that was filed, unless it was known."""
        known = self._known.setdefault((device_key, copy.digest), [])
        if any(echo.told_at == filed_at and _one_session(echo.session, copy.session) for echo in known):
            return
        echo = Echo(device_key, copy.digest, copy.session, filed_at)
        known.append(echo)
        batch.echoes.append(echo)

    def _place(self, copy: Copy, device_key: int, instant: int) -> int | None:
        """Where the message was filed: of the nearest that it can be a copy of, the earlier one of two."""
        near = [
            (abs(echo.told_at - instant), echo.told_at)
            for echo in self._known.get((device_key, copy.digest), ())
            if abs(echo.told_at - instant) <= COPIES_APART and _one_session(echo.session, copy.session)
        ]
        return min(near)[1] if near else None


def _one_session(one: int, other: int) -> bool:
    """Whether two copies can be of one session; a copy that does not tell its session can be of any."""
    return one == other or 0 in (one, other)
