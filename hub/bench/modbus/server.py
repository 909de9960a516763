"""The units of the Modbus bench: pymodbus' server in a process of its own, some of its units dead.

Run as ``python -m hub.bench.modbus.server``; prints a line of JSON with the ports, and ends when its standard input
does. A dead unit hears and never answers. With ``--line-ms`` each port is a gateway to one serial line: answers take so
long, one after the other, and for a dead unit the gateway holds the line for its own timeout and then says so
(exception 11).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

GATEWAY_S = 0.3  #: how long a gateway waits for a unit on its line
REGISTERS = [715, 0, 43_210, 215, 0, 777, 0, 0, 0b00011]  #: of the map ``compactor``


class _Gateway:
    """One port with its units."""

    def __init__(self, units: int, dead: frozenset[int], rtu: bool, line_s: float) -> None:
        self._units = range(1, units + 1)
        self._dead = dead
        self._rtu = rtu
        self._line_s = line_s
        self._line = asyncio.Lock()

    async def start(self) -> tuple[ModbusTcpServer, int]:
        """Listen; the server and its port."""
        server = ModbusTcpServer(
            [self._device(unit) for unit in self._units],
            framer=FramerType.RTU if self._rtu else FramerType.SOCKET,
            address=("127.0.0.1", 0),
            trace_pdu=None if self._line_s else self._silenced,
        )
        await server.serve_forever(background=True)
        transport: Any = server.transport
        return server, transport.sockets[0].getsockname()[1]

    def _device(self, unit: int) -> SimDevice:
        async def act(*_: Any) -> ExcCodes | None:
            async with self._line:
                await asyncio.sleep(GATEWAY_S if unit in self._dead else self._line_s)
            return ExcCodes.GATEWAY_NO_RESPONSE if unit in self._dead else None

        data = [SimData(0, values=REGISTERS, datatype=DataType.REGISTERS)]
        return SimDevice(id=unit, simdata=data, action=act if self._line_s else None)

    def _silenced(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        """What the server hears; it takes None for nothing at all."""
        return pdu if sending or pdu.dev_id not in self._dead else None  # type: ignore[return-value]


async def serve(buses: int, units: int, dead: int, rtu: bool, line_ms: float) -> None:
    """Serve until standard input ends. ``units`` and ``dead`` are those of all buses together."""
    servers, told = [], []
    for bus in range(buses):
        here = units // buses + (bus < units % buses)
        dying = dead // buses + (bus < dead % buses)
        gone = frozenset(1 + index * here // dying for index in range(dying))  # spread among the living
        server, port = await _Gateway(here, gone, rtu, line_ms / 1e3).start()
        servers.append(server)
        told.append({"port": port, "units": here, "dead": sorted(gone)})
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    for server in servers:
        await server.shutdown()  # type: ignore[no-untyped-call]


def main() -> None:
    """The command line of the process."""
    parser = argparse.ArgumentParser()
    for name in ("buses", "units", "dead"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--rtu", action="store_true")
    parser.add_argument("--line-ms", type=float, default=0.0)
    arguments = parser.parse_args()
    asyncio.run(serve(**vars(arguments)))


if __name__ == "__main__":
    main()
