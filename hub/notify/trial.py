"""``sanihub alerts notify-test CHANNEL``: send a test message over a channel, and say what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from time import time_ns
from typing import Annotated, Literal, get_args
from uuid import uuid4

import typer

from alerts.notices.notice import Content, Message, Notice, Subject
from alerts.rule import Severity
from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, data_folder, load
from hub.notify.channel import UndeliveredError
from hub.notify.settings import NotifySection
from hub.notify.wiring import make_line
from hub.running import run
from hub.settings.settings import Settings
from ingest.transports.mqtt.broker import Broker

_EPILOG = """
Examples:

  sanihub alerts notify-test dispatch

  sanihub alerts notify-test siren --severity critical
"""
_DEFAULT_PORT = 1883


def register(alerts: typer.Typer) -> None:
    """Add the command to those of ``sanihub alerts``."""
    alerts.command("notify-test", epilog=_EPILOG)(notify_test)


def notify_test(
    channel: Annotated[str, typer.Argument(help="Name of a channel in [[notify.channels]].")],
    severity: Annotated[str, typer.Option(help=f"{', '.join(get_args(Severity))}.")] = "info",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Send a test message over a channel now, and say what came back. Quiet hours and limits do not count.

    The exit code is 1 when the message was not taken.
    """
    settings = load(config, data)
    message = trial_message(channel, severity)
    taken, answer = run(try_channel(message, settings.notify, brokers_of(settings)))
    typer.echo(f"{channel}: {'taken' if taken else 'not taken'}: {answer}")
    typer.echo(f"The message was {message.id}.")
    if not taken:
        raise typer.Exit(1)


async def try_channel(message: Message, section: NotifySection, brokers: Mapping[str, Broker]) -> tuple[bool, str]:
    """Send a message over its channel, past the outbox: whether it was taken, and what came back.

    Raises ConfigError when there is no such channel.
    """
    chosen = [channel for channel in section.channels if channel.name == message.channel]
    if not chosen:
        there = ", ".join(channel.name for channel in section.channels) or "none"
        raise ConfigError(f"notify.channels: no channel named {message.channel!r} (there: {there})")
    line = make_line(chosen[0], section, brokers)
    try:
        async with asyncio.timeout(line.timeout_s):
            return True, await line.channel.send(message)
    except UndeliveredError as error:
        return False, str(error)
    except TimeoutError:
        return False, f"no confirmation within {line.timeout_s:g} s"
    finally:
        await line.channel.close()


def trial_message(channel: str, severity: str = "info") -> Message:
    """A message that says that it is a test. Raises ConfigError for a severity that there is not."""
    grade: Literal["info", "warning", "critical"] | None = next(
        (one for one in get_args(Severity) if one == severity), None
    )
    if grade is None:
        raise ConfigError(f"--severity: {severity!r} is none; expected {', '.join(get_args(Severity))}")
    now = time_ns() // 1_000
    content = Content(
        rule="notify_test",
        severity=grade,
        device=Subject("test", "sanihub"),
        raised_at=now,
        title="This is a test of notifications",
        title_zh="这是一条测试通知",
    )
    return Message(str(uuid4()), channel, (Notice(0, f"test:{now}", "test", now, content),))


def brokers_of(settings: Settings) -> dict[str, Broker]:
    """The brokers of the settings by their names; that of the hub itself where a hub has it on this data folder."""
    brokers = {section.name: section.broker() for section in settings.mqtt}
    if settings.embedded_broker:
        own = settings.broker
        password = own.password.get_secret_value() if own.password else None
        port = own.port or _remembered_port(data_folder(settings))
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(own.host, own.host)  # noqa: S104 - compared only
        brokers["embedded"] = Broker("embedded", host, port, username=own.username, password=password)
    return brokers


def _remembered_port(data: Path) -> int:
    try:
        return int((data / "broker" / "port").read_text("ascii"))
    except (OSError, ValueError):
        return _DEFAULT_PORT
