"""Real Modbus peers: pymodbus' own server, over TCP, RTU over TCP and a serial line made of a pair of terminals."""

from __future__ import annotations

import asyncio
import os
import pty
import socket
import struct
import tty
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

NH3, HUMIDITY = 0, 2  #: input registers of the map toilet-controller


def toilet_registers(**changes: int) -> list[int]:
    """Input registers of a toilet controller, 0 to 38."""
    registers = [0] * 40
    registers[0:5] = [70, 139, 655, 215, 800]  # 1 ppm NH3, 1 ppm H2S, 65.5 %, 21.5 °C, 800 ppm CO2
    registers[16] = 3
    registers[18:22] = [0, 1200, 0, 1190]
    registers[32:39] = [1, 0, 0, 12345, 850, 90, 40]
    for name, value in changes.items():
        registers[int(name.removeprefix("at_"))] = value
    return registers


def floats(*values: float) -> list[int]:
    """Registers of 32-bit floats, the high word first."""
    return [word for value in values for word in struct.unpack(">HH", struct.pack(">f", value))]


class Controller:
    """One unit: what it holds, and what it does. ``bits`` are its discrete inputs."""

    def __init__(
        self,
        unit: int,
        registers: Sequence[int] | None = None,
        *,
        bits: Sequence[bool] = (False,) * 16,
        holding: Sequence[int] = (0,) * 16,
        refuse: Mapping[int, ExcCodes] | None = None,
    ) -> None:
        self.unit = unit
        self.inputs = list(registers or toilet_registers())
        self.bits = list(bits)
        self.coils = [False] * 16
        self.holding = list(holding)
        self.refuse = dict(refuse or {})  #: by first address, of reads of registers
        self.refuse_all = False  #: with the first of these codes, whatever is read
        self.refuse_writes: ExcCodes | None = None
        self.asked: Counter[tuple[int, int, int]] = Counter()
        self.written: list[tuple[int, int, list[Any]]] = []

    async def act(
        self, function: int, start: int, address: int, count: int, registers: list[int], values: list[Any] | None
    ) -> ExcCodes | None:
        """Answer from what this object holds now; pymodbus calls it for each request."""
        if values is not None and self.refuse_writes is not None:
            return self.refuse_writes
        if values is not None:
            self.written.append((function, address, list(values)))
            store: list[Any] = self.coils if function in (5, 15) else self.holding
            store[address : address + len(values)] = values
            return None
        self.asked[function, address, count] += 1
        if self.refuse_all:
            return next(iter(self.refuse.values()))
        if function in (3, 4, 6, 16):
            for at, code in self.refuse.items():
                if address <= at < address + count:
                    return code
            source = self.inputs if function == 4 else self.holding
            registers[: len(source)] = source
        else:
            flags = self.bits if function == 2 else self.coils
            for index in range(0, len(flags), 16):
                registers[index // 16] = sum(1 << bit for bit, on in enumerate(flags[index : index + 16]) if on)
        return None

    def device(self) -> SimDevice:
        """It, for pymodbus."""
        return SimDevice(
            id=self.unit,
            simdata=(
                [SimData(0, values=self.coils, datatype=DataType.BITS)],
                [SimData(0, values=self.bits, datatype=DataType.BITS)],
                [SimData(0, values=self.holding, datatype=DataType.REGISTERS)],
                [SimData(0, values=self.inputs, datatype=DataType.REGISTERS)],
            ),
            action=self.act,
        )


class Gateway:
    """Units behind one port. Those in ``silent`` hear everything and answer nothing."""

    def __init__(self, controllers: Iterable[Controller], silent: Iterable[int] = (), *, rtu: bool = False) -> None:
        self.controllers = {controller.unit: controller for controller in controllers}
        self.silent = set(silent)
        self.heard: Counter[int] = Counter()  #: requests, by unit
        self.ignores: dict[int, int] = {}  #: by unit, the address of reads that it leaves without an answer
        self.ignored: Counter[int] = Counter()
        self.connections = 0
        self.port = 0
        self._framer = FramerType.RTU if rtu else FramerType.SOCKET
        self._server: ModbusTcpServer | None = None

    async def start(self) -> Gateway:
        devices = [controller.device() for controller in self.controllers.values()]
        self._server = ModbusTcpServer(
            devices, framer=self._framer, address=("127.0.0.1", self.port),
            trace_pdu=self._on_pdu, trace_connect=self._on_connection,
        )  # fmt: skip
        await self._server.serve_forever(background=True)
        self.port = self._server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()
            self._server = None

    async def __aenter__(self) -> Gateway:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _on_pdu(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if sending:
            return pdu
        self.heard[pdu.dev_id] += 1
        if self.ignores.get(pdu.dev_id) == pdu.address:
            self.ignored[pdu.dev_id] += 1
            return None  # type: ignore[return-value]
        return None if pdu.dev_id in self.silent else pdu  # type: ignore[return-value]

    def _on_connection(self, connected: bool) -> None:
        self.connections += 1 if connected else -1


class SerialGateway(Gateway):
    """Units on a serial line: pymodbus' serial server at one end of a wire, ``path`` is the other end."""

    def __init__(self, controllers: Iterable[Controller], silent: Iterable[int] = ()) -> None:
        super().__init__(controllers, silent)
        self.path = ""
        self._wire: Wire | None = None

    async def start(self) -> SerialGateway:
        self._wire = Wire()
        self.path = self._wire.paths[0]
        self._serial = ModbusSerialServer(
            [controller.device() for controller in self.controllers.values()],
            port=self._wire.paths[1], baudrate=115_200, trace_pdu=self._on_pdu,
        )  # fmt: skip
        await self._serial.serve_forever(background=True)
        return self

    async def stop(self) -> None:
        await self._serial.shutdown()
        if self._wire is not None:
            self._wire.close()


class Wire:
    """Two terminals joined: what is written to one comes out of the other."""

    def __init__(self) -> None:
        self._masters, self.paths = [], []
        self._slaves = []
        for _ in range(2):
            master, slave = pty.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
            self._slaves.append(slave)
            self.paths.append(os.ttyname(slave))
        self._loop = asyncio.get_running_loop()
        for here, there in (self._masters, self._masters[::-1]):
            self._loop.add_reader(here, self._carry, here, there)

    def _carry(self, here: int, there: int) -> None:
        try:
            os.write(there, os.read(here, 4096))
        except OSError:
            self._loop.remove_reader(here)

    def close(self) -> None:
        for master in self._masters:
            self._loop.remove_reader(master)
        for descriptor in (*self._masters, *self._slaves):
            os.close(descriptor)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def map_file(folder: Path, name: str, text: str) -> Path:
    """A map of one's own; the folder is returned."""
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder
