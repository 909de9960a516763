"""Registered devices, and what is newest of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.models.telemetry import DeviceBody, PageOf, StateBody
from api.openapi import problems
from api.params.devices import DeviceListQuery
from api.params.fields import DeviceId
from api.problems import not_found
from api.wiring import KnownDevice, Wired

router = APIRouter(tags=["Devices"])


@router.get("/devices", summary="List devices", responses=problems(422, 503))
async def list_devices(wired: Wired, query: Annotated[DeviceListQuery, Query()]) -> PageOf[DeviceBody]:
    """Devices in the order of their ids, filtered by kind, status and a piece of id, name or identity."""
    page = await wired.devices.devices(
        kinds=query.kind, statuses=query.status, q=query.q, cursor=query.cursor, limit=query.limit
    )
    return PageOf(items=[DeviceBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/devices/{device_id}", summary="One device", responses=problems(404, 422, 503))
async def get_device(device: KnownDevice) -> DeviceBody:
    """A device with its identities."""
    return DeviceBody.model_validate(device)


@router.get("/devices/{device_id}/latest", summary="What is newest of a device", responses=problems(404, 422, 503))
async def get_latest(wired: Wired, device_id: DeviceId) -> StateBody:
    """The newest position and the newest reading of each metric. Late data never moves them backwards."""
    state = await wired.devices.state(device_id)
    if state is None:
        raise not_found("device", device_id)
    return StateBody.model_validate(state)
