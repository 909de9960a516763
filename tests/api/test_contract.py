"""The application keeps what its OpenAPI document promises, whoever asks and whatever they send.

Cases are made by schemathesis from the document: boundary values and mistakes of every kind, in a fixed order, and some
that Hypothesis draws with a fixed seed. They are sent to a whole hub over a real socket by somebody of every role.
``SANIHUB_TEST_FULL=1`` sends all of them; otherwise every operation gets some of each.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
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
DRAWN = 40 if FULL else 2
"""Cases that Hypothesis draws, of an operation and of each mode."""
BOUNDS = 10_000 if FULL else 14
"""Cases of boundary values and mistakes, of an operation."""
REFUSED = 2
"""Cases of an operation for somebody who may not use it."""
DEAR = {
    "POST /api/v1/session",
    "POST /api/v1/planning/collection",
    "POST /api/v1/reports/jobs",
    "PATCH /api/v1/session/password",
    "POST /api/v1/users",
    "PATCH /api/v1/users/{name}",
}
MOST_OF_DEAR = 30 if FULL else 5
"""Of operations that hash passwords or start processes."""

load_all_checks()
PROMISES = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
    )
]


class Inquiry:
    """All cases, and what became of them."""

    def __init__(self, city: ContractCity) -> None:
        self.city = city
        self.document = city.ask("GET", "/openapi.json")
        self._schema = schemathesis.openapi.from_dict(self.document)
        self._schema.config.generation.update(with_security_parameters=False)
        self._cases = {one.ok().label: self._made(one.ok()) for one in self._schema.get_all_operations()}
        self._broken: dict[str, list[str]] = {}
        self.statuses: dict[str, set[int]] = defaultdict(set)
        self.sent = 0

    def broken(self, role: str) -> list[str]:
        """The promises that are not kept when somebody of this role asks."""
        if role not in self._broken:
            self._broken[role] = []
            with requests.Session() as session:
                for label in sorted(self._cases, key=_order):
                    self._broken[role] += self._ask(label, role, session)
        return self._broken[role]

    def _made(self, operation: Any) -> list[Case]:
        drawn = [case for mode in GenerationMode for case in _drawn(operation, mode)]
        bounds = list(
            self._schema.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=self._schema.config.generation
            )
        )
        most = MOST_OF_DEAR if operation.label in DEAR else BOUNDS
        return [*drawn[:most], *bounds[:: max(1, -(-len(bounds) // most))]]

    def _ask(self, label: str, role: str, session: requests.Session) -> Iterator[str]:
        refused = 0
        for case in self._cases[label]:
            self._name(case)
            headers = self.city.headers(role)
            session.cookies.clear()
            self.sent += 1
            response = case.call(base_url=self.city.url, session=session, headers=headers)
            self.statuses[label].add(response.status_code)
            try:
                case.validate_response(response, checks=PROMISES, headers=headers)
            except FailureGroup as group:
                yield f"{label} by {role}: {group.message[:1500]}"
            if label == "DELETE /api/v1/session":
                self.city.sign_in(role)
            refused += response.status_code in (401, 403)
            if refused >= REFUSED:
                return

    def _name(self, case: Case) -> None:
        """Let the path name what is there, unless it is the path that is wrong."""
        component = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
        if case.path_parameters and (component is None or component.mode.is_positive):
            known = {name: self.city.names.get(name, value) for name, value in case.path_parameters.items()}
            case.path_parameters = known


def _drawn(operation: Any, mode: GenerationMode) -> list[Case]:
    if mode.is_negative and not (list(operation.iter_parameters()) or operation.body):
        return []  # nothing can be wrong
    cases: list[Case] = []

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
