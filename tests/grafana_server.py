"""A stand-in of Grafana on loopback: the endpoints that publishing may use, as Grafana's HTTP API pages document them.

It keeps state, records requests, and refuses whatever is not documented: another path, method, header, query or field
is entered in `undocumented`, which the fixture of the tests asks to be empty. The pages ("HTTP API" of Grafana's
documentation, versions 11 to 13, where they are called legacy APIs): Data source, Folder, Dashboard, Folder/Dashboard
search, Other (health), Authentication (Bearer token, X-Grafana-Org-Id). The health of a data source is real: the
stand-in logs in to the database with what it was given.

What it cannot show: what a real Grafana does beyond its documents.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import psycopg

TOKEN = "glsa_standin_0123456789"
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
#: Fields of bodies, by the examples and schemas of the pages; True: required.
SOURCE = {
    "name": True, "type": True, "access": True, "url": False, "uid": False, "user": False, "database": False,
    "basicAuth": False, "basicAuthUser": False, "withCredentials": False, "isDefault": False, "jsonData": False,
    "secureJsonData": False, "version": False, "id": False, "orgId": False,
}  # fmt: skip
NEW_FOLDER = {"uid": False, "title": True, "parentUid": False}
CHANGED_FOLDER = {"title": True, "version": False, "overwrite": False}
SAVED_BOARD = {"dashboard": True, "folderUid": False, "folderId": False, "message": False, "overwrite": False}
SEARCH = {"query", "tag", "type", "dashboardIds", "dashboardUIDs", "folderUIDs", "starred", "limit", "page"}
ALL = frozenset({
    "datasources:read", "datasources:create", "datasources:write", "datasources:query", "folders:read",
    "folders:create", "folders:write", "dashboards:read", "dashboards:create", "dashboards:write",
})  # fmt: skip


class Request(msgspec.Struct, frozen=True):
    """What came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


class Refusal(Exception):
    """An answer of 400 and more, with its body."""

    def __init__(self, code: int, message: str, /, **more: Any) -> None:
        self.code, self.body = code, {"message": message, **more}


class Organisation:
    """What lies in one organisation."""

    def __init__(self) -> None:
        self.sources: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.folders: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}  #: uid → {"dashboard", "meta", "messages"}


