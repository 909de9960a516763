"""Modbus ADUs cut out of a stream of bytes, RTU and TCP.

RTU: MODBUS over Serial Line V1.02, clause 2.5.1: unit, PDU, CRC-16 (low byte first), at most 256 bytes; frames are told
apart by silence on the wire, which a stream of bytes no longer shows. Their length follows from the function code, and
the CRC proves it. TCP: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, clause 3.1.3: the MBAP header says it.

Both cutters are sans-IO: any chunking of the same bytes gives the same frames.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.errors import DecodeError
from ingest.wire.modbus.pdu import ERROR

MAX_RTU, MIN_RTU = 256, 4
MBAP = 7  #: bytes of the header, the unit included
MAX_MBAP_LENGTH = 254  #: unit and PDU

Side = Literal["request", "response"]

_FIXED: dict[Side, dict[int, int]] = {
    "request": {1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8, 7: 4, 8: 8, 11: 4, 12: 4, 17: 4, 22: 10, 24: 6},
    "response": {5: 8, 6: 8, 7: 5, 8: 8, 11: 8, 15: 8, 16: 8, 22: 10},
}
"""Lengths of whole RTU frames whose function fixes them (Application Protocol, chapter 6)."""

_COUNTED: dict[Side, dict[int, int]] = {
    "request": {15: 6, 16: 6, 20: 2, 21: 2, 23: 10},
    "response": {1: 2, 2: 2, 3: 2, 4: 2, 12: 2, 17: 2, 20: 2, 21: 2, 23: 2},
}
"""Where the byte stands that counts those which follow it, before the CRC."""


class Adu(msgspec.Struct, frozen=True):
    """A frame: the unit that is asked or answers, the PDU, and TCP's transaction (None of RTU)."""

    unit: int
    pdu: bytes
    transaction: int | None = None


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def crc16(data: bytes) -> int:
    """The CRC of RTU frames: polynomial 0xA001 (reflected), initial 0xFFFF (Serial Line, clause 2.5.1.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """A whole RTU frame."""
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """A whole TCP frame."""
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu


def parse_rtu(frame: bytes) -> Adu:
    """The one RTU frame that ``frame`` is. Raises DecodeError."""
    if not MIN_RTU <= len(frame) <= MAX_RTU:
        raise DecodeError(f"frame: {len(frame)} bytes, expected {MIN_RTU} to {MAX_RTU}")
    told = int.from_bytes(frame[-2:], "little")
    if (crc := crc16(frame[:-2])) != told:
        raise DecodeError(f"crc: 0x{told:04X}, expected 0x{crc:04X}")
    return Adu(frame[0], frame[1:-2])


def parse_tcp(frame: bytes) -> Adu:
    """The one TCP frame that ``frame`` is. Raises DecodeError."""
    if len(frame) < MBAP + 1:
        raise DecodeError(f"frame: {len(frame)} bytes, expected a header of {MBAP} and a function")
    length = _mbap_length(frame)
    if len(frame) != MBAP - 1 + length:
        raise DecodeError(f"length: {length} announced, expected {len(frame) - MBAP + 1} as there are")
    return Adu(frame[6], frame[MBAP:], int.from_bytes(frame[:2], "big"))


class RtuCutter:
    """Cuts RTU frames of one direction. Bytes that begin no sound frame are dropped, and counted in ``garbage``."""

    def __init__(self, side: Side) -> None:
        self.garbage = 0
        self._side: Side = side
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Adu]:
        """Take bytes; the frames that are complete now. Holds at most one frame."""
        self._buffer += data
        found: list[Adu] = []
        start = 0
        while (length := self._length(start)) is not None:
            if length == 0:
                start += 1
                self.garbage += 1
                continue
            found.append(parse_rtu(bytes(self._buffer[start : start + length])))
            start += length
        del self._buffer[:start]
        return found

    @property
    def pending(self) -> int:
        """Bytes that are held because more must come."""
        return len(self._buffer)

    def silence(self) -> list[Adu]:
        """The line was silent for 3.5 characters: what waits for more is broken off (clause 2.5.1.1).

        Frames that stand behind a false beginning are told then.
        """
        found: list[Adu] = []
        while self._buffer:
            del self._buffer[:1]
            self.garbage += 1
            found += self.feed(b"")
        return found

    def _length(self, start: int) -> int | None:
        """Length of the sound frame at ``start``; 0 where there is none, None where more bytes must tell."""
        buffer = self._buffer
        here = len(buffer) - start
        if here < 2:
            return None
        function = buffer[start + 1]
        if self._side == "response" and function & ERROR:
            length = 5
        elif (fixed := _FIXED[self._side].get(function)) is not None:
            length = fixed
        elif (at := _COUNTED[self._side].get(function)) is not None:
            if here <= at:
                return None
            length = at + 1 + buffer[start + at] + 2
        else:
            return 0
        if length > MAX_RTU:
            return 0
        if here < length:
            return None
        told = int.from_bytes(buffer[start + length - 2 : start + length], "little")
        return length if crc16(bytes(buffer[start : start + length - 2])) == told else 0


class TcpCutter:
    """Cuts TCP frames. After a header that is none (``fault`` says why) nothing can be found: close the connection."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes that are held because more must come."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Adu]:
        """Take bytes; the frames that are complete now. Holds at most one frame."""
        if self.fault is not None:
            return []
        self._buffer += data
        found: list[Adu] = []
        while len(self._buffer) >= MBAP - 1:
            try:
                end = MBAP - 1 + _mbap_length(self._buffer)
            except DecodeError as error:
                self.fault = str(error)
                self._buffer.clear()
                break
            if len(self._buffer) < end:
                break
            found.append(parse_tcp(bytes(self._buffer[:end])))
            del self._buffer[:end]
        return found


def _mbap_length(frame: bytes | bytearray) -> int:
    """The length field of an MBAP header. Raises DecodeError for a header that is none."""
    if (protocol := int.from_bytes(frame[2:4], "big")) != 0:
        raise DecodeError(f"protocol: {protocol}, expected 0")
    length = int.from_bytes(frame[4:6], "big")
    if not 2 <= length <= MAX_MBAP_LENGTH:
        raise DecodeError(f"length: {length}, expected 2 to {MAX_MBAP_LENGTH}")
    return length
