"""The scrape target of Prometheus."""

from __future__ import annotations

from ipaddress import ip_address
from typing import cast

from fastapi import APIRouter, Depends, Request, Response

from api.access import Recognised, policy, reading
from api.exposition import Exposition
from api.openapi import KEYED, problems

router = APIRouter(tags=["Hub"])


async def may_scrape(request: Request, principal: Recognised) -> None:
    """Raises 401 and 403 for somebody to whom the settings do not leave it open."""
    chosen = policy(request).metrics
    if chosen == "open" or (chosen == "loopback" and _is_near(request)):
        return
    await reading(request, principal)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    dependencies=[Depends(may_scrape)],
    responses=problems(*KEYED, 503),
)
async def get_prometheus_metrics(request: Request) -> Response:
    """The hub's own metrics in Prometheus' text form, or OpenMetrics where the scraper accepts it.

    From the same machine it needs no key; from elsewhere one of the role viewer or more, unless the setting
    `api.metrics` says otherwise.
    """
    exposition = cast(Exposition, request.app.state.exposition)
    body, content_type = exposition.render(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)


def _is_near(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
