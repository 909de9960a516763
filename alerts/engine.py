"""The engine: the tracks of all devices, what a batch changes in them, and when which of them must be woken.

It proposes and is told what was committed: :meth:`Engine.propose` changes nothing, so that a batch which could not be
stored can be tried again, or in halves. It keeps no history; whoever drives it brings the track of a device that it
does not know (:meth:`Engine.admit`) and repairs those that are dirty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush

import msgspec

from alerts.checkpoint import pack
from alerts.fold import LONG_AGO, NEVER, Alert, Track
from alerts.moment import Moment, Moments, adds_nothing
from alerts.rulebook import Rulebook
from devices.vocabulary import Device

REMEMBERED = 3  #: moments of a device, by which one that is delivered again is known
CHECKPOINT_EVERY = 10 * 60 * 1_000_000  #: of a device's own time, µs


class Dirty(msgspec.Struct, frozen=True):
    """A device whose history must be folded again from ``since`` on (µs).

    ``frontier`` is how far it had been folded when that was found: what is told of later is no late news, for nobody
    could have been told before.
    """

    since: int
    frontier: int


class Proposal(msgspec.Struct):
    """What comes of some moments, or of time that passed; committed as one with what caused it.

    ``changes`` are alerts raised or cleared, in order for each device. ``dirty`` are devices into whose history
    something came late; ``waiting`` are those that were dirty before, with the first instant (µs) of what came now.
    ``checkpoints`` are tracks to keep, by device key.
    """

    changes: list[tuple[Device, Alert]] = msgspec.field(default_factory=list)
    dirty: dict[int, Dirty] = msgspec.field(default_factory=dict)
    waiting: dict[int, int] = msgspec.field(default_factory=dict)
    checkpoints: dict[int, tuple[int, bytes]] = msgspec.field(default_factory=dict)
    tracks: dict[int, Track] = msgspec.field(default_factory=dict)
    moments: dict[int, list[Moment]] = msgspec.field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing of it needs to be stored."""
        return not (self.changes or self.dirty or self.checkpoints)


