"""sanihub's JSON over HTTP (``docs/protocols/http.md``): the decoder of what was posted to ``/api/v1/telemetry``.

The requests themselves are taken by the API, which knows who posted. What it knows goes into the channel, so that a
dead letter tells it and a replay decodes it in the same way: ``telemetry/<device>`` where the key is a device's own,
``telemetry`` where each message names its device, and behind either the digest of an ``Idempotency-Key``.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from pydantic import Field

from devices.errors import DecodeError
from devices.kinds import DEVICE_ID
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame
from ingest.plugin import Plugin, SoleSection, Tools
from ingest.wire.native import messages
from ingest.wire.native.form import addressees, shown

NAME = "http-json"
_HEAD = "telemetry"
_MARK = "~"  #: before the digest; no device id holds it


def channel(device: str | None, poster: str = "", idempotency_key: str | None = None) -> str:
    """The channel of a request.

    ``poster`` is who posted, for one's ``Idempotency-Key`` says nothing of another's. The key stands in the channel
    and thereby in the fingerprint of the frame: equal bytes under another key are another message.
    """
    parts = [_HEAD, *([] if device is None else [device])]
    if idempotency_key is not None:
        told = f"{poster}\0{idempotency_key}".encode("utf-8", "surrogatepass")
        parts.append(_MARK + blake2b(told, digest_size=16).hexdigest())
    return "/".join(parts)


def another(payload: bytes, device: str) -> str | None:
    """The first device that a payload names and that is not ``device``; None when there is none."""
    for named in addressees(payload):
        if named != device:
            return named if isinstance(named, str) and DEVICE_ID.match(named) else shown(named)
    return None


class HttpJson:
    """The decoder of the adapter."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __call__(self, frame: Frame) -> Decoded:
        """Decode one frame. Raises DecodeError."""
        return messages.decode_addressed(frame.payload, _sender(frame.channel), self._catalogue)


def _sender(text: str) -> str | None:
    """The device of a channel. Raises DecodeError for a text that is no channel."""
    head, *rest = text.split("/")
    if rest and rest[-1].startswith(_MARK):
        rest.pop()
    if head != _HEAD or len(rest) > 1 or not all(DEVICE_ID.match(part) for part in rest):
        raise DecodeError(f"channel: expected {_HEAD} or {_HEAD}/<device>, got {text[:120]!r}")
    return rest[0] if rest else None


class HttpSection(SoleSection):
    """``[http]``: what is posted, to ``/api/v1/telemetry`` and as webhooks. Seconds, and numbers of requests.

    ``answer_within_s`` is how long a request waits for room and for its commit; ``max_waiting`` how many are read or
    wait at a time, ``max_waiting_per_key`` how many of one key.
    """

    answer_within_s: float = Field(
        10.0,
        ge=0.1,
        le=120,
        description="so long a request waits for room and for its commit before it is told 503, seconds",
    )
    body_within_s: float = Field(30.0, ge=0.1, le=600, description="so long a body may take to come, seconds")
    max_waiting: int = Field(
        200, ge=1, le=400, description="requests that are read or wait at a time"
    )  # the web server itself serves 500 connections
    max_waiting_per_key: int = Field(50, ge=1, le=400, description="and of one key")
    max_posts_per_s: float = Field(
        100.0,
        ge=0,
        le=100_000,
        description="requests of one key in the long run, and ten seconds of it at once; beyond it 429; 0: no limit",
    )


def decoder(sections: Sequence[HttpSection], tools: Tools) -> HttpJson:
    """The decoder of what is posted."""
    return HttpJson(tools.catalogue)


PLUGIN = Plugin(NAME, "JSON over HTTP", setting="http", section=HttpSection, decoder=decoder)
