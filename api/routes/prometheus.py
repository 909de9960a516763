"""The scrape target of Prometheus."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request, Response

from api.exposition import Exposition

router = APIRouter(tags=["Hub"])


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def get_metrics(request: Request) -> Response:
    """The hub's own metrics in Prometheus' text form, or OpenMetrics where the scraper accepts it."""
    exposition = cast(Exposition, request.app.state.exposition)
    body, content_type = exposition.render(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
