"""Probes for supervisors: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.models.status import AliveBody, CheckBody, ReadyBody
from api.openapi import problems
from api.ports.services import Services
from api.problems import problem
from api.wiring import Unlimited
from devices.errors import TransientError

router = APIRouter(tags=["Hub"])


@router.get("/healthz", summary="Is the process alive?")
async def get_health(wired: Unlimited) -> AliveBody:
    """Answers while the process runs, whatever the store and the brokers do: restarting would not mend those."""
    return AliveBody(status="alive", version=wired.probe.about().version)


@router.get("/readyz", summary="Can the hub do its work?", response_model=ReadyBody, responses=problems(503))
async def get_readiness(request: Request, wired: Unlimited) -> Response:
    """Ready when the store answers and every required broker is connected; 503 with `reasons` otherwise."""
    checks = [await _store_check(wired), *_connection_checks(wired)]
    reasons = [f"{check.name}: {check.detail}" for check in checks if not check.ok]
    if reasons:
        return problem(
            request, 503, "not-ready", "; ".join(reasons), reasons=reasons, checks=[c.model_dump() for c in checks]
        )
    return JSONResponse(ReadyBody(status="ready", checks=checks).model_dump())


async def _store_check(wired: Services) -> CheckBody:
    try:
        await wired.store.ping()
    except TransientError as error:
        return CheckBody(name="store", ok=False, detail=str(error))
    return CheckBody(name="store", ok=True, detail="answers")


def _connection_checks(wired: Services) -> list[CheckBody]:
    return [
        CheckBody(
            name=item.name,
            ok=item.connected or not item.required,
            detail=item.detail or ("connected" if item.connected else "not connected"),
        )
        for item in wired.probe.connections()
    ]
