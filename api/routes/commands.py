"""Telling devices what to do."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import ValidationError

from api.access import Dispatcher
from api.bodies import read_body
from api.models.writes import COMMAND, AvailableBody, DoneBody, SetCommand, TextCommand
from api.openapi import BODIED, KEYED, body, problems, reference
from api.ports.commands import NoAnswerError, UnreachableError
from api.problems import Fault, ProblemError
from api.wiring import KnownDevice, Places, Wired

router = APIRouter(tags=["Commands"])

_COMMANDS = [reference(TextCommand), reference(SetCommand)]


@router.get(
    "/devices/{device_id}/commands",
    summary="Commands that can be sent now",
    responses=problems(404, 422, 503),
)
async def list_commands(wired: Wired, device: KnownDevice) -> AvailableBody:
    """By name. None while no connection of the hub leads to the device."""
    return AvailableBody(device=device.id, commands=list(wired.commands.available(device)))


@router.post(
    "/devices/{device_id}/commands",
    summary="Send a command",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, 504),
    openapi_extra=body(
        {"oneOf": _COMMANDS, "discriminator": {"propertyName": "command"}},
        text_for_the_display={"command": "text", "text": "请到人民路 12 号", "urgent": False, "speak": True},
        switch_on={"command": "set", "point": "fan", "value": True},
    ),
)
async def send_command(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, device: KnownDevice
) -> DoneBody:
    """Needs a key of the role dispatcher, manager or admin. Answers once the device has confirmed.

    An entry of the audit is written before it is sent, and another when its outcome is known. After 504 the device may
    have done it all the same.
    """
    with places.taken_by(dispatcher.actor):
        chosen = _command(await read_body(request, wired.limits))
        arguments = chosen.model_dump(exclude={"command"})
        try:
            answer = await wired.commands.send(dispatcher.actor, device, chosen.command, arguments)
        except UnreachableError as error:
            raise ProblemError(409, "unreachable", str(error)) from error
        except NoAnswerError as error:
            raise ProblemError(504, "no-answer", str(error)) from error
        except ValueError as error:
            raise ProblemError(422, "invalid-request", str(error)) from error
    return DoneBody(device=device.id, command=chosen.command, answer=dict(answer))


def _command(payload: bytes) -> TextCommand | SetCommand:
    """The command in a body. Raises a 422 problem that names each field."""
    try:
        return COMMAND.validate_json(payload)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        faults = tuple(Fault("body", _field(item["loc"]), str(item["msg"])) for item in told)
        detail = "; ".join(f"{fault.field}: {fault.expected}" for fault in faults)
        raise ProblemError(422, "invalid-request", detail, faults=faults) from None


def _field(location: tuple[int | str, ...]) -> str:
    """The name of a field; the first part is the command itself, by which the rest was judged."""
    names = [str(part) for part in location[1:]]
    return ".".join(names) or "command"
