"""Webhooks: a signed POST of the message as JSON."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from alerts.notices.document import document
from alerts.notices.notice import Message
from devices.errors import ConfigError
from hub.notify.channel import ChannelSection, Kind, Surroundings, UndeliveredError, answer
from hub.notify.http_post import NoHttpError, post
from hub.notify.signature import headers, key_of

LONGEST_WAIT_S = 3_600.0  #: that a receiver may ask for
_OF_THE_MESSAGE = frozenset({400, 409, 413, 414, 415, 422, 431})  # statuses that say nothing of other messages
_RESERVED = frozenset({"host", "content-length", "content-type", "connection", "transfer-encoding", "idempotency-key"})


class WebhookTarget(BaseModel):
    """A receiver of webhooks. ``secrets`` sign; the first is in use, further ones are on their way out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="of the receiver")
    timeout_s: float = Field(10.0, ge=0.1, le=120.0, description="that a post may take, seconds")
    url: SecretStr = Field(description="of the receiver")
    secrets: tuple[SecretStr, ...] = Field(
        min_length=1,
        max_length=4,
        description="the first signs, and so do the others, until they are taken out: whsec_ and base64",
    )
    allow_http: bool = Field(False, description="also take an address that begins with http://, unencrypted")
    ca: Path | None = Field(
        None, description="authority of the receiver's certificate, PEM, where the system does not know it"
    )
    headers: dict[str, SecretStr] = Field({}, description="that are sent along")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        try:
            parts = urlsplit(text)
            port, host = parts.port, parts.hostname
        except ValueError:
            raise ValueError("is no address; expected https://host/path") from None
        if parts.scheme not in {"https", "http"} or not host or port == 0:
            raise ValueError("is no address; expected https://host/path")
        if "@" in parts.netloc or parts.fragment:
            raise ValueError("may not have a user, a password or a fragment; use headers")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("may have printable ASCII characters only; encode others with %")
        return value

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in value:
            key_of(secret.get_secret_value())
        return value

    @field_validator("headers")
    @classmethod
    def _are_free(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, content in value.items():
            text = content.get_secret_value()
            if name.lower() in _RESERVED or name.lower().startswith("webhook-"):
                raise ValueError(f"{name}: is the hub's own")
            if not name.replace("-", "").isalnum() or not name.isascii() or not (text.isascii() and text.isprintable()):
                raise ValueError(f"{name}: a name is of letters, digits and '-', a value of printable ASCII")
        return value

    @model_validator(mode="after")
    def _is_secure(self) -> WebhookTarget:
        if not self.allow_http and urlsplit(self.url.get_secret_value()).scheme != "https":
            raise ValueError("url: expected https://; allow_http = true sends in the clear")
        return self


class WebhookSection(WebhookTarget, ChannelSection):
    """A receiver of webhooks as a channel of notifications."""

    kind: Literal["webhook"] = Field("webhook", description="a signed HTTP post")


class Webhook:
    """A receiver of webhooks."""

    def __init__(self, section: WebhookTarget, around: Surroundings) -> None:
        self._url = section.url.get_secret_value()
        self._keys = [key_of(secret.get_secret_value()) for secret in section.secrets]
        self._headers = {name: value.get_secret_value() for name, value in section.headers.items()}
        self._targets = around.targets
        try:
            self._context = ssl.create_default_context(cafile=str(section.ca) if section.ca else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"notify.channels {section.name}: ca: {section.ca}: {error}") from None

    async def send(self, message: Message) -> str:
        """Deliver: any 2xx is a confirmation. A redirect is none, and is not followed."""
        return await self.post(message.id, document(message))

    async def post(self, message_id: str, body: bytes) -> str:
        """Deliver a document of JSON under an id that stays the same however often it is tried."""
        fields = {
            **self._headers,
            **headers(self._keys, message_id, int(time()), body),
            "Idempotency-Key": f'"{message_id}"',
            "Content-Type": "application/json",
            "User-Agent": "sanihub",
        }
        try:
            response = await post(self._url, body, fields, self._targets, self._context)
        except (OSError, NoHttpError) as error:
            raise UndeliveredError(str(error) or type(error).__name__) from None
        said = answer(f"HTTP {response.status} {response.body[:200].decode('utf-8', 'replace')}")
        if 200 <= response.status < 300:
            return said
        blame: Literal["channel", "message"] = "message" if response.status in _OF_THE_MESSAGE else "channel"
        raise UndeliveredError(said, blame=blame, retry_after_s=retry_after(response.headers, time()))

    async def close(self) -> None:
        """Nothing is kept open."""


def retry_after(fields: Mapping[str, str], now: float) -> float | None:
    """Seconds that a receiver asks to wait (RFC 9110, 10.2.3: seconds or a date), at most an hour; None for none."""
    value = fields.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
    return min(max(seconds, 0.0), LONGEST_WAIT_S)


KIND = Kind("webhook", WebhookSection, Webhook)
