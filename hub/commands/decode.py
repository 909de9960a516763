"""``sanihub decode``: what the hub reads in a device's bytes, as JSON lines."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer

from devices.errors import ConfigError
from hub.decoding.decoding import Gatherer, Options, Teller, discover
from hub.decoding.form import Answer

MAX_LINE_BYTES = 1024 * 1024  #: a longer line is no frame of any protocol; it is skipped without being held

_EXAMPLES = """
Examples:

  mosquitto_sub -v -t 'sanihub/v1/#' | sanihub decode mqtt-json

  echo '{"ts": 1795392000, "readings": {"fill_pct": 71}}' | sanihub decode mqtt-json --device bin-0042

  gpspipe -r | sanihub decode nmea --device truck-07

  sanihub decode mqtt-json capture.txt | jq 'select(.ok | not)'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decode", epilog=_EXAMPLES)(decode)


def decode(
    protocol: Annotated[str, typer.Argument(help=f"Protocol of the input: {', '.join(discover())}.")],
    file: Annotated[str, typer.Argument(help="Text file with a frame a line; - for standard input.")] = "-",
    device: Annotated[str | None, typer.Option(help="Device that lines without a sender are from.")] = None,
    topic: Annotated[str | None, typer.Option(help="MQTT topic of lines that have none.")] = None,
    prefix: Annotated[str, typer.Option(help="First part of the topics, as in the setting json_messages.prefix.")] = (
        "sanihub"
    ),
    model: Annotated[str | None, typer.Option(help="Model of the device (LoRaWAN), or register map (Modbus).")] = None,
    codec: Annotated[Path | None, typer.Option(help="JavaScript file that decodes the bytes (TS013).")] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML file: from the codec's fields to metrics.")] = None,
    port: Annotated[int | None, typer.Option(help="FPort of lines that do not say it.", min=0, max=255)] = None,
) -> None:
    """Decode frames, one a line, and print a JSON line for each. Bad input is told in its line and ends nothing.

    Blank lines are no frames. The exit code is 0 whatever the input holds.
    """
    chosen = discover().get(protocol)
    if chosen is None:
        raise ConfigError(f"decode: no protocol is named {protocol!r}; known: {', '.join(sorted(discover()))}")
    if device is not None and topic is not None:
        raise ConfigError("decode: give --device or --topic, not both")
    teller = chosen.teller(Options(device, topic, prefix, model, codec, mapping, port))
    try:
        with _opened(file) as source:
            flush = _live(source)
            for told in answers(lines(source), teller):
                sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
                if flush:
                    sys.stdout.buffer.flush()
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has seen enough. What is buffered must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _opened(file: str) -> IO[bytes]:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise ConfigError(f"decode: {file}: {error.strerror}") from None


def _live(source: IO[bytes]) -> bool:
    """Whether somebody may be waiting for each answer: anything but a file on disk."""
    try:
        return not stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except OSError:  # no file of the system at all
        return True


def lines(source: IO[bytes]) -> Iterator[bytes | None]:
    """The lines that are not blank, without their ends; None for one of more than :data:`MAX_LINE_BYTES`."""
    while line := source.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = source.readline(MAX_LINE_BYTES)
            yield None
        elif stripped := line.rstrip(b"\r\n").strip(b" \t"):
            yield stripped


def answers(source: Iterable[bytes | None], teller: Teller | Gatherer) -> Iterator[Answer]:
    """What is to be printed for all lines, one answer each, in order.

    Where lines belong together, an answer waits until they are there.
    """
    if callable(teller):
        yield from (_overlong() if line is None else teller(line) for line in source)
        return
    for line in source:
        yield from teller.told(_overlong()) if line is None else teller.feed(line)
    yield from teller.end()


def _overlong() -> Answer:
    return {"ok": False, "error": f"line: more than {MAX_LINE_BYTES} bytes", "input": ""}
