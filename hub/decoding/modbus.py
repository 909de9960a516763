"""``sanihub decode modbus``: a line is a poll as the hub keeps it (JSON), or a request and its response in hexadecimal.

The two frames are RTU or TCP, which is seen from the CRC or the header. ``--model`` names the register map, or a file
with one; without it the frames are told and nothing is made of their registers. A pair of frames carries no time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devices.errors import ConfigError, DecodeError
from devices.metrics import Catalogue
from devices.register_maps.files import map_named, parse, shipped
from devices.register_maps.layout import RegisterMap
from devices.vocabulary import Identity
from hub.decoding.decoding import Decoding, Options
from hub.decoding.form import NOBODY, Answer, fault, told
from ingest.adapters.modbus.plugin import NAME
from ingest.wire.modbus.frames import Adu, parse_rtu, parse_tcp
from ingest.wire.modbus.pdu import (
    EXCEPTIONS,
    FUNCTIONS,
    READS_BITS,
    READS_REGISTERS,
    Request,
    Response,
    parse_request,
    parse_response,
    values_of,
)
from ingest.wire.modbus.poll import Block, Poll, as_told, poll_of
from ingest.wire.modbus.values import decode_poll

BITS = READS_BITS | {5, 15}  #: functions whose values are bits
NO_MAP = RegisterMap("none", "No map", ())


class ModbusLines:
    """Says what stands in each line."""

    def __init__(self, options: Options) -> None:
        self._map = None if options.model is None else _map(options.model)
        self._identity = Identity("id", options.device or NOBODY)
        self._catalogue = Catalogue()

    def __call__(self, line: bytes) -> Answer:
        """What is to be printed for one line."""
        try:
            return self._kept(line) if line[:1] == b"{" else self._heard(line)
        except DecodeError as error:
            return fault(str(error), line)

    def _kept(self, line: bytes) -> Answer:
        """A poll as it stands in a frame's payload."""
        poll = poll_of(line)
        register_map = self._map or shipped().get(poll.map)
        if register_map is None:
            raise DecodeError(f"map: no register map is named {poll.map!r}; name it, or its file, with --model")
        answer = self._told(poll, register_map)
        answer["message"] |= {"map": register_map.name, "unit": poll.unit}
        answer["message"]["blocks"] = [as_told(block) | _named(block.exception) for block in poll.blocks]
        return answer

    def _heard(self, line: bytes) -> Answer:
        """A request and its response, as they were on the wire."""
        kind, asked, answered = _frames(line)
        if asked.unit != answered.unit or asked.transaction != answered.transaction:
            raise DecodeError("response: unit or transaction is another than the request's")
        request, response = parse_request(asked.pdu), parse_response(answered.pdu)
        if response.function != request.function:
            raise DecodeError(f"response: function {response.function}, expected {request.function} as in the request")
        poll = Poll("none", asked.unit, 0, _blocks(request, response))
        answer = self._told(poll, self._map or NO_MAP)
        answer["observed_at"] = None
        answer["message"] |= {"frame": kind, "unit": asked.unit} | _message(request, response)
        if asked.transaction is not None:
            answer["message"]["transaction"] = asked.transaction
        if self._map is not None:
            answer["message"]["map"] = self._map.name
        return answer

    def _told(self, poll: Poll, register_map: RegisterMap) -> Answer:
        answer = told(decode_poll(poll, register_map, self._identity, self._catalogue))
        if self._identity.value == NOBODY:
            answer["device"] = {"modbus_unit": str(poll.unit)}
        return answer


def _map(model: str) -> RegisterMap:
    """The map of that name, or of that file. Raises ConfigError."""
    if not model.endswith((".yaml", ".yml")):
        return map_named(shipped(), model)
    try:
        return parse(model, Path(model).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"decode: {model}: {error}") from None


def _frames(line: bytes) -> tuple[str, Adu, Adu]:
    words = line.decode("utf-8", "replace").replace("0x", "").split()
    if len(words) != 2:
        raise DecodeError(f"line: {len(words)} words, expected JSON, or a request and a response in hexadecimal")
    try:
        request, response = (bytes.fromhex(word) for word in words)
    except ValueError:
        raise DecodeError("line: expected hexadecimal digits, two to a byte") from None
    faults = []
    for kind, read in (("rtu", parse_rtu), ("tcp", parse_tcp)):
        try:
            asked = read(request)
        except DecodeError as error:
            faults.append(f"as {kind}: {error}")
            continue
        try:
            return kind, asked, read(response)
        except DecodeError as error:
            raise DecodeError(f"response ({kind}): {error}") from None
    raise DecodeError(f"request: {'; '.join(faults)}")


def _blocks(request: Request, response: Response) -> tuple[Block, ...]:
    """What a read brought; nothing of a write."""
    if request.function not in READS_BITS and request.function not in READS_REGISTERS:
        if response.exception is None:
            values_of(request, response)
        return ()
    if response.exception is not None:
        return (Block(request.function, request.address, count=request.count, exception=response.exception),)
    return (Block(request.function, request.address, tuple(values_of(request, response))),)


def _message(request: Request, response: Response) -> dict[str, Any]:
    message: dict[str, Any] = {
        "function": request.function,
        "name": FUNCTIONS[request.function],
        "address": request.address,
        "count": request.count,
    }
    if response.exception is not None:
        return message | {"exception": response.exception} | _named(response.exception)
    return message | {"bits" if request.function in BITS else "registers": values_of(request, response)}


def _named(exception: int | None) -> dict[str, str]:
    return {} if exception is None else {"exception_name": EXCEPTIONS.get(exception, "unknown")}


DECODINGS = (Decoding(NAME, "Modbus polls, or requests and responses in hexadecimal", ModbusLines),)
