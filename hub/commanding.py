"""Commands to devices: the connection that reaches one is asked, and the audit notes what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog

from api.ports.commands import NoAnswerError, UnreachableError
from devices.access import AuditNote
from devices.errors import TransientError
from devices.read_models import DeviceEntry
from devices.registry import Registry
from devices.vocabulary import Device, Identity
from ingest import ports as ingest_ports
from ingest.ports import Commandable, CommandError

log = structlog.get_logger("hub.commanding")

ANSWER_S = 60.0  #: adapters have bounds of their own; this one holds whatever they do


class AuditLog(Protocol):
    """Where it is noted what was done."""

    async def note(self, note: AuditNote) -> None:
        """Add an entry; committed when this returns. Raises TransientError."""
        ...


class Commanding:
    """Tells devices what to do (``api.ports.commands.Commands``) through the adapters that can."""

    def __init__(self, registry: Registry, adapters: Sequence[object], audit: AuditLog) -> None:
        self._registry = registry
        self._adapters = [adapter for adapter in adapters if isinstance(adapter, Commandable)]
        self._audit = audit

    def available(self, device: DeviceEntry) -> Sequence[str]:
        """The commands that can reach the device now, by name."""
        known, identities = self._known(device)
        if known is None:
            return ()
        names = (name for adapter in self._adapters for name in adapter.reaches(known, identities))
        return sorted(set(names))

    async def send(self, actor: str, device: DeviceEntry, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out a command (see :class:`api.ports.commands.Commands`).

        An entry that says ``asked`` and is followed by no other is of a command during which the hub died.
        """
        known, identities = self._known(device)
        adapter = None if known is None else self._reaching(known, identities, name)
        await self._note(actor, device, name, arguments, "asked" if adapter else "unreachable")
        if known is None or adapter is None:
            there = ", ".join(self.available(device)) or "none"
            raise UnreachableError(f"{device.id} cannot be told {name!r} now; commands that can be sent: {there}")
        outcome = "broken off"
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await adapter.command(known, identities, name, arguments)
            outcome, arguments = "done", {**arguments, "answer": answer}
        except (ingest_ports.NoAnswerError, TimeoutError) as error:
            reason = str(error) or f"not within {ANSWER_S:g} s"
            outcome = f"no answer: {reason}"
            raise NoAnswerError(f"{device.id} did not answer: {reason}") from error
        except CommandError as error:
            outcome = f"failed: {error}"
            raise UnreachableError(f"{device.id}: {error}") from error
        except ValueError as error:
            outcome = f"refused: {error}"
            raise
        finally:
            await self._note_after(actor, device, name, arguments, outcome)
        return answer

    def _known(self, device: DeviceEntry) -> tuple[Device | None, Sequence[Identity]]:
        """The device as adapters know it, and what it goes by."""
        identities = [Identity(*text.split(":", 1)) for text in device.identities]
        found = (self._registry.find(identity) for identity in identities)
        return next((known for known in found if known is not None), None), identities

    def _reaching(self, device: Device, identities: Sequence[Identity], name: str) -> Commandable | None:
        return next((one for one in self._adapters if name in one.reaches(device, identities)), None)

    async def _note(self, actor: str, device: DeviceEntry, name: str, details: Mapping[str, Any], outcome: str) -> None:
        await self._audit.note(AuditNote(actor, f"command.{name}", f"device:{device.id}", outcome, details))

    async def _note_after(
        self, actor: str, device: DeviceEntry, name: str, details: Mapping[str, Any], outcome: str
    ) -> None:
        """What was done is done, whether or not it can be noted; then the log has it."""
        log.info("command", actor=actor, device=device.id, command=name, outcome=outcome)
        try:
            await self._note(actor, device, name, details, outcome)
        except TransientError as error:
            log.warning(
                "audit_not_written", actor=actor, device=device.id, command=name, outcome=outcome, error=str(error)
            )
