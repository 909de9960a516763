"""The rules of alerts: those in force, those that were, and entering others."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from alerts.records import StaleVersionError
from alerts.rule_file import RuleFileError, read_rules
from api.access import EVERYWHERE, Dispatcher, Manager
from api.bodies import check_rules, read_body
from api.etags import TaggedRoute
from api.models.alerts import CheckedBody, RulesBody, RuleSetBody
from api.models.telemetry import PageOf
from api.openapi import BODIED, KEYED, problems
from api.params.alerts import EnterRulesQuery, RulesQuery, VersionsQuery
from api.ports.posting import PostLimits
from api.problems import LineFault, ProblemError, not_found
from api.rule_texts import plain_rules
from api.wiring import Places, Wired
from devices.yaml_lines.tree import MAX_BYTES

YAML = "application/yaml"  # RFC 9512
MOST_TOLD = 1_000  #: mistakes in an answer

_EXAMPLE = {
    "version": 1,
    "rules": [
        {
            "id": "bin-full",
            "kind": "threshold",
            "title": "Bin full, collect",
            "severity": "warning",
            "scope": {"kinds": ["bin"]},
            "params": {"metric": "fill_pct", "limit": 85, "clear": 75},
        }
    ],
}
_YAML = """version: 1
rules:
  - id: bin-full
    kind: threshold
    title: Bin full, collect
    severity: warning
    scope: {kinds: [bin]}
    params: {metric: fill_pct, limit: 85, clear: 75}
"""
_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["version", "rules"]},
                "examples": {"one_rule": {"summary": "one rule", "value": _EXAMPLE}},
            },
            YAML: {"schema": {"type": "string"}, "examples": {"one_rule": {"summary": "one rule", "value": _YAML}}},
        },
    }
}
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {YAML: {"schema": {"type": "object"}}}}}
_REFUSED = {
    409: "Somebody else has entered rules since the version that `If-Match` names.",
    415: "The body is neither YAML nor JSON, or packed by something else than gzip.",
    422: "The rules are wrong; `errors` names each mistake with its line, its field and the reason. Nothing changes.",
}
IfMatch = Annotated[
    str | None,
    Header(max_length=100, description='The `ETag` of the rules that these are based on (`"7"`), or `*` for any.'),
]

router = APIRouter(tags=["Rules"], route_class=TaggedRoute)


@router.get("/rules", summary="The rules", responses={**problems(404, 422, 503), **_TEXT})
async def get_rules(wired: Wired, query: Annotated[RulesQuery, Query()], response: Response) -> RulesBody:
    """The set that was entered last; it is in force from `since` on. `format=yaml` gives its text as it was entered.

    `ETag` is its version, for `If-Match`.
    """
    entered = await wired.rules.newest()
    if entered is None:
        raise not_found("set-of-rules", "newest")
    headers = {"ETag": f'"{entered.version}"', "Cache-Control": "no-cache"}
    if query.format == "yaml":
        return Response(entered.text, media_type=YAML, headers=headers)  # type: ignore[return-value]
    response.headers.update(headers)
    told = RuleSetBody.model_validate(entered)
    return RulesBody(**dict(told), rules=await asyncio.to_thread(plain_rules, entered.text))


@router.get("/rules/versions", summary="The rules that were", responses=problems(422, 503))
async def list_rule_versions(wired: Wired, query: Annotated[VersionsQuery, Query()]) -> PageOf[RuleSetBody]:
    """Every set that was ever entered, the newest first."""
    page = await wired.rules.page(cursor=query.cursor, limit=query.limit)
    return PageOf(items=[RuleSetBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.put(
    "/rules",
    dependencies=[EVERYWHERE],
    summary="Enter rules",
    responses=problems(*KEYED, *BODIED, 409, 422, 428, 503, said=_REFUSED),
    openapi_extra=_FILE,
)
async def enter_rules(
    request: Request,
    wired: Wired,
    places: Places,
    manager: Manager,
    query: Annotated[EnterRulesQuery, Query()],
    response: Response,
    if_match: IfMatch = None,
) -> RulesBody:
    """A whole file, YAML or JSON, as docs/alerts.md describes it; in force a few seconds later.

    Needs a key of the role manager or admin, and `If-Match`, so that nobody undoes what another has entered since.
    A file with a mistake is refused whole, and the rules that were in force go on.
    """
    expected = _expected(if_match)
    with places.taken_by(manager.actor):
        text = await _sound(request, wired.limits)
        try:
            entered = await wired.rules.enter(text, manager.actor, query.comment, expected=expected)
        except StaleVersionError as error:
            raise ProblemError(409, "stale-rules", str(error)) from error
    response.headers["ETag"] = f'"{entered.version}"'
    told = RuleSetBody.model_validate(entered)
    return RulesBody(**dict(told), rules=await asyncio.to_thread(plain_rules, text))


@router.post(
    "/rules/check",
    summary="Check rules",
    responses=problems(*KEYED, *BODIED, 422, 503, said=_REFUSED),
    openapi_extra=_FILE,
)
async def check_rule_set(request: Request, wired: Wired, places: Places, dispatcher: Dispatcher) -> CheckedBody:
    """Whether a file would be taken; nothing changes. Needs a key of the role dispatcher, manager or admin."""
    with places.taken_by(dispatcher.actor):
        text = await _sound(request, wired.limits)
        return CheckedBody(rules=len(await asyncio.to_thread(read_rules, text)))


async def _sound(request: Request, limits: PostLimits) -> str:
    """The rules in a body, as text. Raises a 422 problem that tells every mistake."""
    bounded = msgspec.structs.replace(limits, body_bytes=MAX_BYTES)
    payload = await read_body(request, bounded, check_rules)
    try:
        await asyncio.to_thread(read_rules, payload)
    except RuleFileError as error:
        count = len(error.mistakes)
        faults = tuple(
            LineFault("body", one.field, one.reason, line=one.line) for one in error.mistakes[:MOST_TOLD]
        )  # fmt: skip
        detail = f"{count} mistake{'s' if count > 1 else ''}; nothing was changed\n{error}"
        raise ProblemError(422, "wrong-rules", detail, faults=faults) from None
    return payload.decode("utf-8-sig")


def _expected(if_match: str | None) -> int | None:
    """The version that If-Match names; None for any. Raises 422 and 428 problems."""
    if if_match is None:
        detail = "If-Match: expected the ETag of the rules that these are based on, or * for any"
        raise ProblemError(428, "if-match-missing", detail)
    if if_match.strip() == "*":
        return None
    found = re.fullmatch(r'\s*(?:W/)?"?([0-9]{1,9})"?\s*', if_match)
    if found is None:
        fault = LineFault("header", "if-match", 'expected a version such as "7", or *', if_match[:100])
        raise ProblemError(422, "invalid-request", f"if-match: {fault.expected}", faults=(fault,))
    return int(found[1])
