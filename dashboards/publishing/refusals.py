"""What Grafana answers, and what its refusals mean to whoever publishes. The codes are those of its documentation."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import msgspec

BAD = 400  #: the first code that refuses
_SERVER_FAULT = 500
_SAID = 300  #: characters of an answer that are repeated
Kind = TypeVar("Kind")


class GrafanaError(Exception):
    """Grafana refuses. The message is one line that says what to do."""


class AwayError(GrafanaError):
    """Grafana cannot be reached, or fails by itself: the same may work later."""


class Answer(msgspec.Struct, frozen=True):
    """A status and what came with it: the JSON, or the text where it is none."""

    code: int
    said: Any


def accepted(answer: Answer, kind: type[Kind], doing: str, permission: str) -> Kind:
    """What was said, of the kind that Grafana documents. Raises GrafanaError; ``permission`` is the one it needs."""
    if answer.code >= BAD:
        raise _refused(answer, doing, permission)
    try:
        return msgspec.convert(answer.said, kind)
    except msgspec.ValidationError:
        raise GrafanaError(
            f"{doing}: the answer is none of Grafana's; check grafana.url, and what stands before it"
        ) from None


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what httpx raises into GrafanaError."""
    try:
        yield
    except httpx.TimeoutException:
        raise AwayError(f"{doing}: no answer in time; is it running, and is grafana.timeout_s enough?") from None
    except httpx.RequestError as error:
        tls = _of_tls(error)
        if isinstance(tls, ssl.SSLCertVerificationError):
            said = f"its certificate is not trusted ({_said(tls)}); name its authority in grafana.ca"
            raise GrafanaError(f"{doing}: {said}") from None
        if tls is not None:
            raise GrafanaError(f"{doing}: TLS fails ({_said(tls)}); is it https that is spoken there?") from None
        raise AwayError(f"{doing}: cannot be reached ({_said(error)}); is grafana.url right?") from None


def _of_tls(error: BaseException | None) -> ssl.SSLError | None:
    """The fault of TLS below an error of the client's."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


_ADVICE = {
    401: "the token is not known: make one for a service account and give it as grafana.token",
    403: "the service account needs the permission {permission}",
    404: "does grafana.url have its whole path, and is this a Grafana?",
    409: "the name or uid is taken, or it was changed meanwhile: look, and run it again",
    412: "somebody changed it meanwhile, or its uid is taken: look, and run it again",
    429: "too many requests: run it again later",
}


def _refused(answer: Answer, doing: str, permission: str) -> GrafanaError:
    away = answer.code >= _SERVER_FAULT or answer.code == 429
    advice = _ADVICE.get(answer.code, "see Grafana's log, and run it again" if away else "see Grafana's log")
    line = f"{doing}: {answer.code} ({_said(answer.said)}); {advice.format(permission=permission)}"
    return AwayError(line) if away else GrafanaError(line)


def _said(answer: object) -> str:
    """What Grafana or the network said, as one short line."""
    if isinstance(answer, dict):
        status = answer.get("status")
        answer = f"{answer.get('message', 'no message')}" + (f", {status}" if isinstance(status, str) else "")
    return " ".join(str(answer).split())[:_SAID] or "no message"
