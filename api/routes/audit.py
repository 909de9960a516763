"""Who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.access import Manager
from api.models.telemetry import PageOf
from api.models.writes import AuditEntryBody
from api.openapi import KEYED, problems
from api.params.audit import AuditQuery
from api.wiring import Wired

router = APIRouter(tags=["Audit"])


@router.get("/audit", summary="Who did what", responses=problems(*KEYED, 422, 503))
async def list_audit(wired: Wired, manager: Manager, query: Annotated[AuditQuery, Query()]) -> PageOf[AuditEntryBody]:
    """Entries, newest first; needs a key of the role manager or admin. Nobody can change or remove an entry."""
    page = await wired.audit.entries(
        actor=query.actor, action=query.action, target=query.target, cursor=query.cursor, limit=query.limit
    )
    return PageOf(items=[AuditEntryBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)
