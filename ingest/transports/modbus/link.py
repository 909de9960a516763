"""One connection to Modbus units, through pymodbus: one request at a time, with a timeout of its own.

pymodbus makes the requests, sends them, and reads the answers' PDUs; what it leaves to its caller is done here. It
checks neither the function nor the count of an answer, waits for the timeout when the connection is lost, and after a
few silent requests closes the connection, which would cost the living units theirs.
"""

from __future__ import annotations

import asyncio
import logging
import termios
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import DecodePDU, ModbusPDU

from devices.errors import SanihubError, TransientError
from devices.register_maps.layout import BIT_FUNCTIONS, WRITE_COIL, WRITE_REGISTER, WritePoint
from ingest.transports.modbus.framing import CuttingRtu, CuttingTcp
from ingest.transports.modbus.plan import Read
from ingest.wire.modbus.pdu import NOBODY_THERE, exception_name

CONNECT_TIMEOUT_S = 5.0
NEVER = 2**31  #: silent requests, and seconds, after which pymodbus acts by itself
CHARACTER_BITS = 11  #: start, eight data bits, parity or a second stop bit, stop (Serial Line, clause 2.5.1)


class UnitSilentError(SanihubError):
    """The unit did not answer, or not in a way that can be read."""


class UnitRefusedError(SanihubError):
    """The unit answered with an exception."""

    def __init__(self, code: int) -> None:
        super().__init__(exception_name(code))
        self.code = code


class Line(msgspec.Struct, frozen=True):
    """Where a bus is. ``kind`` is ``tcp``, ``rtu`` (a serial port) or ``rtu-over-tcp``.

    ``silence_s`` is how long a line rests between an answer and the next request.
    """

    kind: str
    host: str = "127.0.0.1"
    port: int = 502
    path: str = ""
    baud: int = 9_600
    parity: str = "N"
    stopbits: int = 1
    silence_s: float = 0.0

    @property
    def place(self) -> str:
        """For people: ``tcp 10.0.0.7:502``, ``rtu /dev/ttyUSB0``."""
        return f"{self.kind} {self.path}" if self.kind == "rtu" else f"{self.kind} {self.host}:{self.port}"

    def transfer_s(self, registers: int) -> float:
        """How long a request and an answer of so many registers take on the wire itself; 0 where that is not known."""
        return (8 + 5 + 2 * registers) * CHARACTER_BITS / self.baud if self.kind == "rtu" else 0.0


