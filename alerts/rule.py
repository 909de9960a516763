"""A rule: what to look for, on which devices, how grave it is. Data; its kind is code (:mod:`alerts.kind`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from alerts.kind import Kind, Step, Watch, kinds
from alerts.moment import Moment
from devices.vocabulary import Device

_FORMS = 64  #: of moments that are remembered of a device

Severity = Literal["info", "warning", "critical"]


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which devices a rule watches: of all these lists the device must be in each that is not empty.

    ``tags`` and ``areas`` are compared with the device's attributes ``tags`` (a list) and ``area``.
    """

    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    except_devices: tuple[str, ...] = ()

    def holds(self, device: Device) -> bool:
        """Whether the device is within the scope."""
        attributes = device.attributes
        tags = attributes.get("tags", ())
        return (
            (not self.kinds or device.kind in self.kinds)
            and (not self.devices or device.id in self.devices)
            and device.id not in self.except_devices
            and (not self.areas or attributes.get("area") in self.areas)
            and (not self.tags or (not isinstance(tags, str) and any(tag in self.tags for tag in tags)))
        )


class Rule(msgspec.Struct, frozen=True):
    """One rule. ``overrides`` are parameters of single devices, by id, laid over ``params``."""

    id: str
    kind: str
    params: msgspec.Struct
    severity: Severity = "warning"
    title: str = ""
    title_zh: str = ""
    scope: Scope = Scope()
    overrides: Mapping[str, msgspec.Struct] = {}
    enabled: bool = True


class Watcher(msgspec.Struct, frozen=True):
    """A rule as it applies to one device; ``id`` and ``step`` are those of the rule and its kind."""

    rule: Rule
    kind: Kind
    params: Any
    watch: Watch
    id: str
    step: Callable[[Any, Any, Moment], Step]


Bounds = tuple[tuple[str, float, float], ...]
Interest = tuple[tuple[Watcher, Bounds | None], ...]
"""Watchers, each with the readings that must lie within their bounds for it to be spared while it has no state.

None: it is asked whatever they say.
"""


class Watching:
    """All that watches one device. Remembers who is interested in moments of the forms that the device sends."""

    __slots__ = ("_interest", "watchers")

    def __init__(self, watchers: tuple[Watcher, ...]) -> None:
        self.watchers = watchers
        self._interest: dict[object, Interest] = {}

    def interested(self, moment: Moment) -> Interest:
        """Those whom a moment is shown to, in their order."""
        events = moment.events
        said = tuple(kind for kind, _ in events) if events else ()
        form = (*moment.readings, moment.position is not None, *said)
        found = self._interest.get(form)
        if found is None:
            found = tuple((one, _bounds(one, moment)) for one in self.watchers if _wants(one.watch, moment))
            if len(self._interest) >= _FORMS:
                self._interest.clear()
            self._interest[form] = found
        return found


def _bounds(watcher: Watcher, moment: Moment) -> Bounds | None:
    """Within which readings a moment of this form changes nothing, where the rule has no state."""
    if watcher.kind.calm is None:
        return None
    calm = watcher.kind.calm(watcher.params)
    if any(kind in calm.events for kind, _ in moment.events):
        return None
    return tuple(bound for bound in calm.bounds if bound[0] in moment.readings)


def _wants(watch: Watch, moment: Moment) -> bool:
    return (
        watch.everything
        or (watch.position and moment.position is not None)
        or not watch.metrics.isdisjoint(moment.readings)
        or any(kind in watch.events for kind, _ in moment.events)
    )


class Watchers:
    """What watches each device under one set of rules.

    Devices that are watched by the same rules with the same parameters share all of it, and thousands are mostly alike.
    """

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._of_kind: dict[str, tuple[Rule, ...]] = {}
        self._known: dict[tuple[str, int | bytes], Watcher] = {}
        self._shared: dict[tuple[int, ...], Watching] = {}

    def of(self, device: Device) -> Watching:
        """The rules that watch a device, in their order, each with the device's own parameters."""
        found = tuple(self._watcher(rule, device) for rule in self._about(device.kind) if rule.scope.holds(device))
        place = tuple(map(id, found))
        shared = self._shared.get(place)
        if shared is None:
            shared = self._shared[place] = Watching(found)
        return shared

    def _about(self, kind: str) -> tuple[Rule, ...]:
        known = self._of_kind.get(kind)
        if known is None:
            rules = (rule for rule in self._rules if rule.enabled)
            known = tuple(rule for rule in rules if not rule.scope.kinds or kind in rule.scope.kinds)
            self._of_kind[kind] = known
        return known

    def _watcher(self, rule: Rule, device: Device) -> Watcher:
        kind = kinds()[rule.kind]
        given = rule.overrides.get(device.id, rule.params)
        params = kind.resolve(given, device)
        # What the rule itself holds lives as long as this, so that its address is its name.
        place = rule.id, id(params) if params is given else msgspec.msgpack.encode(params)
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = Watcher(rule, kind, params, kind.watch(params), rule.id, kind.step)
        return known
