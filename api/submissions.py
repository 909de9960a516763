"""The answer to what was posted: how much is filed, and what was refused by the name of its field."""

from __future__ import annotations

from api.models.writes import AcceptedBody, RefusalBody
from api.ports.posting import Submitted
from api.problems import Fault, ProblemError


def answer(submitted: Submitted) -> AcceptedBody:
    """The body of a 200. Raises a 422 problem when there were problems and nothing is filed."""
    parts = [_split(line) for line in submitted.problems]
    if parts and not submitted.accepted:
        faults = tuple(Fault("body", field, expected) for field, expected in parts)
        detail = "nothing could be filed; it is kept as a dead letter: " + "; ".join(submitted.problems)
        raise ProblemError(422, "nothing-filed", detail, faults=faults)
    problems = [RefusalBody(field=field, expected=expected) for field, expected in parts]
    return AcceptedBody(accepted=submitted.accepted, problems=problems)


def _split(line: str) -> tuple[str, str]:
    """Field and expectation of a problem's line; a line without a field is about the whole payload."""
    field, colon, expected = line.partition(": ")
    return (field, expected) if colon else ("payload", line)
