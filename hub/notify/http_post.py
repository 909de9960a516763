"""One HTTP POST to a target that was checked: no redirects, no proxies, no cookies, bounded in time and size.

A client of one's own, for what matters here is what the large ones hide: which address is connected to. h11 does the
protocol; asyncio connects to the very address that was judged, with the name in TLS and in ``Host``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

import h11
import msgspec

from hub.notify.targets import TargetError, Targets, resolve

MOST_BYTES = 16 * 1024  #: of a response; what is beyond is not read
_CHUNK = 4 * 1024


class Response(msgspec.Struct, frozen=True):
    """What came back; ``body`` is its beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoHttpError(Exception):
    """What came back is no HTTP."""


async def post(
    url: str, body: bytes, headers: Mapping[str, str], targets: Targets, context: ssl.SSLContext | None = None
) -> Response:
    """Post. Raises OSError (TargetError among them) and NoHttpError; the caller bounds the time.

    ``headers`` may not have a ``Host`` or ``Content-Length``. A response is what follows informational ones (1xx).
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    tls = (context or ssl.create_default_context()) if secure else None
    reader, writer = await _connect(parts.hostname, port, targets, tls)
    try:
        return await _exchange(reader, writer, _request(parts, headers, body), body)
    except h11.ProtocolError as error:
        raise NoHttpError(f"no HTTP: {error}") from None
    finally:
        writer.transport.abort()  # the answer is known or not wanted; a polite end could take long


def _request(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> h11.Request:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    fields = {"Host": host, "Content-Length": str(len(body)), "Connection": "close", **headers}
    return h11.Request(method="POST", target=target, headers=list(fields.items()))


async def _connect(
    host: str, port: int, targets: Targets, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    fault: OSError = TargetError(f"{host}: has no address")
    for address in await resolve(host, port, targets):
        try:
            reader, writer = await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=host if tls else None, limit=_CHUNK
            )
        except OSError as error:
            fault = error
            continue
        own, peer = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        if own and peer and own[0] == peer[0] and not targets.permits_local(address):
            writer.transport.abort()
            raise TargetError(f"{host}: {address} is this machine itself; see notify.allowed_networks")
        return reader, writer
    raise fault


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, body: bytes
) -> Response:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_BYTES)
    for part in (request, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(connection.send(part) or b"")
    with suppress(ConnectionError):  # a receiver that refuses early may have closed; its answer counts
        await writer.drain()
    response: h11.Response | None = None
    content = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await _read(reader, response is not None))
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            content += event.data
        if response is not None and (isinstance(event, h11.EndOfMessage) or len(content) >= MOST_BYTES):
            fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
            return Response(response.status_code, fields, content[:MOST_BYTES])
        if isinstance(event, h11.ConnectionClosed):
            raise NoHttpError("closed without an answer")


async def _read(reader: asyncio.StreamReader, answered: bool) -> bytes:
    try:
        return await reader.read(_CHUNK)
    except ConnectionError:
        if answered:
            return b""
        raise
