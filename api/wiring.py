"""What routes are given: the services, and a device that is known to exist.

Each of them is a coroutine, however little it does: a plain function would be called in a thread, for each request.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from api.access import Recognised
from api.areas.services import limited
from api.live.feed import Feed
from api.params.fields import DeviceId
from api.ports.services import Services
from api.problems import not_found
from api.seats import Seats
from devices.read_models import DeviceEntry


async def services(request: Request) -> Services:
    """The services that the application was created with."""
    return cast(Services, request.app.state.services)


Unlimited = Annotated[Services, Depends(services)]
"""All of them, whoever asks: for what is nobody's in particular."""


async def limited_services(whole: Unlimited, principal: Recognised) -> Services:
    """The services as whoever asks may see them."""
    if principal is None or principal.areas is None:
        return whole
    return limited(whole, await whole.areas.devices_in(principal.areas))


Wired = Annotated[Services, Depends(limited_services)]


async def seats(request: Request) -> Seats:
    """The places for requests that wait."""
    return cast(Seats, request.app.state.seats)


async def feed(request: Request) -> Feed:
    """What the live stream tells."""
    return cast(Feed, request.app.state.feed)


LiveFeed = Annotated[Feed, Depends(feed)]
Places = Annotated[Seats, Depends(seats)]


async def known_device(wired: Wired, device_id: DeviceId) -> DeviceEntry:
    """The device of the path. Raises a 404 problem for one that does not exist."""
    entry = await wired.devices.device(device_id)
    if entry is None:
        raise not_found("device", device_id)
    return entry


KnownDevice = Annotated[DeviceEntry, Depends(known_device)]