class Grafana:
    """The state, and what a test says of it: `permissions`, `faults`, `adds` (a field that saving adds to panels)."""

    def __init__(self, version: str = "12.1.0") -> None:
        self.version = version
        self.token = TOKEN
        self.permissions: set[str] = set(ALL)
        self.organisations: dict[int, Organisation] = {1: Organisation(), 2: Organisation()}
        self.requests: list[Request] = []
        self.undocumented: list[str] = []
        self.faults: dict[str, list[tuple[int, Any]]] = {}  #: request line → answers instead, each once
        self.adds: dict[str, Any] = {}
        self.port, self.scheme, self.prefix = 0, "http", ""
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{self.prefix}"

    @property
    def org(self) -> Organisation:
        return self.organisations[1]

    def lines(self, *, writes: bool = False) -> list[str]:
        """The requests as `METHOD path`, in order; all, or those that write."""
        return [request.line for request in self.requests if not writes or request.method != "GET"]

    def answer(self, request: Request) -> tuple[int, Any]:
        """What is said to it."""
        with self._lock:
            self.requests.append(request)
            if self.faults.get(request.line):
                return self.faults[request.line].pop(0)
            try:
                return 200, self._route(request)
            except Refusal as refusal:
                return refusal.code, refusal.body

    def _route(self, request: Request) -> Any:
        if request.line == "GET /api/health":
            return {"commit": "087143285", "database": "ok", "version": self.version}
        self._authorised(request)
        for method, pattern, permission, handler in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if request.method == method and found:
                if permission not in self.permissions:
                    said = f"You'll need additional permissions. Permissions needed: {permission}"
                    raise Refusal(403, said, title="Access denied", accessErrorId="ACE0000000000")
                if request.query and handler is not _search:
                    self._note(request, f"query {sorted(request.query)}")
                return handler(self, self._organisation(request), request, *found.groups())
        self._note(request, "no such endpoint")
        raise Refusal(404, "Not found")

    def _authorised(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise Refusal(401, "Invalid API key", messageId="api-key.invalid", statusCode=401, traceID="")

    def _organisation(self, request: Request) -> Organisation:
        text = request.headers.get("x-grafana-org-id", "1")
        if not text.isdecimal() or int(text) not in self.organisations:
            raise Refusal(403, "You do not have access to this organization")
        return self.organisations[int(text)]

    def fields(self, request: Request, schema: dict[str, bool]) -> dict[str, Any]:
        """The body, an object of the documented fields."""
        body = request.body
        if not isinstance(body, dict) or "application/json" not in request.headers.get("content-type", ""):
            self._note(request, "no JSON object")
            raise Refusal(400, "bad request data")
        for name in body.keys() - schema.keys():
            self._note(request, f"field {name}")
        missing = sorted(name for name, required in schema.items() if required and not body.get(name))
        if missing:
            raise Refusal(400, f"bad request data: {missing}")
        return body

    def _note(self, request: Request, what: str) -> None:
        self.undocumented.append(f"{request.line}: {what}")

    def note_search(self, request: Request) -> None:
        for name in request.query.keys() - SEARCH:
            self._note(request, f"query {name}")


def _list_sources(grafana: Grafana, org: Organisation, request: Request) -> Any:
    return [{k: v for k, v in one.items() if k not in ("version", "secureJsonFields")} for one in org.sources.values()]


def _source(grafana: Grafana, org: Organisation, request: Request, uid: str) -> Any:
    if uid not in org.sources:
        raise Refusal(404, "Data source not found", messageId="", statusCode=404, traceID="")
    return org.sources[uid]


def _create_source(grafana: Grafana, org: Organisation, request: Request) -> Any:
    body = grafana.fields(request, SOURCE)
    uid = body.get("uid") or f"made{len(org.sources)}"
    if uid in org.sources or any(one["name"] == body["name"] for one in org.sources.values()):
        raise Refusal(409, "data source with the same name already exists")
    return _keep_source(org, uid, len(org.sources) + 1, 1, body, "Datasource added")


def _change_source(grafana: Grafana, org: Organisation, request: Request, uid: str) -> Any:
    body = grafana.fields(request, SOURCE)
    before = _source(grafana, org, request, uid)
    if before["readOnly"]:
        raise Refusal(403, "Cannot update read-only data source")
    if any(one["name"] == body["name"] and one["uid"] != uid for one in org.sources.values()):
        raise Refusal(409, "Failed to update datasource: data source with the same name already exists")
    if "version" in body and body["version"] < before["version"]:
        said = "Datasource has already been updated by someone else. Please reload and try again"
        raise Refusal(409, said)
    return _keep_source(org, uid, before["id"], before["version"] + 1, body, "Datasource updated")


def _keep_source(org: Organisation, uid: str, number: int, version: int, body: dict[str, Any], said: str) -> Any:
    kept = {
        "id": number, "uid": uid, "orgId": 1, "typeLogoUrl": "", "password": "", "user": "", "database": "", "url": "",
        "basicAuth": False, "basicAuthUser": "", "withCredentials": False, "isDefault": False, "jsonData": {},
        "readOnly": False,
    }  # fmt: skip
    kept |= {name: value for name, value in body.items() if name not in ("secureJsonData", "version", "id", "orgId")}
    org.secrets[uid] = {**org.secrets.get(uid, {}), **body.get("secureJsonData", {})}
    kept |= {"version": version, "secureJsonFields": dict.fromkeys(org.secrets[uid], True)}
    org.sources[uid] = kept
    return {"datasource": kept, "id": number, "message": said, "name": kept["name"]}


def _source_health(grafana: Grafana, org: Organisation, request: Request, uid: str) -> Any:
    source = _source(grafana, org, request, uid)
    host, _, port = source["url"].rpartition(":")
    data = source["jsonData"]
    try:
        with psycopg.connect(
            host=host.strip("[]"), port=port, user=source["user"], password=org.secrets[uid].get("password", ""),
            dbname=data["database"], sslmode=data["sslmode"], connect_timeout=5,
        ) as connection:  # fmt: skip
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise Refusal(400, str(error).strip(), status="ERROR") from None
    return {"message": "Database Connection OK", "status": "OK"}


def _list_folders(grafana: Grafana, org: Organisation, request: Request) -> Any:
    return [{name: one[name] for name in ("id", "uid", "title")} for one in org.folders.values()]


def _folder(grafana: Grafana, org: Organisation, request: Request, uid: str) -> Any:
    if uid not in org.folders:
        raise Refusal(404, "folder not found", status="not-found")
    return org.folders[uid]


def _create_folder(grafana: Grafana, org: Organisation, request: Request) -> Any:
    body = grafana.fields(request, NEW_FOLDER)
    uid = body.get("uid") or f"made{len(org.folders)}"
    if not UID.fullmatch(uid):
        raise Refusal(400, "uid too long, max 40 characters")
    if uid in org.folders:
        raise Refusal(409, "a folder with the same UID already exists")
    org.folders[uid] = {
        "id": len(org.folders) + 1, "uid": uid, "title": body["title"], "url": f"/dashboards/f/{uid}/x",
        "hasAcl": False, "canSave": True, "canEdit": True, "canAdmin": True, "version": 1,
    }  # fmt: skip
    return org.folders[uid]


def _change_folder(grafana: Grafana, org: Organisation, request: Request, uid: str) -> Any:
    body = grafana.fields(request, CHANGED_FOLDER)
    folder = _folder(grafana, org, request, uid)
    if not body.get("overwrite") and body.get("version") != folder["version"]:
        raise Refusal(412, "The folder has been changed by someone else", status="version-mismatch")
    folder |= {"title": body["title"], "version": folder["version"] + 1}
    return folder


def _board(grafana: Grafana, org: Organisation, request: Request, uid: str) -> Any:
    if uid not in org.boards:
        raise Refusal(404, "Dashboard not found")
    board = org.boards[uid]
    return {"dashboard": board["dashboard"], "meta": board["meta"]}


def _save_board(grafana: Grafana, org: Organisation, request: Request) -> Any:
    body = grafana.fields(request, SAVED_BOARD)
    model = dict(body["dashboard"])
    uid, folder = model.get("uid") or f"made{len(org.boards)}", body.get("folderUid", "")
    if not model.get("title"):
        raise Refusal(400, "Dashboard title cannot be empty", status="empty-name")
    if not UID.fullmatch(uid):
        raise Refusal(400, "uid too long, max 40 characters")
    if folder and folder not in org.folders:
        raise Refusal(400, "folder not found")
    before = org.boards.get(uid)
    needed = "dashboards:create" if before is None else "dashboards:write"
    if needed not in grafana.permissions:
        raise Refusal(403, f"Access denied to this dashboard ({needed})")
    if before is not None and not body.get("overwrite"):
        if model.get("version") is None or model.get("id") is None:
            raise Refusal(412, "A dashboard with the same uid already exists", status="name-exists")
        if model["version"] != before["dashboard"]["version"]:
            raise Refusal(412, "The dashboard has been changed by someone else", status="version-mismatch")
    number = before["dashboard"]["id"] if before else len(org.boards) + 1
    version = before["dashboard"]["version"] + 1 if before else 1
    panels = [{**panel, **grafana.adds} for panel in model.get("panels", [])]
    model |= {"id": number, "uid": uid, "version": version, "panels": panels}
    title = org.folders[folder]["title"] if folder else "Dashboards"
    meta = {
        "isStarred": False, "url": f"/d/{uid}/x", "folderId": 0, "folderUid": folder, "folderTitle": title,
        "provisioned": False, "version": version,
    }  # fmt: skip
    messages = [*(before["messages"] if before else ()), body.get("message", "")]
    org.boards[uid] = {"dashboard": model, "meta": meta, "messages": messages}
    return {"id": number, "uid": uid, "url": meta["url"], "status": "success", "version": version, "slug": "x"}


def _search(grafana: Grafana, org: Organisation, request: Request) -> Any:
    grafana.note_search(request)
    folders, kinds = request.query.get("folderUIDs"), request.query.get("type", ["dash-db"])
    return [
        {
            "id": one["dashboard"]["id"], "uid": uid, "orgId": 1, "title": one["dashboard"]["title"],
            "url": one["meta"]["url"], "type": "dash-db", "tags": one["dashboard"].get("tags", []), "isStarred": False,
            "folderUid": one["meta"]["folderUid"],
        }
        for uid, one in org.boards.items()
        if "dash-db" in kinds and (folders is None or one["meta"]["folderUid"] in folders)
    ]  # fmt: skip


ROUTES: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("GET", r"/api/datasources", "datasources:read", _list_sources),
    ("POST", r"/api/datasources", "datasources:create", _create_source),
    ("GET", r"/api/datasources/uid/([^/]+)", "datasources:read", _source),
    ("PUT", r"/api/datasources/uid/([^/]+)", "datasources:write", _change_source),
    ("GET", r"/api/datasources/uid/([^/]+)/health", "datasources:query", _source_health),
    ("GET", r"/api/folders", "folders:read", _list_folders),
    ("POST", r"/api/folders", "folders:create", _create_folder),
    ("GET", r"/api/folders/([^/]+)", "folders:read", _folder),
    ("PUT", r"/api/folders/([^/]+)", "folders:write", _change_folder),
    ("GET", r"/api/dashboards/uid/([^/]+)", "dashboards:read", _board),
    ("POST", r"/api/dashboards/db", "dashboards:read", _save_board),
    ("GET", r"/api/search/?", "dashboards:read", _search),
]


def _handler(grafana: Grafana) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # head and body in one packet
        timeout = 30

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(text) if text else None
            path = parts.path.removeprefix(grafana.prefix)
            status, said = grafana.answer(Request(self.command, path, parse_qs(parts.query), headers, body))
            raw = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/login")
            self.send_header("Set-Cookie", "grafana_session=standin; Path=/; HttpOnly")
            kind = "text/html" if isinstance(said, bytes) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def grafana_server(grafana: Grafana | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Grafana]:
    """A stand-in that serves; at its end whatever was undocumented fails the test."""
    made = grafana or Grafana()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        made.scheme = "https"
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=30)
    assert made.undocumented == []
