"""The hub's own connections to the embedded broker's NATS port: to answer for keys, and to end connections."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from devices.errors import TransientError

CALLOUT = "$SYS.REQ.USER.AUTH"
_CONNECTIONS = "$SYS.REQ.SERVER.PING.CONNZ"
_ANSWER_S = 5.0
_PAGE = 1_000  #: connections in one answer


class DoorAddress(msgspec.Struct, frozen=True):
    """Where the broker is asked and answered, and as whom; the passwords are not for logs."""

    host: str
    port: int
    asked_as: tuple[str, str]
    system: tuple[str, str]

    def __repr__(self) -> str:
        """Without the passwords."""
        return f"DoorAddress({self.host}:{self.port})"


class DoorLine:
    """Two connections that come back by themselves. :meth:`open` raises TransientError."""

    def __init__(self, address: DoorAddress, on_back: Callable[[], None], on_away: Callable[[], None]) -> None:
        self._address = address
        self._on_back, self._on_away = on_back, on_away
        self._asked: Client | None = None
        self._system: Client | None = None

    async def open(self, answer: Callable[[Msg], Awaitable[None]]) -> None:
        """Connect, and have ``answer`` called for each that wants to connect to the broker."""
        try:
            self._asked = await self._connect(self._address.asked_as)
            self._system = await self._connect(self._address.system)
            await self._asked.subscribe(CALLOUT, cb=answer)
            await self._asked.flush()
        except (Error, OSError, TimeoutError) as error:
            await self.close()
            raise TransientError(f"embedded broker: {error}") from None
        self._on_back()

    async def close(self) -> None:
        """Leave; idempotent."""
        for client in (self._asked, self._system):
            if client is not None:
                await client.close()
        self._asked = self._system = None

    async def kick(self, user: str) -> int:
        """End all connections of a user; how many there were. Raises TransientError."""
        kicked = 0
        while True:
            told = await self._request(_CONNECTIONS, {"auth": True, "user": user, "limit": _PAGE})
            found = told["data"]["connections"] or []
            for one in found:
                await self._request(f"$SYS.REQ.SERVER.{told['server']['id']}.KICK", {"cid": one["cid"]})
            kicked += len(found)
            if len(found) < _PAGE:
                return kicked

    async def _connect(self, account: tuple[str, str]) -> Client:
        async def away() -> None:
            self._on_away()

        async def back() -> None:
            self._on_back()

        async def told(_: Exception) -> None:
            """What the client says of each failed try; :meth:`away` has said it already."""

        return await nats.connect(
            f"nats://{self._address.host}:{self._address.port}",
            user=account[0],
            password=account[1],
            connect_timeout=2,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,
            disconnected_cb=away,
            reconnected_cb=back,
            error_cb=told,
        )

    async def _request(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._system is None:
            raise TransientError("embedded broker: not connected")
        try:
            answer = await self._system.request(subject, json.dumps(body).encode(), timeout=_ANSWER_S)
            found: dict[str, Any] = json.loads(answer.data)
        except (TimeoutError, Error, OSError, ValueError) as error:
            raise TransientError(f"embedded broker: {error}") from None
        return found
