"""Apprise: WeCom, DingTalk, Feishu and Lark, mail, Telegram and many more, each by an address of one line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from alerts.notices import wording
from alerts.notices.notice import Message
from devices.errors import ConfigError
from hub.embedded.launch import launch_command
from hub.notify.channel import ChannelSection, Kind, Surroundings, UndeliveredError

CHECK_S = 60.0
_LOCAL = frozenset({"blink1", "dbus", "file", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})
_KEPT = ("LANG", "LC_ALL", "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZ")


class AppriseSection(ChannelSection):
    """A service by its Apprise address. People read it: so it is limited, and one message goes out at a time."""

    kind: Literal["apprise"] = Field("apprise", description="WeCom, DingTalk, Feishu, mail and many more")
    url: SecretStr = Field(description="an address of Apprise, such as wecombot://key")
    language: Literal["en", "zh", "both"] = Field("en", description="of the messages")
    per_minute: int | None = Field(
        20, ge=1, le=10_000, description="most messages in a minute; the last one takes the rest along"
    )
    parallel: int = Field(1, ge=1, le=64, description="messages that are under way at the same time")
    timeout_s: float = Field(30.0, ge=1.0, le=120.0, description="that each may take, seconds")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: SecretStr) -> SecretStr:
        scheme, separator, rest = value.get_secret_value().partition("://")
        if not separator or not scheme.isalnum() or not rest:
            raise ValueError("is no address of Apprise; expected such as wecombot://key or mailto://user:password@host")
        if scheme.lower() in _LOCAL:
            raise ValueError(f"{scheme}:// concerns this machine only")
        if "\n" in rest:
            raise ValueError("expected one line")
        return value


class AppriseService:
    """A service of Apprise. What the service confirms is what Apprise can see of it, often an HTTP status."""

    def __init__(self, section: AppriseSection, around: Surroundings) -> None:
        self._section = section
        self._zone = around.zone
        self._networks = {
            "allowed": [str(network) for network in around.targets.allowed],
            "forbidden": [str(network) for network in around.targets.forbidden],
        }
        try:
            found = subprocess.run(  # noqa: S603 - our own program
                command(),
                check=True,
                input=self._order(check=True),
                capture_output=True,
                env=_environment(),
                timeout=CHECK_S,
            )
            outcome = json.loads(found.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise ConfigError(f"notify.channels {section.name}: Apprise does not run: {type(error).__name__}") from None
        if not outcome["usable"]:
            raise ConfigError(f"notify.channels {section.name}: url: {outcome['answer']}")

    async def send(self, message: Message) -> str:
        """Send in a child process, which ends with this call however that ends."""
        order = self._order(title=self._title(message), body=self._body(message), type=_type(message))
        child = await asyncio.create_subprocess_exec(
            *command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
        try:
            output, _ = await child.communicate(order)
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        try:
            outcome = json.loads(output)
        except ValueError:
            raise UndeliveredError(f"Apprise ended with {child.returncode}") from None
        if not outcome["ok"]:
            raise UndeliveredError(outcome["answer"])
        return str(outcome["answer"])

    async def close(self) -> None:
        """Nothing is kept open."""

    def _order(self, *, check: bool = False, **fields: Any) -> bytes:
        url = self._section.url.get_secret_value()
        if "overflow=" not in url:  # what is too long for the service comes in parts rather than not at all
            url += f"{'&' if '?' in url else '?'}overflow=split"
        order = {"url": url, "timeout_s": self._section.timeout_s, "check": check, **self._networks, **fields}
        return json.dumps(order).encode() + b"\n"

    def _title(self, message: Message) -> str:
        return wording.headline(message, "en" if self._section.language == "en" else "zh")

    def _body(self, message: Message) -> str:
        if self._section.language != "both":
            return wording.body(message, self._section.language, self._zone)
        english = f"{wording.headline(message, 'en')}\n{wording.body(message, 'en', self._zone)}"
        return f"{wording.body(message, 'zh', self._zone)}\n\n{english}"


def command() -> list[str]:
    """The child's command line. It holds no secret."""
    argv = [sys.executable, "-I", "-m", "hub.notify.apprise_child"]
    return launch_command(argv, account=None, death_signal=signal.SIGKILL)


def _environment() -> dict[str, str]:
    """No proxies, no credentials of a home folder: a connection goes where the address says, or nowhere."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "HOME": "/nonexistent", "NETRC": os.devnull, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _type(message: Message) -> str:
    if all(notice.action == "cleared" for notice in message.notices):
        return "success"
    return {"critical": "failure", "warning": "warning", "info": "info"}[message.severity]


KIND = Kind("apprise", AppriseSection, AppriseService)
