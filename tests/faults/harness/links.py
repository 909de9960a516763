"""A hub of which every connection leads through a proxy: to its database, its broker, and from its devices."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict

from tests.faults.harness.scene import Scene, settings
from tests.faults.harness.stream import Stream
from tests.hubs import HubProcess
from tests.proxy import Proxy, Way
from tests.servers import NatsServer

_LISTENER = re.compile(r"JT/T 808 vehicles +([0-9.]+):(\d+)")


@dataclass(frozen=True, slots=True)
class Links:
    """``devices``: what devices say to the broker; ``broker``: between hub and broker; ``http``: everybody's."""

    database: Proxy
    broker: Proxy
    devices: Proxy
    http: Proxy
    terminals: Proxy

    def all(self) -> tuple[Proxy, ...]:
        """Every one."""
        return self.database, self.broker, self.devices, self.http, self.terminals


class LinkedScene(Scene):
    """A scene of which all connections lead through :attr:`links`."""

    links: Links

    def _listener(self) -> tuple[str, int]:
        return self.links.terminals.address


@contextmanager
def linked(
    stream: Stream, dsn: str, broker: NatsServer, hub_over: Callable[..., HubProcess], **mqtt: object
) -> Iterator[LinkedScene]:
    """A running hub behind proxies, and a stream for it."""
    server = conninfo_to_dict(dsn)
    with ExitStack() as stack:
        database = stack.enter_context(Proxy((str(server["host"]), int(str(server["port"])))))
        to_broker, devices, http, terminals = (
            stack.enter_context(Proxy(target)) for target in (broker.address, broker.address, ("", 0), ("", 0))
        )
        host, port = database.address
        dsn_of_hub = f"postgresql://{server['user']}:{server['password']}@{host}:{port}/{server['dbname']}"
        hub = hub_over(dsn_of_hub, settings(to_broker.address, **mqtt))
        found = _LISTENER.search(hub.text())
        assert found is not None
        terminals.target = found[1], int(found[2])
        http.target = "127.0.0.1", int(hub.url.rpartition(":")[2])
        hub.url = f"http://127.0.0.1:{http.address[1]}"
        hub._dsn = dsn
        scene = LinkedScene(stream, hub, lambda: dsn, devices.address)
        scene.links = Links(database, to_broker, devices, http, terminals)
        yield scene


def tear(proxy: Proxy, chance: random.Random, most: int) -> None:
    """Cut the connection that carries some byte from now on, in each direction one."""
    for way in Way:
        proxy.cut_after(way, chance.randrange(1, most))
