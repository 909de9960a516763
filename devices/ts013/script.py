"""Published codecs: JavaScript files after LoRa Alliance TS013-1.0.0 (Payload Codec API), clause on decodeUplink.

A codec defines ``decodeUplink({bytes, fPort, recvTime}) → {data, warnings, errors}``. The forms that networks used
before are taken too: ``Decode(fPort, bytes, variables)`` and ``Decoder(bytes, port)``, which return the data itself.

A script runs in a process of its own kind (:mod:`devices.ts013.worker`) that has no files, no network and none of the
hub's memory. Each call finds the script freshly loaded: globals that it keeps do not live until the next call, so that
no device's message changes what is read in another's. Time and memory are bounded.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from devices.errors import ConfigError, DecodeError
from devices.ts013.worker import ExpiredError, worker_for

MEMORY_BYTES = 16 * 1024 * 1024
TIME_S = 0.25  #: of processor time, loading the script included; a usual codec takes a thousandth of that
MAX_SOURCE = 1024 * 1024  #: characters
MAX_PAYLOAD = 64 * 1024  #: bytes; LoRaWAN carries at most 242
STRIKES = 3  #: calls in a row that ran out of time, after which the script rests
OVERTIME = "took longer"  #: so begins the engine's answer for a script that it had to stop
REST = 20  #: a resting script is not run for so many times its limit, so that it cannot hold the others up


class Outcome(msgspec.Struct, frozen=True):
    """What a script said: its data, and what of it is no value (``{"t": NaN}``), a line for each."""

    data: dict[str, Any]
    dropped: tuple[str, ...] = ()


class Script:
    """A codec script. May be used from any thread; calls wait for each other.

    ``memory_bytes`` bounds what it may allocate, ``time_s`` the processor time of one call.
    """

    def __init__(self, source: str, *, memory_bytes: int = MEMORY_BYTES, time_s: float = TIME_S) -> None:
        """Nothing is run yet. Raises ConfigError where the source is too long."""
        if len(source) > MAX_SOURCE:
            raise ConfigError(f"script: {len(source)} characters, expected at most {MAX_SOURCE}")
        self._source = source.encode("utf-8", "replace").decode()
        self._worker = worker_for(memory_bytes)
        self._time_s = time_s
        self._strikes = 0
        self._rests_until = 0.0

    def decode(self, f_port: int, payload: bytes, recv_time_us: int | None = None) -> dict[str, Any]:
        """The script's data for one uplink. Raises DecodeError as :meth:`run` does."""
        return self.run(f_port, payload, recv_time_us).data

    def run(self, f_port: int, payload: bytes, recv_time_us: int | None = None) -> Outcome:
        """Decode one uplink; ``recv_time_us`` is when it was received (UTC), None for now.

        Raises DecodeError, and nothing else, where the script throws, names errors, returns no object, runs out of
        time or memory, or is resting because it ran out of time again and again.
        """
        if len(payload) > MAX_PAYLOAD:
            raise DecodeError(f"payload: {len(payload)} bytes, expected at most {MAX_PAYLOAD}")
        if time.monotonic() < self._rests_until:
            raise DecodeError(f"script: ran out of time {STRIKES} times in a row, and is not run for a while")
        millis = None if recv_time_us is None else recv_time_us // 1000
        request = {"source": self._source, "port": f_port, "bytes": list(payload), "time": millis}
        try:
            outcome = _understood(self._worker.ask(request, self._time_s))
        except ExpiredError:
            self._strikes += 1
            if self._strikes >= STRIKES:
                self._strikes = 0
                self._rests_until = time.monotonic() + REST * self._time_s
            raise
        except DecodeError:
            self._strikes = 0  # it failed at once, which holds nobody up
            raise
        self._strikes = 0
        return outcome


def _understood(answer: bytes) -> Outcome:
    """The engine's answer as an outcome. Raises DecodeError with the script's own words."""
    try:
        told = msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        raise DecodeError("script: returned what is no JSON") from None
    data = told.get("data")
    if not isinstance(data, dict):
        reason = str(told.get("error", "returned no object as data"))
        raise (ExpiredError if reason.startswith(OVERTIME) else DecodeError)(f"script: {reason}")
    return Outcome(data, tuple(str(line) for line in told.get("dropped", ())))
