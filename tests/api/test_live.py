"""The live stream's parameters: a misspelt filter must not let all in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.ports.services import Services
from devices.access import Role
from store.access.api_keys import ApiKeys


async def viewer(services: Services) -> dict[str, str]:
    keys = services.keys
    assert isinstance(keys, ApiKeys)
    key, _ = await keys.create("viewer", Role.VIEWER, device=None, expires_at=None, actor="test")
    return {"X-API-Key": key}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"kinds": "spaceship"}, "kinds.0"),
        ({"types": "device,rumour"}, "types.1"),
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox": "122,31,121,32"}, "bbox"),
        ({"bbox": "nan,31,121,32"}, "bbox"),
        ({"devices": ["bin 1"]}, "devices.0"),
        ({"min_interval_ms": -1}, "min_interval_ms"),
        ({"after": "x" * 49}, "after"),
        ({"kind": "bin"}, "kind"),
    ],
)
async def test_wrong_filters_are_refused(
    client: httpx.AsyncClient, services: Services, params: dict[str, Any], field: str
) -> None:
    answer = await client.get("/api/v1/live", params=params, headers=await viewer(services))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
