"""The services that are handed to somebody who is limited to areas."""

from __future__ import annotations

from api.areas import alerts, devices, fleet
from api.areas.filter import Ids
from api.ports.services import Services


def limited(services: Services, ids: Ids) -> Services:
    """The services with nothing in them but what is of the devices ``ids``."""
    for part in (devices, alerts, fleet):
        services = part.narrowed(services, ids)
    return services
