"""A stand-in for InfluxDB v2 on loopback: HTTP as its API documents it, lines held against a strict parser of others'.

It checks token, organisation, bucket, precision and gzip, keeps points as InfluxDB would (measurement, tags and time
make a point, fields are added to it, the last value of a field stays), refuses fields whose type a bucket holds
differently with InfluxDB's own words, and can be told to be away, slow, full, busy, or to cut connections. ``forward``
sends what it takes to a server with the older ``/write`` as well (Debian's influxdb 1.6.7), which parses it once more.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from line_protocol_parser import LineFormatError, parse_line

TOKEN, ORG, BUCKET = "test-token", "city", "sanitation"
Key = tuple[str, tuple[tuple[str, str], ...], int]
Decide = Callable[[int], "tuple[int, dict[str, str], str] | str | None"]


class InfluxServer:
    """``points`` are kept by measurement, tags and time (µs); ``requests`` counts writes that came, ``lines`` lines.

    ``decide(number)`` may answer a write instead: with (status, headers, message), ``"cut"`` to hang up before anything
    is taken, or ``"cut after"`` to take it and hang up without an answer. ``types`` are of fields in the bucket.
    """

    def __init__(self) -> None:
        self.points: dict[Key, dict[str, Any]] = {}
        self.types: dict[tuple[str, str], type] = {}
        self.decide: Decide = lambda number: None
        self.gate = threading.Event()  # cleared: writes are taken and not answered until it is set
        self.gate.set()
        self.most_bytes = 10**9
        self.requests = self.lines = self.deleted = 0
        self.deletes = True
        self.problems: list[str] = []  #: what a client of InfluxDB must never do
        self.answers: list[int] = []
        self.queries: list[dict[str, Any]] = []
        self.answer_csv = ""
        self.forward: str | None = None
        self.lock = threading.Lock()
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port again after :meth:`stop`."""
        owner = self

        class Handler(_Handler):
            influx = owner

        self._server = _Listener(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Be away: the port is closed, and so are open connections."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.hang_up()  # type: ignore[attr-defined]

    def write(self, query: dict[str, str], headers: Any, body: bytes) -> tuple[int, str]:
        """What InfluxDB would do with a write."""
        if headers.get("Authorization") != f"Token {TOKEN}":
            return 401, "unauthorized access"
        if query.get("org") != ORG:
            return 404, f'organization name "{query.get("org")}" not found'
        if query.get("bucket") != BUCKET:
            return 404, f'bucket "{query.get("bucket")}" not found'
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        elif body:
            self.problems.append("not compressed")
        if query.get("precision") != "us":
            self.problems.append(f"precision {query.get('precision')}")
        if len(body) > self.most_bytes:
            return 413, "unable to read data: points batch is too large"
        if not body:
            return 400, "writing requires points"
        lines = body.decode().split("\n")
        parsed = []
        for line in lines:
            try:
                parsed.append(parse_line(line))
            except LineFormatError as error:
                self.problems.append(f"{error}: {line!r}")
                return 400, f"unable to parse '{line}': {error}"
        if self.forward is not None:
            self._forward(body)
        return self._keep(parsed)

    def _keep(self, parsed: list[dict[str, Any]]) -> tuple[int, str]:
        conflict, dropped = "", 0
        for line in parsed:
            self.lines += 1
            for name, value in line["fields"].items():
                held = self.types.get((line["measurement"], name))
                if held is not None and held is not type(value):
                    words = {float: "float", int: "integer", bool: "boolean", str: "string"}
                    conflict = (
                        f'field type conflict: input field "{name}" on measurement "{line["measurement"]}" is type'
                        f" {words[type(value)]}, already exists as type {words[held]}"
                    )
                    dropped += 1
                    break
            else:
                key = (line["measurement"], tuple(sorted(line["tags"].items())), line["time"])
                self.points.setdefault(key, {}).update(line["fields"])
                for name, value in line["fields"].items():
                    self.types.setdefault((line["measurement"], name), type(value))
        if conflict:
            return 422, f"failure writing points to database: partial write: {conflict} dropped={dropped}"
        return 204, ""

    def delete(self, document: dict[str, str]) -> tuple[int, str]:
        """Take away points between two times, both included, by measurement and device."""
        if not self.deletes:
            return 501, "not implemented"
        found = re.fullmatch(r'_measurement="(.*)" AND device="(.*)"', document["predicate"])
        assert found is not None, document
        first, last = (_nanoseconds(document[name]) for name in ("start", "stop"))
        assert first < last
        gone = [
            key
            for key in self.points
            if key[0] == found[1] and dict(key[1])["device"] == found[2] and first <= key[2] * 1_000 <= last
        ]
        for key in gone:
            del self.points[key]
        self.deleted += len(gone)
        return 204, ""

    def _forward(self, body: bytes) -> None:
        request = urllib.request.Request(f"{self.forward}&precision=u", data=body, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 204


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, *args: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for one in list(self.open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    influx: InfluxServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._send(204, {"X-Influxdb-Version": "v2.7.11", "X-Influxdb-Build": "OSS"}, b"")
        else:
            self._answer(404, {"code": "not found", "message": "path not found"})

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path == "/api/v2/write":
            self._write(query, body)
        elif parts.path == "/api/v2/delete":
            with self.influx.lock:
                self._said(*self.influx.delete(json.loads(body)))
        elif parts.path == "/api/v2/query":
            text = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            self.influx.queries.append(json.loads(text))
            self._send(200, {"Content-Type": "text/csv"}, self.influx.answer_csv.encode())
        else:
            self._answer(404, {"code": "not found", "message": "path not found"})

    def _write(self, query: dict[str, str], body: bytes) -> None:
        influx = self.influx
        with influx.lock:
            influx.requests += 1
            decided = influx.decide(influx.requests)
        if isinstance(decided, tuple):
            status, headers, message = decided
            influx.answers.append(status)
            self._send(status, {**headers, "Content-Type": "application/json"}, _error(status, message))
            return
        if decided == "cut":
            self._cut()
            return
        influx.gate.wait(60)
        with influx.lock:
            said = influx.write(query, self.headers, body)
        influx.answers.append(said[0])
        if decided == "cut after":
            self._cut()
            return
        self._said(*said)

    def _said(self, status: int, message: str) -> None:
        self._send(status, {"Content-Type": "application/json"}, b"" if status == 204 else _error(status, message))

    def _answer(self, status: int, document: Any) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(document).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _error(status: int, message: str) -> bytes:
    codes = {400: "invalid", 401: "unauthorized", 404: "not found", 413: "request too large"}
    codes |= {422: "unprocessable entity", 429: "too many requests", 503: "unavailable"}
    return json.dumps({"code": codes.get(status, "internal error"), "message": message}).encode()


def _nanoseconds(text: str) -> int:
    from devices.instants import parse

    whole, fraction = text.rstrip("Z").split(".")
    return parse(f"{whole}Z") * 1_000 + int(fraction.ljust(9, "0"))


@contextlib.contextmanager
def influx_server() -> Iterator[InfluxServer]:
    server = InfluxServer()
    server.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.stop()
    assert server.problems == []
