"""The city as it is, and what happens in it from then on."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Collection
from contextlib import ExitStack
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from api.access import ANONYMOUS, Reader
from api.live.newest import bare
from api.live.place import MOST_CHARS, Place
from api.live.reader import Reader as LiveReader
from api.live.response import MEDIA_TYPE, LiveResponse
from api.live.sight import Sight, Visible, visible_to
from api.openapi import KEYED, problems
from api.params.live import BoardQuery, LiveQuery
from api.ports.services import Services
from api.wiring import LiveFeed, Wired
from devices.instants import to_iso
from devices.live import LiveDevice

A_PAGE = 2_000
MOST_DEVICES = 20_000
_LEVEL = 4  #: of gzip: nearly as small as 9 here, in a third of the time

LastEventId = Annotated[
    str | None,
    Header(max_length=MOST_CHARS, description="The id of the last event; browsers send it by themselves."),
]

router = APIRouter(tags=["Live"])

_EXAMPLE = """id: 7d3f0a12-0-0
event: hello
data: {"now":"2026-11-24T08:00:00Z","hub":"7d3f0a12","position":"7d3f0a12-0-0","resumed":false}

id: 7d3f0a12-0-2
event: device
data: {"devices":[{"id":"vehicle-0007","kind":"vehicle","name":"","lat":31.2,"lon":121.5,"heading_deg":90.0,\
"speed_kmh":12.5,"observed_at":"2026-11-24T08:00:00Z","received_at":"2026-11-24T08:00:00.2Z","online":null,\
"readings":{"work_state":2.0}}]}

"""
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events that lasts.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
_SAID = {
    429: "Too many wrong keys from this address, or too many streams of this reader.",
    503: "All streams are taken, or the store is away; try again.",
}


@router.get(
    "/live", summary="What happens", response_class=LiveResponse, status_code=200,
    responses={**_STREAM, **problems(*KEYED, 422, 503, said=_SAID)},
)  # fmt: skip
async def follow_live(
    wired: Wired,
    feed: LiveFeed,
    reader: Reader,
    query: Annotated[LiveQuery, Query()],
    last_event_id: LastEventId = None,
) -> LiveResponse:
    """Server-sent events: `hello`, `device`, `alert`, `order`, `incident`, `resync`; see docs/live.md.

    Everything was committed before it is told. After `resync` something is missing: read the lists again. A stream
    ends after a quarter of an hour, and when its reader takes nothing; who comes back with `Last-Event-ID` misses
    nothing.
    """
    sight = Sight(
        kinds=frozenset(query.kinds),
        types=frozenset(query.types),
        devices=frozenset(query.devices),
        box=query.bbox,
        visible=await visible_to(reader, wired.areas),
        areas=reader.areas,
        actor=reader.actor if reader.areas is not None else "",  # who sees all shares its bytes with the others
        known=reader is not ANONYMOUS,
    )
    with ExitStack() as stack:
        stack.enter_context(feed.seat(reader.actor))
        interval_s, after = query.min_interval_ms / 1_000, last_event_id or query.after
        events = LiveReader(feed, sight, interval_s=interval_s, after=after, clock=wired.clock).events()
        return LiveResponse(events, feed, stack.pop_all())


@router.get("/board", summary="All devices at once", responses=problems(*KEYED, 422, 503))
async def get_board(
    request: Request, wired: Wired, feed: LiveFeed, reader: Reader, query: Annotated[BoardQuery, Query()]
) -> Response:
    """What a map shows first: the newest state of every device in service that was heard or has a place, by id.

    States have the form of the live stream, with all readings. `live` is where to go on: `/api/v1/live?after=…` tells
    all that changes from here on. At most 20,000 devices; `truncated` says that there are more. Packed with gzip for
    those who accept it.
    """
    now, place = wired.clock(), feed.ask()
    found = await _city(wired, query.kind, await visible_to(reader, wired.areas))
    packed = "gzip" in request.headers.get("accept-encoding", "")
    content = await asyncio.to_thread(_written, found, now, place, packed)
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", headers=headers)


async def _city(wired: Services, kinds: Collection[str], visible: Visible | None) -> list[LiveDevice]:
    """Devices by id; one more than are shown says that there are more."""
    found: list[LiveDevice] = []
    after = ""
    while len(found) <= MOST_DEVICES:
        page = await wired.city.city(kinds=kinds, after=after, limit=A_PAGE)
        found += page if visible is None else [one for one in page if visible(one.id)]
        if len(page) < A_PAGE:
            break
        after = page[-1].id
    return found


def _written(found: list[LiveDevice], now: int, place: Place, packed: bool) -> bytes:
    told = {
        "now": to_iso(now),
        "live": str(place),
        "truncated": len(found) > MOST_DEVICES,
        "devices": [bare(one) | {"readings": one.readings} for one in found[:MOST_DEVICES]],
    }
    content = msgspec.json.encode(told)
    return gzip.compress(content, _LEVEL, mtime=0) if packed else content
