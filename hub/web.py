"""The web server, on the hub's own event loop and stopped by the hub."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import ClassVar

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.live.response import TRANSPORT
from devices.errors import ConfigError
from ingest.transports.tls import RENEWED_S, Certificates, ServerTls

_GRACE_S = 3


class PeerLimit:
    """Connections by address, at most so many of each. Those in ``exempt`` are not bounded."""

    def __init__(self, most: int, exempt: Sequence[str]) -> None:
        self._most = most
        self._exempt = [ip_network(one, strict=False) for one in exempt if one != "*"]
        self._open: Counter[str] = Counter()
        self.refused = 0

    def admit(self, address: str) -> bool:
        """Whether there is room for another of this address; then it is counted."""
        if self._open[address] >= self._most and not self._is_exempt(address):
            self.refused += 1
            return False
        self._open[address] += 1
        return True

    def forget(self, address: str) -> None:
        """One is gone."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def _is_exempt(self, address: str) -> bool:
        return any(ip_address(address) in network for network in self._exempt)


class Protocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, with the transport in the scope for streams that have to hang up on slow peers.

    A peer has :attr:`head_within_s` for the head of a request, from its connection or its last answer on: one that has
    gone without a goodbye would count for ever against the connections that are served. Bodies have their own time
    (``api.bodies``). ``peers`` counts connections by address and bounds them; proxies speak for many, and are not
    counted.
    """

    head_within_s: ClassVar[float] = 30.0
    peers: PeerLimit | None = None
    _counted = ""
    _awaiting_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer is there; it is to ask for something. One whose address has too many is turned away."""
        name = transport.get_extra_info("peername")
        if self.peers is not None and name and not self.peers.admit(str(name[0])):
            transport.abort()
            return
        self._counted = str(name[0]) if name else ""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """A peer is gone; one that was turned away never began."""
        self._heard_head()
        if self.peers is not None and self._counted:
            self.peers.forget(self._counted)
        if self.transport is not None:
            super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """The head of a request is there."""
        self._heard_head()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer is complete; the next request may come."""
        if not self.pipeline and not self.transport.is_closing():
            self._await_head()
        super().on_response_complete()

    def _await_head(self) -> None:
        self._heard_head()
        self._awaiting_head = self.loop.call_later(self.head_within_s, self.timeout_keep_alive_handler)

    def _heard_head(self) -> None:
        if self._awaiting_head is not None:
            self._awaiting_head.cancel()
            self._awaiting_head = None

    def on_message_begin(self) -> None:
        """A request begins: its scope is made."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class _Quiet(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell when connections are accepted."""
        await super().startup(sockets=sockets)
        self._listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the hub's business."""
        yield


class WebServer:
    """Serves an app on a socket that is bound at construction, so that a taken port is known at once.

    Port 0 takes a free one; with ``tls`` it speaks https.
    Of ``proxies`` (addresses or networks) it is believed whom they ask for and by which scheme
    (X-Forwarded-For, X-Forwarded-Proto). Raises ConfigError when the address cannot be had.
    """

    def __init__(
        self, host: str, port: int, proxies: Sequence[str] = (), tls: ServerTls | None = None, per_address: int = 500
    ) -> None:
        self.peers = PeerLimit(per_address, proxies)
        self._certificates = Certificates(tls, "api") if tls else None
        self._proxies = list(proxies)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # TCP by name: only of such a socket asyncio sets TCP_NODELAY, without which each answer takes 40 ms.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            advice = "choose another port with --port or api.port"
            if error.errno == errno.EADDRINUSE:
                advice = (
                    f"a hub or another program has it: end that, or {advice} (the demo: make demo PORT={port + 10})"
                )
            elif error.errno == errno.EADDRNOTAVAIL:
                advice = "set api.host to an address of this machine"
            raise ConfigError(f"api: cannot listen on {host}:{port} ({error.strerror}); {advice}") from None
        self.port: int = self._socket.getsockname()[1]
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://[{shown}]:{self.port}" if ":" in shown else f"{scheme}://{shown}:{self.port}"
        self.listening = asyncio.Event()  #: set once connections are accepted
        self._server: _Quiet | None = None

    async def run(self, app: FastAPI) -> None:
        """Serve until :meth:`stop`."""
        secure = self._certificates
        config = uvicorn.Config(
            app,
            http=type("Counted", (Protocol,), {"peers": self.peers}),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
            limit_concurrency=500,
            server_header=False,
            proxy_headers=bool(self._proxies),
            forwarded_allow_ips=self._proxies,
            ssl_context_factory=None if secure is None else lambda *_: secure.context,
        )
        renewing = asyncio.create_task(self._renew())
        self._server = _Quiet(config, self.listening)
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            renewing.cancel()

    async def _renew(self) -> None:
        """Use renewed certificates for new connections."""
        while self._certificates is not None:
            await asyncio.sleep(RENEWED_S)
            self._certificates.renew()

    def stop(self) -> None:
        """Ask :meth:`run` to finish."""
        if self._server is not None:
            self._server.should_exit = True
        else:
            self._socket.close()
