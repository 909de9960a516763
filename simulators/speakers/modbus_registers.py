"""The registers of a simulated toilet controller, and its answers to Modbus requests (Application Protocol V1.1b3).

The layout is that of the register map ``toilet-controller`` which the hub ships; it is written down here a second time
on purpose. Addresses count from 0; words are big-endian, the higher word of 32 bits first. Until the first report the
gas sensors warm up and everything else is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from simulators.city.observation import Observation

NH3_MG_PER_PPM, H2S_MG_PER_PPM = 0.70, 1.39  # at 25 °C and 1,013 hPa
_UNKNOWN, _UNKNOWN_32, _UNKNOWN_SIGNED = 0xFFFF, 0xFFFFFFFF, 0x7FFF

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3


class _Register(msgspec.Struct, frozen=True):
    address: int
    metric: str
    per_unit: float  #: what one unit of the metric is in the register
    wide: bool = False
    signed: bool = False


_INPUTS = (
    _Register(0, "nh3_ppm", NH3_MG_PER_PPM * 100),
    _Register(1, "h2s_ppm", H2S_MG_PER_PPM * 100),
    _Register(2, "humidity_pct", 10),
    _Register(3, "temperature_c", 10, signed=True),
    _Register(4, "co2_ppm", 1),
    _Register(16, "stalls_occupied", 1),
    _Register(18, "people_in", 1, wide=True),
    _Register(20, "people_out", 1, wide=True),
    _Register(32, "water_m3", 1_000, wide=True),
    _Register(34, "energy_kwh", 100, wide=True),
    _Register(36, "power_w", 1),
    _Register(37, "paper_pct", 1),
    _Register(38, "soap_pct", 1),
)
_WARMING, _SOS, _LEAK, _SMOKE, _DOOR = range(5)
_COILS = ("fan", "light")
INPUT_COUNT, STATUS_COUNT = 40, 5


class Controller:
    """One unit."""

    def __init__(self) -> None:
        self._registers = [_UNKNOWN] * INPUT_COUNT
        self._status = [False] * STATUS_COUNT
        self._status[_WARMING] = True
        self._coils = [False] * len(_COILS)
        self._by_hand: dict[int, bool] = {}  # switches that somebody has set, whatever the automatic wants
        for register in _INPUTS:
            self._set(register, None)

    def see(self, observation: Observation) -> None:
        """Take the figures of a report over into the registers."""
        readings = observation.readings
        for register in _INPUTS:
            self._set(register, readings.get(register.metric))
        sos = any(event["kind"] == "sos" for event in observation.events)
        self._status = [False, sos, _on(readings, "water_leak"), _on(readings, "smoke"), _on(readings, "door_open")]
        self._coils = [_on(readings, metric) for metric in _COILS]

    def switched(self, metric: str) -> bool:
        """Whether the fan or the light is on."""
        place = _COILS.index(metric)
        return self._by_hand.get(place, self._coils[place])

    def answer(self, request: bytes) -> bytes:
        """The response PDU to a request PDU (clause 6); faults become exception responses (clause 7)."""
        function = request[0]
        try:
            body = self._body(function, request[1:])
        except _ExceptionError as refused:
            return bytes((function | 0x80, refused.code))
        return bytes((function,)) + body

    def _body(self, function: int, data: bytes) -> bytes:
        if function not in (1, 2, 4, 5):
            raise _ExceptionError(ILLEGAL_FUNCTION)
        if len(data) != 4:
            raise _ExceptionError(ILLEGAL_VALUE)
        address, second = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
        if function == 5:
            return self._write(address, second, data)
        if not 1 <= second <= (125 if function == 4 else 2_000):
            raise _ExceptionError(ILLEGAL_VALUE)
        if function == 4:
            _within(address, second, INPUT_COUNT)
            words = self._registers[address : address + second]
            return bytes((2 * second,)) + b"".join(word.to_bytes(2, "big") for word in words)
        bits = [self.switched(metric) for metric in _COILS] if function == 1 else self._status
        _within(address, second, len(bits))
        packed = sum(bit << place for place, bit in enumerate(bits[address : address + second]))
        size = -(-second // 8)
        return bytes((size,)) + packed.to_bytes(size, "little")

    def _write(self, address: int, value: int, data: bytes) -> bytes:
        _within(address, 1, len(_COILS))
        if value not in (0x0000, 0xFF00):
            raise _ExceptionError(ILLEGAL_VALUE)
        self._by_hand[address] = value == 0xFF00
        return data

    def _set(self, register: _Register, value: float | None) -> None:
        if register.wide:
            whole = _UNKNOWN_32 if value is None else min(round(value * register.per_unit), _UNKNOWN_32 - 1)
            self._registers[register.address : register.address + 2] = whole >> 16, whole & 0xFFFF
        elif register.signed:
            whole = _UNKNOWN_SIGNED if value is None else round(value * register.per_unit) & 0xFFFF
            self._registers[register.address] = whole
        else:
            # The two highest words are codes: 0xFFFE the sensor polarises, 0xFFFF it is faulty or missing.
            whole = _UNKNOWN if value is None else min(max(round(value * register.per_unit), 0), 0xFFFD)
            self._registers[register.address] = whole


class _ExceptionError(Exception):
    """The request cannot be served; ``code`` says why (clause 7)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _within(address: int, count: int, size: int) -> None:
    if address + count > size:
        raise _ExceptionError(ILLEGAL_ADDRESS)


def _on(readings: Mapping[str, float], metric: str) -> bool:
    return readings.get(metric, 0) == 1
