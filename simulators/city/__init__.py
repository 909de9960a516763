"""The simulated city: streets, vehicles, bins, toilets and crews, wholly determined by a seed and a start."""

from simulators.city.city import City
from simulators.city.observation import Observation
from simulators.city.settings import Incidents, Intervals, Size

__all__ = ["City", "Incidents", "Intervals", "Observation", "Size"]
