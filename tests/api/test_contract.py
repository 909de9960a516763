"""The application keeps what its OpenAPI document promises, whoever asks and whatever they send.

Cases are made by schemathesis from the document: boundary values and mistakes of every kind, in a fixed order, and some
that Hypothesis draws with a fixed seed. They are sent to a whole hub over a real socket by somebody of every role.
``SANIHUB_TEST_FULL=1`` sends all of them; otherwise every role gets some of every operation.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation

from tests.contract_city import ROLES, ContractCity, contract_city

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
DRAWN = 40 if FULL else 1
"""Cases that Hypothesis draws, of an operation and of each mode."""
MOST = 10_000 if FULL else 6
"""Boundary values and mistakes of an operation for one role; each role has others."""
NOT_FOR_ADMINS = {"until_morning", "one_message"}
"""Examples whose instant is over, or that are a device's own."""
DEAR = {
    "POST /api/v1/session",
    "PATCH /api/v1/session/password",
    "POST /api/v1/users",
    "PATCH /api/v1/users/{name}",
    "POST /api/v1/planning/collection",
    "POST /api/v1/reports/jobs",
}
"""They hash passwords or start processes."""
MOST_DEAR = 30 if FULL else 3
REFUSED = 2
"""So many answers 401 or 403, and there are no more cases of the operation for that role."""
SHADOWED = {"POST /api/v1/reports/jobs", "POST /api/v1/work-orders/send"}
"""Another operation's path fits theirs: GET finds no report ``jobs``, which is 422 or 404 and not 405."""
NEVER = {
    "GET /api/v1/bins/{device_id}/forecast": "an instant that is drawn lies outside of the next 14 days",
    "POST /api/v1/devices/{device_id}/commands": "no terminal is connected",
    "POST /api/v1/devices": "the device of the example is there already",
    "PATCH /api/v1/session/password": "the password of the example is nobody's",
    "GET /api/v1/planning/runs/{run}/audit": "the shift of the plan is not over",
    "POST /api/v1/evaluation/appeals": "nothing was lost that could be appealed against",
    "POST /api/v1/me/appeals": "nor was it of this worker",
    "GET /api/v1/evaluation/appeals/{number}": "and so there is no appeal",
    "POST /api/v1/evaluation/appeals/{number}/decide": "nor one to be decided",
    "POST /api/v1/alerts/{alert_id}/snooze": "the example before it has closed the alert",
    "POST /api/v1/incidents/{incident_id}/reject": "the example before it has ended the incident",
    "POST /api/v1/work-orders/{work_order_id}/cancel": "the example before it has ended the order",
}
"""What nobody gets done in this city, and why; each has tests of its own."""

pytestmark = pytest.mark.timeout(1_800 if FULL else 180)

load_all_checks()
PROMISES = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]
ALLOWED_METHODS = CHECKS.get_one("unsupported_method")
WRONG_IS_REFUSED = CHECKS.get_one("negative_data_rejection")


