"""A running Grafana: the requests that publishing sends.

The paths and codes are those of Grafana's HTTP API documentation; docs/dashboards-publish.md names the pages. An answer
is bounded in size and time. No redirect is followed (a POST would become a GET, which is answered as if all were well,
and the token would go elsewhere), no cookie is kept, and no proxy is taken from the environment.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import httpx
import msgspec

from dashboards.publishing.refusals import BAD, Answer, GrafanaError, accepted, explained

_MOST_BYTES = 16 * 2**20  #: of an answer; the largest are boards that people drew, and searches
_SHOWN = 1_200  #: bytes of an answer that is no JSON
_SEARCHED = 5_000  #: most that Grafana gives in one search
_NOT_FOUND = 404
_REDIRECTS = range(300, 400)


class Address(msgspec.Struct, frozen=True):
    """Where a Grafana is and who asks it. ``verify``: False, True (the system's authorities), or a PEM file's path.

    ``token`` is that of a service account: not for logs. ``timeout_s`` is for connecting, for each wait, and for the
    whole of an answer's body.
    """

    url: str
    token: str
    organisation: int | None = None
    verify: bool | str = True
    timeout_s: float = 10.0


@contextmanager
def connect(address: Address) -> Iterator[Api]:
    """A client of this Grafana, for as long as it is open.

    Raises GrafanaError when the address is none, or the authority's file holds none.
    """
    parts = _split(address.url)
    headers = {"Authorization": f"Bearer {address.token}", "User-Agent": "sanihub", "Accept-Encoding": "identity"}
    if address.organisation is not None:
        headers["X-Grafana-Org-Id"] = str(address.organisation)
    try:
        client = httpx.Client(
            base_url=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/api",
            headers=headers,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            verify=_trust(address.verify),
            timeout=address.timeout_s,
            trust_env=False,
        )
    except httpx.InvalidURL as error:
        raise GrafanaError(f"grafana.url: {error}") from None
    with client:
        yield Api(client, address.timeout_s)


class Api:
    """The endpoints that publishing uses, each by its uid. Every method raises GrafanaError."""

    def __init__(self, client: httpx.Client, timeout_s: float) -> None:
        self._client, self._timeout_s = client, timeout_s

    def version(self) -> str:
        """The version that answers there. The only request that needs no token."""
        answer = self._send("GET", "health", "reading its health")
        return str(accepted(answer, dict[str, Any], "reading its health", "none").get("version", "unknown"))

    def source(self, uid: str) -> dict[str, Any] | None:
        """A data source, without its secrets; None where there is none."""
        return self._found(f"datasources/uid/{_part(uid)}", "reading the data source", "datasources:read")

    def sources(self) -> list[dict[str, Any]]:
        """All data sources."""
        doing = "listing the data sources"
        return accepted(self._send("GET", "datasources", doing), list[dict[str, Any]], doing, "datasources:read")

    def create_source(self, body: Mapping[str, Any]) -> None:
        """Add a data source."""
        doing = f"creating the data source {body['name']!r}"
        self._write("POST", "datasources", body, doing, "datasources:create")

    def change_source(self, uid: str, body: Mapping[str, Any]) -> None:
        """Put a data source in the place of what it was; a ``version`` in it guards against changes meanwhile."""
        doing = f"changing the data source {body['name']!r}"
        self._write("PUT", f"datasources/uid/{_part(uid)}", body, doing, "datasources:write")

    def source_health(self, uid: str) -> dict[str, Any]:
        """What Grafana says of a data source after trying it: ``status`` and ``message``."""
        doing = "asking the data source for its health"
        answer = self._send("GET", f"datasources/uid/{_part(uid)}/health", doing)
        # A source that cannot be reached is told as 400 with a status and a message of the plugin.
        if answer.code >= BAD and isinstance(answer.said, dict) and "status" in answer.said:
            return answer.said
        return accepted(answer, dict[str, Any], doing, "datasources:query")

    def folder(self, uid: str) -> dict[str, Any] | None:
        """A folder; None where there is none."""
        return self._found(f"folders/{_part(uid)}", f"reading the folder {uid}", "folders:read")

    def create_folder(self, uid: str, title: str) -> None:
        """Add a folder at the root."""
        body = {"uid": uid, "title": title}
        self._write("POST", "folders", body, f"creating the folder {title!r}", "folders:create")

    def change_folder(self, uid: str, title: str, guard: Mapping[str, Any]) -> None:
        """Give a folder a title; ``guard`` is the ``version`` that was read, or ``overwrite``."""
        doing = f"changing the folder {title!r}"
        self._write("PUT", f"folders/{_part(uid)}", {"title": title, **guard}, doing, "folders:write")

    def board(self, uid: str) -> dict[str, Any] | None:
        """A board's model as ``dashboard`` with its ``meta``; None where there is none."""
        return self._found(f"dashboards/uid/{_part(uid)}", f"reading the dashboard {uid}", "dashboards:read")

    def save_board(self, body: Mapping[str, Any], title: str, *, new: bool) -> None:
        """Save a board; one that is not ``new`` by a new version."""
        doing = f"{'creating' if new else 'changing'} the dashboard {title!r}"
        permission = f"dashboards:{'create' if new else 'write'} (of its folder)"
        self._write("POST", "dashboards/db", body, doing, permission)

    def boards_in(self, folders: Sequence[str]) -> list[dict[str, Any]]:
        """The boards of these folders, as a search gives them (5,000 at most)."""
        query = {"type": "dash-db", "folderUIDs": list(folders), "limit": _SEARCHED}
        doing = "searching the folders"
        answer = self._send("GET", "search", doing, query=query)
        return accepted(answer, list[dict[str, Any]], doing, "dashboards:read")

    def _found(self, path: str, doing: str, permission: str) -> dict[str, Any] | None:
        answer = self._send("GET", path, doing)
        if answer.code == _NOT_FOUND and isinstance(answer.said, dict):
            return None
        return accepted(answer, dict[str, Any], doing, permission)

    def _write(self, method: str, path: str, body: Mapping[str, Any], doing: str, permission: str) -> None:
        accepted(self._send(method, path, doing, body=body), dict[str, Any], doing, permission)

    def _send(self, method: str, path: str, doing: str, *, query: Any = None, body: Any = None) -> Answer:
        content = None if body is None else msgspec.json.encode(body)
        headers = None if body is None else {"Content-Type": "application/json"}
        with (
            explained(doing),
            self._client.stream(method, path, params=query, content=content, headers=headers) as response,
        ):
            raw = self._read(response, doing)
        if response.status_code in _REDIRECTS:
            raise GrafanaError(f"{doing}: grafana.url redirects; give the address that it leads to")
        try:
            return Answer(response.status_code, msgspec.json.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Answer(response.status_code, raw[:_SHOWN].decode("utf-8", "replace"))

    def _read(self, response: httpx.Response, doing: str) -> bytes:
        ends, read = time.monotonic() + self._timeout_s, bytearray()
        for chunk in response.iter_raw():  # as it came: what was asked for is not compressed
            read += chunk
            if len(read) > _MOST_BYTES:
                raise GrafanaError(f"{doing}: the answer is longer than {_MOST_BYTES} bytes; is this a Grafana?")
            if time.monotonic() > ends:
                raise httpx.ReadTimeout("the body takes too long", request=response.request)
        return bytes(read)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usual = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usual = parts = None
    if not usual or parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        # Without what may be a password in it.
        raise GrafanaError(f"grafana.url: expected http(s)://host[:port][/path], got {url.rpartition('@')[2]!r}")
    return parts


def _trust(verify: bool | str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    except OSError as error:
        raise GrafanaError(f"grafana.ca: {verify}: expected certificates as PEM ({error.strerror or error})") from None
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _part(uid: str) -> str:
    return quote(uid, safe="")