class Engine:
    """The tracks of the devices that were heard or asked for since the start."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.dirty: dict[int, Dirty] = {}  #: devices that await repair
        self.waiting: dict[int, int] = {}  #: of these, the first instant (µs) that came since their repair began
        self._devices: dict[int, Device] = {}
        self._tracks: dict[int, Track] = {}
        self._recent: dict[int, list[Moment]] = {}
        self._kept: dict[int, int] = {}  #: when a checkpoint was made last, in the device's time
        self._scheduled: dict[int, int] = {}
        self._due: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._tracks)

    def unknown(self, keys: Iterable[int]) -> set[int]:
        """The devices whose tracks must be admitted before their moments can be proposed."""
        return {key for key in keys if key not in self._tracks and key not in self.dirty}

    def admit(self, device: Device, track: Track, kept_at: int = LONG_AGO) -> None:
        """Take over a device's track, folded up to its newest stored moment; ``kept_at`` is its newest checkpoint's."""
        self._devices[device.key] = device
        self._tracks[device.key] = track
        self._kept[device.key] = kept_at
        self.dirty.pop(device.key, None)
        self.waiting.pop(device.key, None)
        self._schedule(device.key, track.due)

    def propose(self, moments: Moments, devices: Mapping[int, Device]) -> Proposal:
        """What the moments of a batch change. Those of dirty devices only wait for the repair."""
        proposal = Proposal()
        for key, of_device in moments.items():
            if key in self.dirty:
                proposal.waiting[key] = since = min(of_device)
                if since < self.dirty[key].since:
                    proposal.dirty[key] = Dirty(since, self.dirty[key].frontier)
                continue
            known = self._tracks[key]
            instants = sorted(of_device) if len(of_device) > 1 else [*of_device]
            if instants[0] <= known.at:
                instants = self._unknown(key, of_device, instants)
                if not instants:
                    continue
            if instants[0] <= known.at:
                proposal.dirty[key] = Dirty(instants[0], known.at)
                continue
            proposal.moments[key] = news = [of_device[at] for at in instants]
            self._advance(proposal, devices[key], known, news, None)
        return proposal

    def reconsider(self, proposal: Proposal, since: Mapping[int, int]) -> None:
        """Make devices dirty from an instant (µs) on, by their keys: their history has changed since."""
        for key, at in since.items():
            track, known = self._tracks.get(key), proposal.dirty.get(key) or self.dirty.get(key)
            if known is None and (track is None or at > track.at):
                continue  # nothing was folded that far
            frontier = known.frontier if known is not None else track.at if track is not None else at
            earliest = at if known is None else min(at, known.since)
            proposal.dirty[key] = Dirty(earliest, frontier)
            proposal.tracks.pop(key, None)
            proposal.moments.pop(key, None)
            proposal.checkpoints.pop(key, None)
            proposal.changes = [(device, alert) for device, alert in proposal.changes if device.key != key]

    def tick(self, horizon: int, most: int = 5_000, behind: Callable[[int], int] = lambda key: 0) -> Proposal:
        """What time alone changes up to ``horizon`` (µs); at most so many devices at a time, see :meth:`more_due`.

        ``behind`` is how far (µs) what a device tells lies behind, by its key: its clock is slow, or it tells of the
        past. Its time passes only as far; what is not due by that is left for a later tick.
        """
        proposal = Proposal()
        while self.more_due(horizon) and len(proposal.tracks) < most:
            due, key = heappop(self._due)
            if self._scheduled.get(key) == due:
                del self._scheduled[key]
            track = self._tracks.get(key)
            if track is None or key in self.dirty or key in proposal.tracks:
                continue
            late_by = behind(key)
            if track.due > horizon - late_by:
                self._schedule(key, track.due + late_by)
            else:
                self._advance(proposal, self._devices[key], track, [], horizon - late_by)
        return proposal

    def look_at_all(self) -> None:
        """Look at every device anew when its next waking is due: what a later one was reckoned by has changed."""
        for key, track in self._tracks.items():
            self._schedule(key, track.due)

    def more_due(self, horizon: int) -> bool:
        """Whether something is left to be woken up to ``horizon``."""
        return bool(self._due) and self._due[0][0] <= horizon

    def accept(self, proposal: Proposal, devices: Mapping[int, Device] | None = None) -> None:
        """The proposal is committed."""
        for key, track in proposal.tracks.items():
            if devices is not None:
                self._devices[key] = devices[key]
            self._tracks[key] = track
            self._schedule(key, track.due)
        for key, moments in proposal.moments.items():
            self._recent[key] = [*self._recent.get(key, ()), *moments][-REMEMBERED:]
        for key, (at, _) in proposal.checkpoints.items():
            self._kept[key] = at
        for key in proposal.dirty:
            self._tracks.pop(key, None)
            self._recent.pop(key, None)
        for key, since in proposal.waiting.items():
            self.waiting[key] = min(since, self.waiting.get(key, since))
        self.dirty |= proposal.dirty

    def dismiss(self, proposal: Proposal) -> None:
        """The proposal could not be committed: what it woke will be woken again."""
        for key in proposal.tracks:
            if (track := self._tracks.get(key)) is not None:
                self._schedule(key, track.due)

    def _unknown(self, key: int, of_device: Mapping[int, Moment], instants: list[int]) -> list[int]:
        """The instants without those of which the same was told before: a delivery made twice is not late."""
        recent = {moment.at: moment for moment in self._recent.get(key, ())}
        return [at for at in instants if at not in recent or not adds_nothing(recent[at], of_device[at])]

    def _advance(
        self, proposal: Proposal, device: Device, known: Track, moments: list[Moment], horizon: int | None
    ) -> None:
        track = known.copy()
        changed = self.book.fold(track, device, moments, horizon)
        proposal.tracks[device.key] = track
        if changed:
            proposal.changes += [(device, alert) for alert in changed]
        if track.at - self._kept.get(device.key, LONG_AGO) >= CHECKPOINT_EVERY:
            kind_of = self.book.kinds_of(device, track.rule_set)
            proposal.checkpoints[device.key] = track.at, pack(track, kind_of)

    def _schedule(self, key: int, due: int) -> None:
        """See that the device is looked at when its next waking is due: one entry, brought forward if need be."""
        if due < self._scheduled.get(key, NEVER):
            self._scheduled[key] = due
            heappush(self._due, (due, key))
