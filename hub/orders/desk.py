"""What people do with orders, as the API wants it (``api.ports.orders.OrderDesk``)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import time_ns
from typing import Any

from alerts.records import AlertEntry
from api.ports.alerts import AlertReader
from api.ports.orders import UnknownSubjectError
from api.ports.telemetry import DeviceReader
from devices.read_models import DeviceState, Page
from fleet.calendar import local_date
from fleet.orders.order import KIND_OF, Action, Assignee, Candidate, NewOrder, Order, OrderLine, OrdersWanted
from hub.orders.settings import OrdersSection
from store.orders.life import Orders

MINUTE = 60_000_000
REFUSE_TYPES = ("refuse_truck",)


class OrderDesk:
    """Over the store; ``nudge`` is called when there is something to send.

    ``tellable`` are the protocols with a way down: of vehicles near a place, one that speaks them comes first.
    """

    def __init__(
        self,
        store: Orders,
        devices: DeviceReader,
        alerts: AlertReader,
        section: OrdersSection,
        *,
        tellable: Collection[str] = (),
        nudge: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        self._store, self._devices, self._alerts = store, devices, alerts
        self._section, self._tellable = section, tellable
        self._nudge, self._clock = nudge, clock

    async def give(self, fields: Mapping[str, Any], actor: str, *, within: tuple[str, ...] | None) -> tuple[str, bool]:
        """Enter an order; its id, and whether it is new.

        ``fields`` are those of :class:`fleet.orders.order.NewOrder` as far as they are known; the rest follows from the
        alert or the device. ``nearest``: the nearest vehicle is to do it. Raises UnknownSubjectError, RejectedError,
        IncidentStateError.
        """
        values = {name: value for name, value in fields.items() if value is not None}
        nearest = values.pop("nearest", False)
        alert = await self._alert(values.get("alert"))
        if alert is not None:
            values.setdefault("device", alert.device)
        state = await self._device(values.get("device"))
        values = self._filled(values, alert, state)
        if nearest and not values["assignee"].anybody:
            values["assignee"] = await self._nearest(values, within)
        order = NewOrder(**values)
        new = await self._store.give(order, actor)
        self._nudge()
        return order.id, new

    async def order(self, order_id: str) -> tuple[Order, tuple[OrderLine, ...]] | None:
        """One with its history, or None."""
        return await self._store.order(order_id)

    async def page(self, wanted: OrdersWanted, *, cursor: str | None, limit: int) -> Page[Order]:
        """Orders by their planned start."""
        return await self._store.page(wanted, cursor=cursor, limit=limit)

    async def candidates(
        self,
        lon: float,
        lat: float,
        *,
        kind: str,
        within: tuple[str, ...] | None,
        cursor: str | None = None,
        limit: int,
    ) -> Page[Candidate]:
        """Vehicles that could do something of a kind there, the nearest first."""
        types = REFUSE_TYPES if kind in ("collect", "tip") else ()
        return await self._store.candidates(lon, lat, types=types, within=within, cursor=cursor, limit=limit)

    async def assign(self, order_id: str, actor: str, assignee: Assignee) -> bool:
        """Let somebody else do it. Raises OrderStateError, UnknownSubjectError."""
        if assignee.vehicle is not None:
            await self._device(assignee.vehicle)
        done = await self._store.assign(order_id, actor, assignee)
        self._nudge()
        return done

    async def act(self, order_id: str, actor: str, action: Action, text: str) -> bool:
        """A step of its life. Raises OrderStateError."""
        done = await self._store.act(order_id, actor, action, text)
        self._nudge()
        return done

    async def send_run(self, run: str, actor: str) -> int:
        """Let the orders of a plan be sent down before they begin; how many there are."""
        count = await self._store.send_run(run, actor, self._section.lead_min)
        self._nudge()
        return count

    async def _alert(self, number: int | None) -> AlertEntry | None:
        if number is None:
            return None
        found = await self._alerts.alert(number)
        if found is None:
            raise UnknownSubjectError("alert", number)
        return found[0]

    async def _device(self, device_id: str | None) -> DeviceState | None:
        if device_id is None:
            return None
        state = await self._devices.state(device_id)
        if state is None:
            raise UnknownSubjectError("device", device_id)
        return state

    def _filled(self, values: dict[str, Any], alert: AlertEntry | None, state: DeviceState | None) -> dict[str, Any]:
        """What nobody said, out of what is known."""
        now = self._clock()
        start = values.get("start", now)
        origin = "alert" if alert else "incident" if values.get("incident") else "hand"
        known: dict[str, Any] = {"start": start, "end": start + self._section.due_within_min * MINUTE, "origin": origin}
        known["on"] = local_date(start, self._section.timezone)
        known["assignee"] = Assignee(*(values.pop(name, None) for name in ("vehicle", "crew", "worker")))
        if state is not None:
            known |= {"kind": KIND_OF.get(state.kind, "other"), "place": state.name or state.id}
            where = place_of(state)
            if where is not None:
                known |= {"lat": where[0], "lon": where[1]}
        if alert is not None:
            known["title"] = alert.rule
        return {"kind": "other", "title": "", "place": "", **known, **values}

    async def _nearest(self, values: Mapping[str, Any], within: tuple[str, ...] | None) -> Assignee:
        if values.get("lat") is None or values.get("lon") is None:
            return Assignee()
        at = (values["lon"], values["lat"])
        found = await self.candidates(*at, kind=values["kind"], within=within, limit=20)
        own = [one for one in found.items if one.vehicle != values.get("device")]
        # A little farther is nearer than one that hears nothing.
        told = [one for one in own if one.protocol in self._tellable]
        return Assignee(vehicle=(told or own)[0].vehicle) if own else Assignee()


def place_of(state: DeviceState) -> tuple[float, float] | None:
    """Where a device is (latitude, longitude): where it was put, else its newest position; None where nobody knows."""
    if state.place is not None:
        return state.place
    return None if state.fix is None else (state.fix.lat, state.fix.lon)
