"""What servers of other protocols post: the webhooks of LoRaWAN network servers and their like."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.access import Server
from api.bodies import read_body
from api.models.writes import AcceptedBody
from api.openapi import BODIED, KEYED, body, problems
from api.problems import ProblemError
from api.seats import while_there
from api.submissions import answer
from api.wiring import Places, Wired

MAX_QUERY = 1_000  #: characters that are kept of the query string

Protocol = Annotated[
    str, Path(max_length=64, description="The name of a protocol that may post.", examples=["chirpstack"])
]

_CHIRPSTACK = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d", "time": "2026-11-24T08:00:00Z",
    "deviceInfo": {"deviceName": "bin", "devEui": "00800000a0001234", "deviceProfileName": "bins"},
    "devAddr": "01020304", "fCnt": 7, "fPort": 85, "data": "AXVcA4L0AQ==",
}  # fmt: skip

router = APIRouter(tags=["Intake"])


@router.post(
    "/uplinks/{protocol}",
    summary="Post a webhook",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body({"type": "object", "description": "As the protocol has it."}, of_chirpstack=_CHIRPSTACK),
)
async def post_uplink(
    request: Request, wired: Wired, places: Places, server: Server, protocol: Protocol
) -> AcceptedBody:
    """A body as the server of the protocol posts it, answered after the commit; 200 also for what came before.

    The query string (ChirpStack's `?event=up`) is kept with it.
    """
    if protocol not in wired.uplinks.webhooks:
        known = ", ".join(wired.uplinks.webhooks) or "none so far"
        raise ProblemError(404, "no-such-protocol", f"no protocol {protocol[:64]!r} takes posts; those are: {known}")
    query = request.url.query
    if len(query) > MAX_QUERY:
        raise ProblemError(422, "invalid-request", f"query: expected at most {MAX_QUERY} characters")
    with places.taken_by(server.actor):
        payload = await read_body(request, wired.limits)
        filing = wired.uplinks.webhook(protocol, query, payload, server)
        submitted = await while_there(request, filing)
    return answer(submitted)
