"""What a kind of rule is: a pure step over the moments of one device, and the state between them.

A kind is a file of ``alerts/rules`` that ends with ``KIND``. Its step is given the parameters, its own state (None at
the beginning) and the next moment, and returns the new state and what changed. It sees neither clock nor database:
what it returns follows from the moments alone, so that folding the stored history again gives the same alerts.

Time passes without data too: a state with ``due`` asks to be woken at that instant, unless the step over a moment
before or at that instant has changed its mind.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from alerts.moment import Moment
from devices.vocabulary import Device


class State(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a rule remembers of a device. Bounded, plain data: it is stored in checkpoints.

    Plain data has no cycles, so that the garbage collector need not look through the states of all devices.
    """

    due: int | None = None  #: the instant (µs) at which the rule wants to be woken


class Raised(msgspec.Struct, frozen=True):
    """A fault began to be known at ``at`` (µs). ``scope`` tells several of one rule and device apart (a geofence)."""

    at: int
    value: float | None = None
    scope: str = ""
    detail: Mapping[str, Any] = {}


class Cleared(msgspec.Struct, frozen=True):
    """The fault of that scope was over at ``at`` (µs)."""

    at: int
    value: float | None = None
    scope: str = ""


Change = Raised | Cleared
Step = tuple[State | None, tuple[Change, ...]]
"""The new state, and what changed, in order."""

NOTHING: tuple[Change, ...] = ()


class Watch(msgspec.Struct, frozen=True):
    """What makes a moment interesting to a rule. A moment that has none of it is not shown to it."""

    metrics: frozenset[str] = frozenset()
    position: bool = False
    events: frozenset[str] = frozenset()
    everything: bool = False


class Calm(msgspec.Struct, frozen=True):
    """What a moment must have to change anything while the rule has no state: the step need not be asked before.

    One of ``events``, or a reading of a metric of ``bounds`` that does not lie between its bounds, which exclude.
    """

    events: frozenset[str] = frozenset()
    bounds: tuple[tuple[str, float, float], ...] = ()


class Kind(msgspec.Struct, frozen=True):
    """A kind of rule.

    ``params`` is the class of its parameters, which validates them by its types; ``check`` says what is wrong with
    them beyond that, beginning with the field's name. ``wake`` is called when ``state.due`` is reached. ``state`` is
    the class of its state. ``resolve`` fills in what the parameters leave to the device: its interval, its class.
    ``calm`` spares the step of a rule that has no state, which is most of the rules at most of the moments.
    """

    name: str
    title: str
    params: type[msgspec.Struct]
    state: type[State]
    watch: Callable[[Any], Watch]
    step: Callable[[Any, Any, Moment], Step]
    wake: Callable[[Any, Any, int], Step] | None = None
    check: Callable[[Any], str | None] = lambda params: None
    resolve: Callable[[Any, Device], Any] = lambda params, device: params
    calm: Callable[[Any], Calm] | None = None


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name."""
    package = import_module("alerts.rules")
    modules = (import_module(f"alerts.rules.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return {module.KIND.name: module.KIND for module in modules if hasattr(module, "KIND")}
