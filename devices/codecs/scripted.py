"""Codecs that people bring along: a script after TS013 and a mapping, each in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from devices.codecs import Codec, DecodedPayload
from devices.errors import ConfigError, DecodeError
from devices.mapping.defaults import DEFAULT_MAPPING
from devices.mapping.files import load_mapping
from devices.ts013.script import Script


def load_codec(name: str, script: Path | None, mapping: Path | None = None, kind: str = "unknown") -> Codec:
    """A codec of a script file and a mapping file. Raises ConfigError for a file at fault.

    Without a mapping the names that published codecs commonly use are understood. Without a script the codec reads no
    bytes: it is for objects that a network server decoded.
    """
    read = _refuse if script is None else _runner(load_script(script))
    rules = DEFAULT_MAPPING if mapping is None else load_mapping(mapping)
    return Codec(name, name, kind, read, rules)


def load_script(path: Path) -> Script:
    """The script of a file. It is not run yet. Raises ConfigError."""
    try:
        return Script(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected text in UTF-8") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _runner(script: Script) -> Callable[[int, bytes], DecodedPayload]:
    """Reads with a script; what it said that is no value is a problem beside the rest."""

    def read(f_port: int, payload: bytes) -> DecodedPayload:
        outcome = script.run(f_port, payload)
        return DecodedPayload(outcome.data, outcome.dropped)

    return read


def _refuse(f_port: int, payload: bytes) -> DecodedPayload:
    raise DecodeError("codec: no script is set for it, and the network server decoded nothing")
