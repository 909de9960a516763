"""Modbus PDUs: requests and responses of the functions that read and write bits and registers.

After the MODBUS Application Protocol Specification V1.1b3, chapter 6 (functions) and chapter 7 (exceptions). A response
does not say which addresses it answers: it is read together with its request.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import msgspec

from devices.errors import DecodeError

READS_BITS = frozenset((1, 2))
READS_REGISTERS = frozenset((3, 4))
MAX_BITS, MAX_REGISTERS = 2_000, 125  #: of one answer (clauses 6.1 to 6.4)
MAX_ADDRESS = 0xFFFF
ERROR = 0x80  #: added to the function of a response that is an exception

FUNCTIONS: Mapping[int, str] = {
    1: "read coils",
    2: "read discrete inputs",
    3: "read holding registers",
    4: "read input registers",
    5: "write single coil",
    6: "write single register",
    15: "write multiple coils",
    16: "write multiple registers",
}

EXCEPTIONS: Mapping[int, str] = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
"""Names of the exception codes (chapter 7; 7 is of older editions)."""

NOBODY_THERE = frozenset((10, 11))
"""Exceptions by which a gateway says that the unit behind it does not answer."""


class Request(msgspec.Struct, frozen=True):
    """A request. ``values`` are those to be written: bits as 0 and 1, or registers."""

    function: int
    address: int
    count: int
    values: tuple[int, ...] = ()


class Response(msgspec.Struct, frozen=True):
    """A response, as far as it speaks by itself.

    ``data`` are the bytes that a read brings; ``address`` and ``count`` what a write confirms, ``value`` the one value
    that was written. ``exception`` is the code where the unit refused.
    """

    function: int
    data: bytes = b""
    address: int | None = None
    count: int | None = None
    value: int | None = None
    exception: int | None = None


def exception_name(code: int) -> str:
    """``exception 2 (illegal data address)``."""
    name = EXCEPTIONS.get(code)
    return f"exception {code}" if name is None else f"exception {code} ({name})"


def parse_request(pdu: bytes) -> Request:
    """The request of a PDU. Raises DecodeError."""
    function = _function_of(pdu)
    if function not in FUNCTIONS:
        raise DecodeError(f"request: function {function} is none of those that are read here ({_listed()})")
    if len(pdu) < 5:
        raise DecodeError(f"request: {len(pdu)} bytes, expected at least 5 for function {function}")
    address, second = struct.unpack_from(">HH", pdu, 1)
    if function in (5, 6):
        _expect_length("request", function, pdu, 5)
        return Request(function, address, 1, (_single(function, second),))
    most = {1: MAX_BITS, 2: MAX_BITS, 3: MAX_REGISTERS, 4: MAX_REGISTERS, 15: 1_968, 16: 123}[function]
    if not 1 <= second <= most:
        raise DecodeError(f"request: count {second}, expected 1..{most} for function {function}")
    if address + second > MAX_ADDRESS + 1:
        raise DecodeError(f"request: {second} from address {address} reach beyond {MAX_ADDRESS}")
    if function in (15, 16):
        return Request(function, address, second, _written(function, second, pdu))
    _expect_length("request", function, pdu, 5)
    return Request(function, address, second)


def parse_response(pdu: bytes) -> Response:
    """The response of a PDU. Raises DecodeError."""
    function = _function_of(pdu)
    if function & ERROR:
        _expect_length("response", function, pdu, 2)
        return Response(function & ~ERROR, exception=pdu[1])
    if function in READS_BITS or function in READS_REGISTERS:
        if len(pdu) < 2 or len(pdu) != 2 + pdu[1]:
            told = pdu[1] if len(pdu) > 1 else "no count of"
            raise DecodeError(f"response: {len(pdu) - 2} bytes of data, {told} bytes announced")
        if function in READS_REGISTERS and pdu[1] % 2:
            raise DecodeError(f"response: {pdu[1]} bytes of data, expected two for each register")
        return Response(function, pdu[2:])
    if function not in FUNCTIONS:
        raise DecodeError(f"response: function {function} is none of those that are read here ({_listed()})")
    _expect_length("response", function, pdu, 5)
    address, second = struct.unpack_from(">HH", pdu, 1)
    if function in (5, 6):
        return Response(function, address=address, count=1, value=_single(function, second))
    return Response(function, address=address, count=second)


def values_of(request: Request, response: Response) -> list[int]:
    """What a read brought: registers, or bits as 0 and 1, as many as were asked for.

    Raises DecodeError when the response is none to this request. Call it for responses without an exception.
    """
    if response.function != request.function:
        raise DecodeError(f"response: function {response.function}, expected {request.function} as in the request")
    data, count = response.data, request.count
    if request.function in READS_BITS:
        if len(data) != (count + 7) // 8:
            raise DecodeError(f"response: {len(data)} bytes, expected {(count + 7) // 8} for {count} bits")
        return unpack_bits(data, count)
    if request.function in READS_REGISTERS:
        if len(data) != 2 * count:
            raise DecodeError(f"response: {len(data)} bytes, expected {2 * count} for {count} registers")
        return list(struct.unpack(f">{count}H", data))
    if (response.address, response.count) != (request.address, request.count):
        raise DecodeError(f"response: confirms address {response.address}, expected {request.address}")
    if response.value is not None and response.value != request.values[0]:
        raise DecodeError(f"response: confirms the value {response.value}, expected {request.values[0]}")
    return list(request.values)


def unpack_bits(data: bytes, count: int) -> list[int]:
    """Bits as sent: the first in the lowest bit of the first byte (clause 6.1)."""
    return [data[index >> 3] >> (index & 7) & 1 for index in range(count)]


def _function_of(pdu: bytes) -> int:
    if not pdu:
        raise DecodeError("pdu: empty, expected a function code")
    return pdu[0]


def _single(function: int, word: int) -> int:
    """The value of functions 5 and 6; a coil is 0xFF00 or 0x0000 (clause 6.5)."""
    if function == 6:
        return word
    if word not in (0x0000, 0xFF00):
        raise DecodeError(f"coil: 0x{word:04X}, expected 0xFF00 or 0x0000")
    return int(word == 0xFF00)


def _written(function: int, count: int, pdu: bytes) -> tuple[int, ...]:
    size = (count + 7) // 8 if function == 15 else 2 * count
    if len(pdu) != 6 + size or pdu[5] != size:
        raise DecodeError(f"request: expected {size} bytes of values for {count} of function {function}")
    values: Sequence[int] = unpack_bits(pdu[6:], count) if function == 15 else struct.unpack_from(f">{count}H", pdu, 6)
    return tuple(values)


def _expect_length(what: str, function: int, pdu: bytes, length: int) -> None:
    if len(pdu) != length:
        raise DecodeError(f"{what}: {len(pdu)} bytes, expected {length} for function {function}")


def _listed() -> str:
    return ", ".join(str(number) for number in FUNCTIONS)
