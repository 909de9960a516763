"""The metric catalogue."""

from __future__ import annotations

from fastapi import APIRouter

from api.etags import TaggedRoute
from api.models.telemetry import MetricBody, MetricsBody
from api.wiring import Wired

router = APIRouter(tags=["Metrics"], route_class=TaggedRoute)


@router.get("/metrics", summary="The metric catalogue")
async def list_metrics(wired: Wired) -> MetricsBody:
    """Every measured quantity with its unit, its range and its titles in English and Chinese."""
    return MetricsBody(items=[MetricBody.model_validate(metric) for metric in wired.catalogue.by_name.values()])
