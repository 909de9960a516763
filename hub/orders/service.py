"""Following the orders: sends what is to be sent, takes in answers, and ends what evidence shows to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from devices.errors import TransientError
from devices.read_models import DeviceEntry
from hub.orders.settings import OrdersSection
from hub.orders.ways import UnsentError, Way
from ingest.runner import Condition
from store.orders.steward import OrderSteward, ToSend

log = structlog.get_logger("hub.orders")

AT_ONCE = 20
LEASE_S = 90.0  #: more than a command may take
OVERLAP_S = 60.0  #: looked at again, for transactions that commit late


class Devices(Protocol):
    """Where a device is looked up."""

    async def device(self, device_id: str) -> DeviceEntry | None:
        """The device, or None."""
        ...


class Following:
    """Works until it is told to stop. Several hubs may run one on the same store."""

    def __init__(self, steward: OrderSteward, devices: Devices, ways: Sequence[Way], section: OrdersSection) -> None:
        self._steward = steward
        self._devices = devices
        self._ways = ways
        self._section = section
        self._nudged = asyncio.Event()

    @property
    def tellable(self) -> frozenset[str]:
        """The protocols with a way down."""
        return frozenset(way.protocol for way in self._ways)

    def nudge(self) -> None:
        """An order was given: look now."""
        self._nudged.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until ``stop``."""
        condition = Condition("orders")
        stopping = asyncio.ensure_future(stop.wait())
        stopping.add_done_callback(lambda _: self._nudged.set())
        try:
            while not stop.is_set():
                self._nudged.clear()
                try:
                    await self.turn()
                    condition.recovered()
                except TransientError as error:
                    condition.failed(error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._nudged.wait(), self._section.look_every_s)
        finally:
            stopping.cancel()
            for way in self._ways:
                await way.close()

    async def turn(self) -> None:
        """Look once. Raises TransientError while the store is away."""
        await self._steward.answers(OVERLAP_S)
        await self._steward.settle(self._section.overdue_after_min)
        while claimed := await self._steward.claim(limit=AT_ONCE, lease_s=LEASE_S):
            await asyncio.gather(*map(self._send, claimed))

    async def _send(self, order: ToSend) -> None:
        try:
            device = await self._devices.device(order.vehicle)
            if device is None:
                raise UnsentError(f"there is no device {order.vehicle!r}")
            way = next((one for one in self._ways if one.reaches(device)), None)
            if way is None:
                raise UnsentError(f"{device.id} speaks {device.protocol or 'nothing so far'}: no way leads there")
            await way.send(device, order)
        except UnsentError as error:
            section = self._section
            await self._steward.unsent(order, str(error), wait_s=section.retry_s, most=section.tries)
        else:
            await self._steward.sent(order, way.name, {"vehicle": order.vehicle})
