"""The checks of ``sanihub doctor`` in their order, and how they are run.

Adding a check is adding a function to :data:`CHECKS`. It gets what the checks share, and may return None when there is
nothing to look at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from devices.errors import SanihubError
from hub.access import data_folder, has_database, in_use, open_store
from hub.doctor.examined import Examined, Finding
from hub.doctor.influx import check_influx, influx_facts
from hub.doctor.intake import check_dead_letters, check_devices, check_listeners, check_received, check_tiles
from hub.doctor.machine import check_clock, check_data_folder, check_environment, check_programs, check_time_zones
from hub.doctor.network import check_api, check_brokers
from hub.doctor.security import check_doors, check_transport
from hub.doctor.store import check_jobs, check_store
from hub.settings.settings import Settings
from store.facts.diagnosis import examine

Findings = Finding | Iterable[Finding] | None
Check = Callable[[Examined], Findings | Awaitable[Findings]]


async def examine_all(settings: Settings) -> AsyncIterator[Finding]:
    """Run every check, one after the other, with the database of the settings at hand."""
    data = data_folder(settings)
    examined = Examined(settings, data)
    if not settings.embedded_database or has_database(data) or in_use(data):
        try:
            async with open_store(settings) as access:
                examined.origin = access.origin
                examined.server = await examine(access.dsn)
                examined.influx = await influx_facts(settings.influx, access.dsn)
        except SanihubError as error:
            examined.server_fault = str(error)
    for check in CHECKS:
        found = check(examined)
        if isinstance(found, Awaitable):
            found = await found
        for finding in [found] if isinstance(found, Finding) else found or ():
            yield finding


CHECKS: tuple[Check, ...] = (
    check_environment,
    check_data_folder,
    check_programs,
    check_store,
    check_jobs,
    check_clock,
    check_received,
    check_brokers,
    check_listeners,
    check_devices,
    check_dead_letters,
    check_influx,
    check_api,
    check_tiles,
    check_doors,
    check_transport,
    check_time_zones,
)
WITHOUT_SETTINGS: tuple[Callable[[], Finding], ...] = (check_environment, check_time_zones)
