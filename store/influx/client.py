"""InfluxDB v2 over HTTP, through influxdb-client: writing lines, withdrawing, and whether it is there.

The client is synchronous and works in threads, one request at a time for each of its users. Its own retries are off:
when to try again is for the one who has the data. Answers are told apart by what is to be done about them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, TypeVar

import msgspec
import urllib3.exceptions
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from devices.errors import SanihubError, TransientError

T = TypeVar("T")
MOST_WAIT_S = 3_600.0  #: whatever Retry-After says

# What InfluxDB says of lines that it does not take; any other 400 is about the request, and no line's fault.
_OF_CONTENT = re.compile(
    r"partial write|field type conflict|unable to parse|beyond retention|time outside range|max key size|invalid field"
)
_FIELD = re.compile(r'input field "((?:[^"\\]|\\.)*)"')
_PRECISION: Any = WritePrecision.US  # their enumeration is of strings
_NOTHING = "writing requires points"  #: what a write without lines is told after organisation, bucket and token
_DROPPED = re.compile(r"dropped=(\d+)")


class InfluxAwayError(TransientError):
    """InfluxDB does not take anything now.

    ``wait_s`` is how long it asks to be left alone; ``lasting`` says that only a person can mend it.
    """

    def __init__(self, message: str, *, wait_s: float = 0.0, lasting: bool = False) -> None:
        super().__init__(f"influx: {message}")
        self.wait_s, self.lasting = wait_s, lasting


class TooLargeError(SanihubError):
    """InfluxDB takes no request of this size."""


class RefusedError(SanihubError):
    """InfluxDB refuses points for what they hold; the others of the request may be written.

    ``field`` is the one that it names, if any; ``dropped`` how many points it says that it did not write.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        field, dropped = _FIELD.search(message), _DROPPED.search(message)
        self.field = field[1] if field else None
        self.dropped = int(dropped[1]) if dropped else None


class InfluxTarget(msgspec.Struct, frozen=True):
    """Where to write. The token is a secret; ``ca`` a file of authorities for an address of https."""

    url: str
    org: str
    bucket: str
    token: str
    timeout_s: float = 10.0
    verify: bool = True
    ca: str | None = None

    def __repr__(self) -> str:
        return f"InfluxTarget({self.url}, {self.org}, {self.bucket})"


class InfluxClient:
    """One bucket of an InfluxDB. Every method raises InfluxAwayError when there is no useful answer."""

    def __init__(self, target: InfluxTarget) -> None:
        self.target = target
        self._client = InfluxDBClient(
            url=target.url,
            token=target.token,
            org=target.org,
            timeout=int(target.timeout_s * 1_000),
            enable_gzip=True,
            verify_ssl=target.verify,
            ssl_ca_cert=target.ca,
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    async def write(self, make: Callable[[], bytes]) -> None:
        """Write lines with times in µs; ``make`` makes them in the thread. Returns when InfluxDB has them.

        Raises RefusedError and TooLargeError too.
        """
        target = self.target

        def work() -> None:
            self._writer.write(target.bucket, target.org, make(), write_precision=_PRECISION)

        await self._ask(work)

    async def withdraw(self, measurement: str, device: str, first: str, last: str) -> None:
        """Delete the points of a device in a measurement from ``first`` to ``last`` (RFC 3339)."""
        target = self.target
        predicate = f"_measurement={_quoted(measurement)} AND device={_quoted(device)}"
        api = self._client.delete_api()
        await self._ask(lambda: api.delete(first, last, predicate, bucket=target.bucket, org=target.org))

    async def version(self) -> str:
        """The server's version, as it answers to a ping."""
        return str(await self._ask(self._client.version))

    async def probe(self) -> None:
        """Return when the token may write to the bucket: a write of nothing gets as far as being told so."""
        try:
            await self.write(lambda: b"")
        except InfluxAwayError as error:
            if _NOTHING not in str(error):
                raise

    async def query(self, flux: str, params: Mapping[str, object]) -> list[dict[str, Any]]:
        """The records of a Flux query as values by column. ``params`` become options of the script, not text of it."""
        api = self._client.query_api()
        tables = await self._ask(lambda: api.query(flux, org=self.target.org, params=dict(params)))
        return [record.values for table in tables for record in table.records]

    def close(self) -> None:
        """Close its connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    async def _ask(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(call)
        except ApiException as error:
            raise told(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise InfluxAwayError(f"{self.target.url}: {_short(error)}") from error


def told(error: ApiException) -> SanihubError:
    """What an answer that is no success means."""
    message = _message(error)
    if error.status == 413:
        return TooLargeError(message)
    if error.status in (400, 422, 500) and _OF_CONTENT.search(message):
        return RefusedError(message)
    if error.status in (401, 403):
        return InfluxAwayError(f"{error.status}: the token is not accepted: {message}", lasting=True)
    if error.status == 404:
        return InfluxAwayError(f"404: no such organisation or bucket: {message}", lasting=True)
    if error.status == 501 or (400 <= (error.status or 0) < 500 and error.status not in (408, 429)):
        return InfluxAwayError(f"{error.status}: {message}", lasting=True)
    wait_s = retry_after(dict(error.headers or {}).get("Retry-After"))
    return InfluxAwayError(f"{error.status or 'no answer'}: {message}", wait_s=wait_s)


def retry_after(text: str | None) -> float:
    """The seconds of a Retry-After: a number, or a date (RFC 9110, 10.2.3); 0 for none, bounded by an hour."""
    if not text:
        return 0.0
    try:
        seconds = float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - time()
    except ValueError:
        return 0.0
    return min(max(0.0, seconds), MOST_WAIT_S)


def _message(error: ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body or ""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        found = None
    said = found.get("message") if isinstance(found, dict) else None
    return str(said or body or error.reason or "")[:500]


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
