"""Codecs that the settings of a network server bring along: script files, and mappings of objects it decodes itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from devices.codecs import Codec
from devices.codecs.scripted import load_codec
from devices.errors import ConfigError
from ingest.wire.lorawan.choice import Choice


class CodecSection(BaseModel):
    """A codec: ``file`` is a script in JavaScript (TS013), ``mapping`` a YAML file of rules for its fields.

    Without a script the codec reads no bytes: it is for objects that the network server decoded. Without a mapping the
    names that published codecs commonly use are understood. ``kind`` is the kind of device that it usually is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = Field(None, description="a script in JavaScript (TS013)")
    mapping: Path | None = Field(None, description="rules that lead from its fields to metrics (YAML)")
    kind: str = Field("unknown", description="what its devices are")


def choice_of(models: Mapping[str, str], sections: Mapping[str, CodecSection]) -> Choice:
    """What a section's settings say of models. Raises ConfigError for a name without a codec, or a file at fault."""
    own = {name: codec_of(name, section) for name, section in sections.items()}
    choice = Choice(dict(models), own)
    for key, name in models.items():
        if choice.named(name) is None:
            raise ConfigError(f"models: {key!r}: no codec is named {name!r}, neither of the hub nor of these settings")
    return choice


def codec_of(name: str, section: CodecSection) -> Codec:
    """A codec of the settings. Raises ConfigError for a file at fault."""
    return load_codec(name, section.file, section.mapping, section.kind)
