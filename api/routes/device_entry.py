"""The registry changed by people: devices, and the identities that they go by."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.access import Manager
from api.bodies import read_body, validated
from api.models.telemetry import DeviceBody
from api.models.users import DeviceChangeForm, DeviceMadeForm, IdentityForm
from api.openapi import BODIED, KEYED, body, problems, reference
from api.ports.services import Services
from api.problems import Fault, ProblemError, not_found
from api.wiring import KnownDevice, Places, Unlimited, Wired
from devices.access import Principal
from devices.registering import DeviceForm, TakenError

IdentityPath = Annotated[
    str,
    Path(
        max_length=232,
        pattern=r"^[a-z][a-z0-9_]{0,30}:[^\x00-\x1f\x7f]{1,200}$",
        description="Scheme and value.",
        examples=["imei:861234050001234"],
    ),
]
_SAID = {409: "The id or an identity belongs to another device already."}

router = APIRouter(tags=["Devices"])


@router.post(
    "/devices",
    status_code=201,
    summary="Register a device",
    responses=problems(*KEYED, *BODIED, 409, 422, 503, said=_SAID),
    openapi_extra=body(
        reference(DeviceMadeForm),
        a_bin={
            "id": "bin-0042", "name": "Renmin Road 12", "attributes": {"lat": 30.5931, "lon": 114.3054},
            "identities": ["dev_eui:70b3d57ed005a1b2"],
        },
    ),
)  # fmt: skip
async def register_device(
    request: Request, wired: Wired, whole: Unlimited, places: Places, manager: Manager
) -> DeviceBody:
    """Needs the role manager or admin. Who is limited to areas has to name one of theirs as the attribute `area`."""
    with places.taken_by(manager.actor):
        form = validated(DeviceMadeForm, await read_body(request, wired.limits))
        if manager.areas is not None:
            _check_area(manager, form.attributes.get("area"))
        made = DeviceForm(id=form.id, kind=form.kind, name=form.name, status=form.status, attributes=form.attributes)
        try:
            await wired.registry.create(made, form.identities, actor=manager.actor)
        except TakenError as error:
            raise _taken(manager, error) from error
        return await _shown(whole, form.id)


@router.patch(
    "/devices/{device_id}",
    summary="Change a device",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(
        reference(DeviceChangeForm),
        approve={"status": "active"},
        retire={"status": "retired"},
        rename={"name": "Renmin Road 14"},
    ),
)
async def change_device(
    request: Request, wired: Wired, whole: Unlimited, places: Places, manager: Manager, device: KnownDevice
) -> DeviceBody:
    """Rename, approve, block, retire, describe. A running hub follows within seconds."""
    with places.taken_by(manager.actor):
        form = validated(DeviceChangeForm, await read_body(request, wired.limits))
        if manager.areas is not None and {"area", "lat", "lon"} & set(form.attributes):
            _check_area(manager, form.attributes.get("area"))
        changed = DeviceForm(
            id=device.id, kind=form.kind, name=form.name, status=form.status, attributes=form.attributes
        )
        if not await wired.registry.change(changed, actor=manager.actor):
            raise not_found("device", device.id)
        return await _shown(whole, device.id)


@router.post(
    "/devices/{device_id}/identities",
    summary="Let a device go by another name",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, said=_SAID),
    openapi_extra=body(reference(IdentityForm), an_imei={"identity": "imei:861234050001234"}),
)
async def add_identity(
    request: Request, wired: Wired, whole: Unlimited, places: Places, manager: Manager, device: KnownDevice
) -> DeviceBody:
    """An identity is `scheme:value`; the schemes in use are dev_eui, imei, jt808_phone, mqtt_client and such."""
    with places.taken_by(manager.actor):
        form = validated(IdentityForm, await read_body(request, wired.limits))
        _check_own(device.id, form.identity)
        try:
            known = await wired.registry.add_identity(device.id, form.identity, actor=manager.actor)
        except TakenError as error:
            raise _taken(manager, error) from error
        if not known:
            raise not_found("device", device.id)
        return await _shown(whole, device.id)


@router.delete(
    "/devices/{device_id}/identities/{identity}",
    summary="Let a device go by a name no more",
    responses=problems(*KEYED, 404, 422, 503),
)
async def remove_identity(
    wired: Wired, whole: Unlimited, manager: Manager, device: KnownDevice, identity: IdentityPath
) -> DeviceBody:
    """What comes under that name from now on is a stranger's."""
    _check_own(device.id, identity)
    if not await wired.registry.remove_identity(device.id, identity, actor=manager.actor):
        raise not_found("identity", identity)
    return await _shown(whole, device.id)


def _check_area(manager: Principal, area: object) -> None:
    if not isinstance(area, str) or area not in (manager.areas or ()):
        named = ", ".join(sorted(manager.areas or ()))
        fault = Fault("body", "attributes.area", f"expected one of your areas: {named}")
        raise ProblemError(403, "limited-to-areas", f"attributes.area: {fault.expected}", faults=(fault,))


def _check_own(device: str, identity: str) -> None:
    if identity.startswith("id:"):
        fault = Fault("body", "identity", "expected another scheme than id, which is a device's own", identity[:100])
        raise ProblemError(422, "invalid-request", f"identity: {fault.expected} ({device})", faults=(fault,))


def _taken(manager: Principal, error: TakenError) -> ProblemError:
    """Whose it is, is told to those who may see all devices."""
    told = str(error) if manager.areas is None else "the id or an identity belongs to another device"
    return ProblemError(409, "taken", told)


async def _shown(whole: Services, device_id: str) -> DeviceBody:
    whole.areas.forget()
    entry = await whole.devices.device(device_id)
    if entry is None:
        raise not_found("device", device_id)
    return DeviceBody.model_validate(entry)