class Link:
    """One connection of a bus. :meth:`open` it before asking, and again after a TransientError."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._client: ModbusBaseClient | None = None
        self._lost: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Connect. Raises TransientError, which says why not."""
        self.close()
        self._lost = asyncio.get_running_loop().create_future()
        client = self._client = self._made()
        client.set_max_no_responses(NEVER)
        why = _keep_reason(client)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connected = await client.connect()
        except TimeoutError:
            connected = False
        except (ValueError, termios.error) as error:
            connected, why = False, [str(error)]
        if not connected:
            self.close()
            raise TransientError(
                f"{self.line.place}: {why[-1] if why else f'no answer within {CONNECT_TIMEOUT_S:g} s'}"
            )

    def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._lost is not None and not self._lost.done():
            self._lost.cancel()

    async def read(self, unit: int, read: Read, timeout_s: float) -> tuple[int, ...]:
        """Registers, or bits as 0 and 1. Raises UnitSilentError, UnitRefusedError, TransientError."""
        client = self._client
        if client is None:
            raise TransientError(f"{self.line.place}: not connected")
        ask = {
            1: client.read_coils,
            2: client.read_discrete_inputs,
            3: client.read_holding_registers,
            4: client.read_input_registers,
        }[read.function]
        answer = await self._ask(
            lambda: ask(read.address, count=read.count, device_id=unit), timeout_s + self.line.transfer_s(read.count)
        )
        if answer.function_code != read.function:
            raise UnitSilentError(f"answered with function {answer.function_code}, asked was {read.function}")
        if read.function in BIT_FUNCTIONS:
            if len(answer.bits) != (read.count + 7) // 8 * 8:
                raise UnitSilentError(f"answered with {len(answer.bits)} bits, asked were {read.count}")
            return tuple(int(bit) for bit in answer.bits[: read.count])
        if len(answer.registers) != read.count:
            raise UnitSilentError(f"answered with {len(answer.registers)} registers, asked were {read.count}")
        return tuple(answer.registers)

    async def write(self, unit: int, point: WritePoint, words: Sequence[int], timeout_s: float) -> None:
        """Write, and see it confirmed. Raises UnitSilentError, UnitRefusedError, TransientError."""
        client = self._client
        if client is None:
            raise TransientError(f"{self.line.place}: not connected")
        timeout_s += self.line.transfer_s(len(words))
        if point.function == WRITE_COIL:
            answer = await self._ask(
                lambda: client.write_coil(point.address, bool(words[0]), device_id=unit), timeout_s
            )
            confirmed = [int(bit) for bit in answer.bits[:1]]
        elif point.function == WRITE_REGISTER:
            answer = await self._ask(lambda: client.write_register(point.address, words[0], device_id=unit), timeout_s)
            confirmed = list(answer.registers)
        else:
            answer = await self._ask(
                lambda: client.write_registers(point.address, list(words), device_id=unit), timeout_s
            )
            confirmed = list(words) if answer.count == len(words) else []
        if (answer.function_code, answer.address, confirmed) != (point.function, point.address, list(words)):
            raise UnitSilentError(f"confirmed something else than what was written to {point.name}")

    async def _ask(self, call: Callable[[], Awaitable[ModbusPDU]], timeout_s: float) -> ModbusPDU:
        lost = self._lost
        assert lost is not None
        if self.line.silence_s:
            await asyncio.sleep(self.line.silence_s)
        asking = asyncio.ensure_future(_awaited(call))
        try:
            wanted: set[asyncio.Future[Any]] = {asking, lost}
            await asyncio.wait(wanted, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking})  # until pymodbus has let its lock go
        if asking.cancelled():
            if lost.done() or not self.is_open:
                raise TransientError(f"{self.line.place}: the connection was lost")
            raise UnitSilentError(f"no answer within {timeout_s:.3g} s")
        try:
            answer = asking.result()
        except ConnectionException:
            raise TransientError(f"{self.line.place}: the connection was lost") from None
        except ModbusException as error:
            raise UnitSilentError(str(error)) from None
        if answer.isError():
            if answer.exception_code in NOBODY_THERE:
                raise UnitSilentError(f"the gateway says: {exception_name(answer.exception_code)}")
            raise UnitRefusedError(answer.exception_code)
        return answer

    def _made(self) -> ModbusBaseClient:
        line, lost = self.line, self._lost
        assert lost is not None

        def on_connection(connected: bool) -> None:
            if not connected and not lost.done():
                lost.set_result(None)

        client: ModbusBaseClient
        if line.kind == "rtu":
            client = AsyncModbusSerialClient(
                line.path, baudrate=line.baud, parity=line.parity, stopbits=line.stopbits,
                timeout=NEVER, retries=0, reconnect_delay=0, trace_connect=on_connection,
            )  # fmt: skip
        else:
            framer = FramerType.RTU if line.kind == "rtu-over-tcp" else FramerType.SOCKET
            client = AsyncModbusTcpClient(
                line.host, port=line.port, framer=framer,
                timeout=NEVER, retries=0, reconnect_delay=0, trace_connect=on_connection,
            )  # fmt: skip
        client.ctx.framer = (CuttingTcp if line.kind == "tcp" else CuttingRtu)(DecodePDU(False))
        return client


async def _awaited(call: Callable[[], Awaitable[ModbusPDU]]) -> ModbusPDU:
    return await call()


def _keep_reason(client: ModbusBaseClient) -> list[str]:
    """Keep why a connection cannot be made: pymodbus only logs it, and answers no."""
    why: list[str] = []
    create = client.ctx.call_create

    async def create_or_say() -> Any:
        try:
            return await create()
        except OSError as error:
            why.append(str(error))
            raise

    client.ctx.call_create = create_or_say
    return why


# pymodbus writes a line for each silent unit at each poll; what matters of that is told by our own errors.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)
