"""Which codec an uplink is read with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from devices import codecs
from devices.codecs import Codec
from devices.vocabulary import Device
from ingest.wire.native.form import shown


class Choice(msgspec.Struct, frozen=True):
    """What the settings say of models.

    ``models`` leads from a device profile's name, or the first digits of DevEUIs, to a model or the name of one of
    ``codecs``; ``codecs`` are those that the settings bring along, by name. ``forced`` is used whatever else is said.
    """

    models: Mapping[str, str] = {}
    codecs: Mapping[str, Codec] = {}
    forced: Codec | None = None

    def named(self, name: str) -> Codec | None:
        """The codec of a name: one of the settings' own, else one of the hub's."""
        return self.codecs.get(name) or codecs.find(name)

    def joined(self, other: Choice) -> Choice:
        """Both; what this one says counts more."""
        return Choice({**other.models, **self.models}, {**other.codecs, **self.codecs}, self.forced or other.forced)


def choose(dev_eui: str, profile: str, hints: tuple[str, ...], choice: Choice, device: Device | None) -> Codec | None:
    """The codec for an uplink, or None.

    The first of these that names a codec counts: the registered device's attribute ``codec``, then ``model``; the
    settings' ``models`` by the profile's name, then by the longest beginning of the DevEUI; the envelope's own words.
    """
    if choice.forced is not None:
        return choice.forced
    for name in _names(dev_eui, profile, hints, choice, device):
        codec = choice.named(name)
        if codec is not None:
            return codec
    return None


def advice(dev_eui: str, profile: str, hints: tuple[str, ...]) -> str:
    """Why there is no codec, and what to set: the reason of a dead letter."""
    heard = ", ".join(shown(hint) for hint in dict.fromkeys((*hints, profile)) if hint)
    by_profile = f"of the profile {shown(profile)} or " if profile else ""
    return (
        f"model: no codec is known for dev_eui:{dev_eui} (the message names {heard or 'no model'}); set the attribute "
        f"model or codec of the device, or an entry of models in the settings {by_profile}of the DevEUI's first digits"
    )


def _names(dev_eui: str, profile: str, hints: tuple[str, ...], choice: Choice, device: Device | None) -> Iterator[str]:
    if device is not None:
        for attribute in ("codec", "model"):
            name = device.attributes.get(attribute)
            if isinstance(name, str) and name:
                yield name
    if profile:
        wanted = profile.strip().casefold()
        yield from (name for key, name in choice.models.items() if key.strip().casefold() == wanted)
    beginnings = [(key.strip().lower(), name) for key, name in choice.models.items()]
    found = [(len(key), name) for key, name in beginnings if key and dev_eui.startswith(key)]
    if found:
        yield max(found)[1]
    yield from (hint for hint in hints if hint)
    if profile:
        yield profile
