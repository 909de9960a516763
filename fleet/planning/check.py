"""The checker: whether a plan keeps every limit, worked out anew from the problem and nothing of the planners'."""

from __future__ import annotations

from collections import Counter

from fleet.planning.problem import CollectionPlan, Problem, Tour, Travel, Truck, Visit, site_of

_SECOND = 1_000_000
_ROUNDING_US = 2  #: instants are whole microseconds
_NEAR = 0.01  #: metres, litres and kilograms are rounded in a plan


def check(problem: Problem, travel: Travel, plan: CollectionPlan) -> tuple[str, ...]:
    """What a plan breaks, a line for each; none: it can be driven as it stands.

    Each bin stands once in a tour or among the unserved. Each tour begins and ends where and when its truck may, has
    the time to drive between its stops, serves within windows and skills, never carries more than goes in, empties
    itself at tips alone, and takes its breaks. What a plan says of its way, load and hours must be so.
    """
    counted = Counter(bin_id for tour in plan.tours for bin_id in tour.bins)
    counted.update(one.bin for one in plan.unserved)
    wanted = {demand.bin for demand in problem.demands}
    found = [f"bin {name!r}: stands {times} times in the plan" for name, times in counted.items() if times != 1]
    found += [f"bin {name!r}: is in no tour and not among the unserved" for name in sorted(wanted - counted.keys())]
    found += [f"bin {name!r}: was not asked for" for name in sorted(counted.keys() - wanted)]
    trucks = {truck.id: truck for truck in problem.trucks}
    used = Counter(tour.truck for tour in plan.tours)
    found += [f"truck {name!r}: has {times} tours" for name, times in used.items() if times != 1]
    for tour in plan.tours:
        truck = trucks.get(tour.truck)
        faults = (
            [f"truck {tour.truck!r}: there is none"] if truck is None else _check_tour(problem, travel, tour, truck)
        )
        found += faults
    return tuple(found)


def _check_tour(problem: Problem, travel: Travel, tour: Tour, truck: Truck) -> list[str]:
    visits = tour.visits
    kinds = [visit.kind for visit in visits]
    if len(kinds) < 2 or kinds[0] != "start" or kinds[-1] != "end" or {"start", "end"} & set(kinds[1:-1]):
        return [f"truck {truck.id!r}: a tour begins with its start and ends with its end"]
    found = []
    if visits[0].place != truck.start.id or visits[-1].place != truck.finish.id:
        found.append(f"leaves from {visits[0].place!r} or ends at {visits[-1].place!r}, which are not its depots")
    if visits[0].arrive < truck.begin or visits[-1].leave > truck.end:
        found.append("works outside its shift")
    if problem.tips and visits[-1].litres + visits[-1].kg > _NEAR:
        found.append("comes back with a load although there is a tip")
    found += _check_ways(problem, travel, tour, truck)
    found += _check_loads(problem, tour, truck)
    found += _check_service(problem, tour, truck)
    found += _check_breaks(tour, truck)
    return [f"truck {truck.id!r}: {fault}" for fault in found]


def _check_ways(problem: Problem, travel: Travel, tour: Tour, truck: Truck) -> list[str]:
    numbers = site_of(problem) | {f"bin {demand.bin}": number for number, demand in enumerate(problem.demands)}
    found, along, here, left = [], 0.0, None, truck.begin
    for visit in tour.visits:
        if not visit.arrive <= visit.begin <= visit.leave:
            found.append(f"{visit.place!r}: arrives, begins and leaves in no order")
        if visit.kind == "break":
            drive = 0.0
        else:
            site = numbers.get(f"bin {visit.place}" if visit.kind == "bin" else visit.place)
            if site is None:
                return [*found, f"{visit.place!r}: is nowhere"]
            drive = 0.0 if here is None else float(travel.seconds[here, site]) / truck.speed_factor
            along += 0.0 if here is None else float(travel.metres[here, site])
            here = site
        if not visit.arrive - left >= drive * _SECOND - _ROUNDING_US:
            found.append(f"{visit.place!r}: is reached {(visit.arrive - left) / _SECOND:g} s later, takes {drive:g} s")
        if not abs(visit.along_m - along) <= _NEAR:
            found.append(f"{visit.place!r}: along_m is {visit.along_m:g}, expected {along:g}")
        left = visit.leave
    return found


def _check_loads(problem: Problem, tour: Tour, truck: Truck) -> list[str]:
    demands = {demand.bin: demand for demand in problem.demands}
    tips = {tip.place.id: tip for tip in problem.tips}
    found, litres, kg = [], 0.0, 0.0
    for visit in tour.visits:
        if visit.kind == "bin" and visit.place in demands:
            litres += demands[visit.place].litres
            kg += demands[visit.place].kg
        elif visit.kind == "tip":
            tip = tips.get(visit.place)
            if tip is None:
                found.append(f"{visit.place!r}: is no tip")
            elif visit.leave - visit.begin < tip.service_s * _SECOND - _ROUNDING_US:
                found.append(f"{visit.place!r}: has no time to tip")
            litres = kg = 0.0
        if litres > truck.loose_l + _NEAR or kg > truck.capacity_kg + _NEAR:
            found.append(f"{visit.place!r}: carries {litres:g} l and {kg:g} kg, more than goes in")
        if abs(visit.litres - litres) > _NEAR or abs(visit.kg - kg) > _NEAR:
            found.append(f"{visit.place!r}: says {visit.litres:g} l, expected {litres:g}")
    return found


def _check_service(problem: Problem, tour: Tour, truck: Truck) -> list[str]:
    demands = {demand.bin: demand for demand in problem.demands}
    found = []
    for visit in tour.visits:
        demand = demands.get(visit.place)
        if visit.kind != "bin" or demand is None:
            continue
        if demand.windows and not any(first <= visit.begin <= last for first, last in demand.windows):
            found.append(f"{visit.place!r}: is served outside its windows")
        if visit.leave - visit.begin < demand.service_s * _SECOND - _ROUNDING_US:
            found.append(f"{visit.place!r}: has no time to be served")
        if missing := set(demand.skills) - set(truck.skills):
            found.append(f"{visit.place!r}: needs {', '.join(sorted(missing))}")
    return found


def _check_breaks(tour: Tour, truck: Truck) -> list[str]:
    """Each break has a pause of its own, unless the work is over before it has to begin."""
    taken: list[Visit] = [visit for visit in tour.visits if visit.kind == "break"]
    found = []
    for due in truck.breaks:
        fitting = [
            visit
            for visit in taken
            if due.earliest <= visit.begin <= due.latest
            and visit.leave - visit.begin >= due.length_s * _SECOND - _ROUNDING_US
        ]
        if fitting:
            taken.remove(fitting[0])
        elif tour.visits[-1].leave > due.latest:
            found.append("works on past a break")
    return found
