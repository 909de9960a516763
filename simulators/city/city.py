"""The city: everybody who reports, on one agenda, determined wholly by the seed, the start and the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from simulators.city import plan
from simulators.city.agenda import Agenda
from simulators.city.bins import Bin
from simulators.city.local_time import LocalTime
from simulators.city.observation import Observation
from simulators.city.settings import Incidents, Intervals, Size
from simulators.city.shift_work import BinsByArc, ShiftWork
from simulators.city.streets import ZONES, Arc, Streets
from simulators.city.toilets import Toilet
from simulators.city.vehicle import Vehicle
from simulators.city.workers import Worker
from simulators.truth import TruthLog, nowhere

TOILET_KERB_M = 14.0


class _Named(Protocol):
    id: str


class City:
    """A simulated district, from ``start_us`` (µs since 1970, UTC) on.

    :meth:`advance` may be called in steps of any size: the reports and the truth are the same. What happened by then
    is in ``truth``; what is still going on is written when the log is closed by its footer.
    """

    def __init__(
        self,
        seed: int,
        start_us: int,
        size: Size | None = None,
        *,
        intervals: Intervals | None = None,
        incidents: Incidents | None = None,
        truth: TruthLog | None = None,
    ) -> None:
        self.seed = seed
        self.start_us = start_us // 1_000 * 1_000
        self.size = size or Size()
        self._intervals = intervals or Intervals()
        self._incidents = incidents or Incidents()
        self._truth = truth or nowhere()
        self._agenda = Agenda()
        self._clock = LocalTime()
        self.streets = Streets(seed)
        self.bins = [self._bin(index) for index in range(self.size.bins)]
        self.toilets = [self._toilet(index) for index in range(self.size.toilets)]
        self.plans: dict[str, plan.VehiclePlan] = {}
        self._bins_by_arc = _by_arc(self.bins)
        self.vehicles = [self._vehicle(index) for index in range(self.size.vehicles)]
        self.workers = [self._worker(index) for index in range(self.size.workers)]

    @property
    def device_ids(self) -> tuple[str, ...]:
        """Every device, vehicles first."""
        kinds: tuple[Sequence[_Named], ...] = (self.vehicles, self.bins, self.toilets, self.workers)
        return tuple(device.id for kind in kinds for device in kind)

    @property
    def next_at(self) -> int | None:
        """When somebody reports next (µs); None in an empty city."""
        return self._agenda.next_at

    def advance(self, to_us: int) -> Iterator[Observation]:
        """Let time pass up to and including ``to_us``; yields every report on the way, ordered by time.

        The iterator must be used up before the next call.
        """
        return self._agenda.run(to_us)

    def bins_on(self, arc: Arc) -> Sequence[tuple[float, Bin]]:
        """The bins at the right-hand side of ``arc`` with their metres along it, in the order of driving."""
        return self._bins_by_arc.get((arc.edge, arc.tail), ())

    def _bin(self, index: int) -> Bin:
        spot = plan.kerbside(self.seed, "bin", index, plan.bin_zone(index), self.streets)
        return Bin(
            f"bin-{index + 1:04d}",
            spot,
            self.seed,
            self.start_us,
            self._intervals,
            self._incidents,
            self._clock,
            self._agenda,
            self._truth,
        )

    def _toilet(self, index: int) -> Toilet:
        spot = plan.kerbside(self.seed, "toilet", index, index % ZONES, self.streets, TOILET_KERB_M)
        return Toilet(
            f"toilet-{index + 1:04d}",
            spot,
            self.seed,
            self.start_us,
            self._intervals,
            self._incidents,
            self._clock,
            self._agenda,
            self._truth,
        )

    def _vehicle(self, index: int) -> Vehicle:
        device_id = f"vehicle-{index + 1:04d}"
        own = self.plans[device_id] = plan.plan_vehicle(self.seed, index, self.streets)
        vehicle = Vehicle(device_id, own.vehicle_type, self.seed, self._intervals, self._agenda, self.start_us)
        work = ShiftWork(vehicle, own, self.streets, self._bins_by_arc, self._incidents, self._clock, self._truth)
        vehicle.script = work.phases()
        vehicle.begin()
        return vehicle

    def _worker(self, index: int) -> Worker:
        return Worker(
            f"worker-{index + 1:04d}",
            plan.post_of(self.seed, index, self.streets),
            self.streets,
            self.seed,
            self.start_us,
            self._intervals,
            self._incidents,
            self._clock,
            self._agenda,
            self._truth,
        )


def _by_arc(bins: list[Bin]) -> BinsByArc:
    found: BinsByArc = {}
    for container in bins:
        spot = container.spot
        found.setdefault((spot.arc.edge, spot.arc.tail), []).append((spot.along, container))
    for along_arc in found.values():
        along_arc.sort(key=lambda pair: (pair[0], pair[1].id))
    return found
