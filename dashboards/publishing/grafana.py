"""A running Grafana: how it is spoken to, and what its refusals mean to whoever publishes.

The paths and codes are those of Grafana's HTTP API documentation; docs/dashboards-publish.md names the pages.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException, GrafanaTimeoutError, TokenAuth
from niquests import exceptions

_SAID = 300  #: characters of an answer that are repeated
NOT_FOUND = 404


class GrafanaError(Exception):
    """Grafana refuses. The message is one line that says what to do."""


class AwayError(GrafanaError):
    """Grafana cannot be reached, or fails by itself: the same may work later."""


class Address(msgspec.Struct, frozen=True):
    """Where a Grafana is and who asks it. ``verify``: False, True (the system's authorities), or a PEM file's path.

    ``token`` is that of a service account: not for logs.
    """

    url: str
    token: str
    organisation: int | None = None
    verify: bool | str = True
    timeout_s: float = 10.0


@contextmanager
def connect(address: Address) -> Iterator[GrafanaApi]:
    """A client of this Grafana, for as long as it is open. Raises GrafanaError when the address is none."""
    parts = urlsplit(address.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise GrafanaError(f"grafana.url: expected http(s)://host[:port][/path], got {_bare(address.url)!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    prefix = parts.path.strip("/")
    api = GrafanaApi(
        auth=TokenAuth(address.token),
        host=host,
        port=parts.port,
        url_path_prefix=f"{prefix}/" if prefix else "",
        protocol=parts.scheme,
        verify=address.verify,
        timeout=address.timeout_s,
        organization_id=address.organisation,
    )
    headers = api.client.s.headers
    api.client.s.close()
    # Grafana alone is asked: no QUIC beside TCP, no authority asked for revocations, no cookies. A redirect would turn
    # a POST into a GET, which is answered as if all were well.
    api.client.s = niquests.Session(disable_http3=True, revocation_configuration=None, allow_incoming_cookies=False)
    api.client.s.headers.update(headers)
    api.client.s.max_redirects = 0
    if address.verify is False:
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    with api.client.s:
        yield api


def version(api: GrafanaApi) -> str:
    """The version that answers there ("Other HTTP API", health). Raises GrafanaError."""
    with explained("reading its health", "none"):
        answer = as_object(api.client.GET("/health"), "reading its health")
    return str(answer.get("version", "unknown"))


def found(call: Callable[[], Any], doing: str, permission: str) -> dict[str, Any] | None:
    """What a GET answers, None where there is no such thing. Raises GrafanaError."""
    with explained(doing, permission):
        try:
            return as_object(call(), doing)
        except GrafanaException as error:
            if error.status_code == NOT_FOUND and isinstance(error.response, dict):
                return None
            raise


def as_object(answer: Any, doing: str) -> dict[str, Any]:
    """The answer as a JSON object; GrafanaError when something else than Grafana answers."""
    if not isinstance(answer, dict):
        raise GrafanaError(f"{doing}: the answer is none of Grafana's; check grafana.url, and what stands before it")
    return answer


@contextmanager
def explained(doing: str, permission: str) -> Iterator[None]:
    """Turn what the client raises into GrafanaError; ``permission`` is the one that the request needs."""
    try:
        yield
    except GrafanaTimeoutError:
        raise AwayError(f"{doing}: no answer in time; is it running, and is grafana.timeout_s enough?") from None
    except GrafanaException as error:
        raise _refused(error, doing, permission) from None
    except exceptions.SSLError as error:
        raise GrafanaError(
            f"{doing}: its certificate is not trusted ({_said(error)}); name its authority in grafana.ca"
        ) from None
    except exceptions.TooManyRedirects:
        raise GrafanaError(f"{doing}: grafana.url redirects; give the address that it leads to") from None
    except exceptions.InvalidJSONError:
        raise GrafanaError(
            f"{doing}: the answer is none of Grafana's; check grafana.url, and what stands before it"
        ) from None
    except exceptions.RequestException as error:
        raise AwayError(f"{doing}: cannot be reached ({_said(error)}); is grafana.url right?") from None


_ADVICE = {
    401: "the token is not known: make one for a service account and give it as grafana.token",
    403: "the service account needs the permission {permission}",
    404: "does grafana.url have its whole path, and is this a Grafana?",
    409: "the name or uid is taken, or it was changed meanwhile: look, and run it again",
    412: "somebody changed it meanwhile, or its uid is taken: look, and run it again",
    429: "too many requests: run it again later",
}
_SERVER_FAULT = 500


def _refused(error: GrafanaException, doing: str, permission: str) -> GrafanaError:
    code = error.status_code
    away = code >= _SERVER_FAULT or code == 429
    advice = _ADVICE.get(code, "see Grafana's log, and run it again" if away else "see Grafana's log")
    line = f"{doing}: {code} ({_said(error.response)}); {advice.format(permission=permission)}"
    return AwayError(line) if away else GrafanaError(line)


def _said(answer: object) -> str:
    """What Grafana or the network said, as one short line."""
    if isinstance(answer, dict):
        status = answer.get("status")
        answer = f"{answer.get('message', 'no message')}" + (f", {status}" if isinstance(status, str) else "")
    return " ".join(str(answer).split())[:_SAID] or "no message"


def _bare(url: str) -> str:
    """An address without what may be a password in it."""
    return url.rpartition("@")[2]