class Inquiry:
    """All cases, and what became of them."""

    def __init__(self, city: ContractCity) -> None:
        self._city = city
        self.document = city.ask("GET", "/openapi.json")
        schema = schemathesis.openapi.from_dict(self.document)
        schema.config.generation.update(with_security_parameters=False)
        self._cases: dict[str, list[Case]] = {}
        for operation in (found.ok() for found in schema.get_all_operations()):
            if not _streams(operation):
                self._cases[operation.label] = [*_drawn(operation), *_bounds(schema, operation)]
        self._broken: dict[str, list[str]] = {}
        self.statuses: dict[str, set[int]] = defaultdict(set)
        self.refused = list(self._taken(city))

    def broken(self, role: str) -> list[str]:
        """The promises that are not kept when somebody of this role asks."""
        if role not in self._broken:
            with requests.Session() as session:
                told = (line for label in sorted(self._cases, key=_order) for line in self._ask(label, role, session))
                self._broken[role] = list(told)
        return self._broken[role]

    def _taken(self, city: ContractCity) -> Iterator[str]:
        """Send every example of a body, as an administrator; what is said of those that are refused."""
        for path, method, operation in operations(self.document):
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                for name, example in content.get("examples", {}).items():
                    value, label = example["value"], f"{method.upper()} {path}"
                    body = value if isinstance(value, str) else json.dumps(value)
                    headers = {**city.headers("admin"), "Content-Type": kind, "If-Match": "*"}
                    url = city.url + path.format(**city.path(path))
                    answer = requests.request(method, url, data=body.encode(), headers=headers, timeout=30)
                    self.statuses[label].add(answer.status_code)
                    if answer.status_code in (400, 415, 422) and name not in NOT_FOR_ADMINS:
                        yield f"{label}, {name}: {answer.status_code} {answer.text}"

    def _ask(self, label: str, role: str, session: requests.Session) -> Iterator[str]:
        refused = 0
        for count, case in enumerate(self._share(label, role)):
            self._fit(case, count)
            headers = self._city.headers(role)
            session.cookies.clear()
            response = case.call(base_url=self._city.url, session=session, headers=headers)
            self.statuses[label].add(response.status_code)
            if response.status_code == 503 and b":too-busy" in response.content:
                continue  # only so many plannings may wait: as it should be
            try:
                case.validate_response(response, checks=_promises(case), headers=headers)
            except FailureGroup as group:
                yield f"{label} by {role}: {group.message[:1500]}"
            if label == "DELETE /api/v1/session":
                self._city.sign_in(role)
            refused += response.status_code in (401, 403)
            if refused >= REFUSED:
                return

    def _share(self, label: str, role: str) -> list[Case]:
        """The cases of an operation that fall to a role: half of them sound, if there are any; each role has others."""
        most = MOST_DEAR if label in DEAR else MOST
        share: list[Case] = []
        for sound in (True, False):
            cases = [
                case for case in self._cases[label] if case.meta and case.meta.generation.mode.is_positive == sound
            ]
            step = max(1, -(-len(cases) // -(-most // 2)))
            share += cases[ROLES.index(role) * step // len(ROLES) :: step]
        return share

    def _fit(self, case: Case, count: int) -> None:
        """Let the path name what is there, and the query no page that never was, unless it is they that are wrong."""
        parts = case.meta.components if case.meta else {}
        path, query = parts.get(ParameterLocation.PATH), parts.get(ParameterLocation.QUERY)
        if case.path_parameters and (path is None or path.mode.is_positive):
            known = self._city.path(case.path, **case.path_parameters)
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        if count % 2 == 0 and "cursor" in case.query and (query is None or query.mode.is_positive):
            case.query = {name: value for name, value in case.query.items() if name != "cursor"}


def _promises(case: Case) -> list[Any]:
    """What is to be held of an answer."""
    promises, label = list(PROMISES), case.operation.label
    if label not in SHADOWED:
        promises.append(ALLOWED_METHODS)
    # Of telemetry, what is sound is filed beside what is refused; of YAML, the schema says that it is text.
    if label != "POST /api/v1/telemetry" and "yaml" not in (case.media_type or ""):
        promises.append(WRONG_IS_REFUSED)
    return promises


def _streams(operation: Any) -> bool:
    """Whether the answer never ends."""
    return "text/event-stream" in operation.definition.raw["responses"].get("200", {}).get("content", {})


def operations(document: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _drawn(operation: Any) -> list[Case]:
    cases: list[Case] = []
    for mode in GenerationMode:
        if mode.is_negative and not (list(operation.iter_parameters()) or len(operation.body)):
            continue  # nothing can be wrong

        @settings(
            max_examples=DRAWN,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def collect(case: Case) -> None:
            cases.append(case)

        collect()
    return cases


def _bounds(schema: Any, operation: Any) -> list[Case]:
    made = schema.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=schema.config.generation
    )
    return list(islice(made, 10_000))


def _order(label: str) -> tuple[int, str]:
    """Reading first, and last what takes away."""
    method, _, path = label.partition(" ")
    return (("GET", "POST", "PUT", "PATCH", "DELETE").index(method), path)


@pytest.fixture(scope="module")
def inquiry(postgres_module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inquiry]:
    with contract_city(postgres_module_dsn, tmp_path_factory.mktemp("hub")) as city:
        yield Inquiry(city)


@pytest.mark.parametrize("role", ROLES)
def test_every_promise_is_kept_for(inquiry: Inquiry, role: str) -> None:
    broken = inquiry.broken(role)
    assert not broken, f"{len(broken)} broken promises\n" + "\n".join(broken)


def test_every_example_of_a_body_is_taken(inquiry: Inquiry) -> None:
    assert not inquiry.refused, "\n".join(inquiry.refused)


def test_every_operation_was_also_done(inquiry: Inquiry) -> None:
    for role in ROLES:
        inquiry.broken(role)
    never = {label for label, found in inquiry.statuses.items() if not any(status < 400 for status in found)}
    assert not never - set(NEVER), "\n".join(sorted(never))
