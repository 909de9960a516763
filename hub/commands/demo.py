"""``sanihub demo``: everything embedded, a simulated city, the page in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import time_ns
from typing import Annotated, Any

import structlog
import typer
from psycopg_pool import AsyncConnectionPool

from devices.access import Role
from devices.errors import ConfigError, TransientError
from fleet.calendar import local_date
from fleet.master.entering import NotEnteredError
from hub import logs
from hub.access import DEMO, data_folder, has_database
from hub.bootstrap import Hub
from hub.commands.serve import announce
from hub.demo.city import DemoCity
from hub.demo.desk import DemoDesk
from hub.demo.guide import tell_what_next
from hub.installation import Installation
from hub.people import demo_people, open_people, tell
from hub.running import run, run_installation
from hub.settings import settings
from simulators.city.local_time import ZONE
from simulators.run import Progress
from simulators.run import run as simulate
from simulators.scenario import Scenario, ScenarioError, load_scenario
from simulators.speakers.http_json import HttpAddress
from simulators.speakers.mqtt_json import BrokerAddress
from store.access.api_keys import ApiKeys
from store.connection import session_parameters
from store.fleet.entry import FleetEntry
from store.reading import Pool
from store.telemetry.devices_table import IdentityTakenError, enter
from store.writing import WriteSession

log = structlog.get_logger("hub.demo")
HOUR_US = 3_600_000_000
PLANNED_DAYS = 8  #: from today on
KEY_NAME = "simulated city"
ACTOR = "demo"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    minutes: Annotated[float | None, typer.Option(help="End by itself after so many minutes.", min=0.05)] = None,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.", min=0, max=65_535)] = 8080,
    data: Annotated[
        Path | None, typer.Option(help="Data folder, kept for the next demo; else demo in that of the hub.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the city.")] = 1,
    scenario: Annotated[str, typer.Option(help="Scenario of the simulator: a name or a YAML file.")] = "demo",
    truth: Annotated[Path | None, typer.Option(help="Write what really happened to this file (JSON lines).")] = None,
) -> None:
    """Run the hub with everything embedded and a simulated city. ctrl-C ends it cleanly."""
    try:
        chosen_scenario = load_scenario(scenario)
    except ScenarioError as error:
        raise ConfigError(str(error)) from None
    city = DemoCity(chosen_scenario, seed)
    try:
        own = {"store": {"dsn": ""}, "mqtt": (), **city.settings()}
        usual = data_folder(settings.load(None, **own))
        chosen = settings.load(None, data=data or usual / DEMO, **own)
        logs.configure(chosen.log.level, chosen.log.format)
        named = "" if data is None and not has_database(usual) else f" --data {data_folder(chosen)}"
        _run(chosen, chosen_scenario, city, seed, named, port=port, minutes=minutes, truth=truth)
    finally:
        city.close()


def _run(
    chosen: settings.Settings,
    scenario: Scenario,
    city: DemoCity,
    seed: int,
    named: str,
    *,
    port: int,
    minutes: float | None,
    truth: Path | None,
) -> None:
    async def simulate_beside(installation: Installation, hub: Hub, stop: asyncio.Event) -> None:
        connection = installation.embedded_connection()
        password = connection.password.get_secret_value() if connection.password else None
        gap_hours = await hours_since_last(hub, time_ns() // 1_000)
        await _either(hub.prepared(), stop.wait())
        if stop.is_set():
            return
        await enter_people(installation.dsn(), city)
        tell_what_next(installation, named)
        await enter_city(installation.dsn(), city)
        await enter_master(installation.dsn(), city, now_us=time_ns() // 1_000)
        await _either(hub.subscribed(), stop.wait())  # before that, the broker would keep nothing for us
        if stop.is_set():
            return
        now = time_ns() // 1_000
        dsn = installation.dsn()
        async with poster(dsn, installation.web.url) as http, at_desks(dsn, hub, seed, stop):
            await simulate(
                scenario,
                broker=BrokerAddress(connection.host, connection.port, connection.username, password),
                peers=city.peers(hub, http),
                start_us=now,
                seed=seed,
                backfill_hours=min(scenario.backfill_hours, gap_hours),
                truth=truth,
                progress=_Reporter(),
                stop=stop,
            )

    run(
        run_installation(
            chosen,
            port=port,
            announce=announce,
            companion=simulate_beside,
            seconds=None if minutes is None else minutes * 60,
        )
    )


@asynccontextmanager
async def poster(dsn: str, url: str) -> AsyncIterator[HttpAddress | None]:
    """Where the city posts, with a key that is good until the end of the block; None while the store is away."""
    pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=1, open=False, name="demo")
    async with pool:
        keys = ApiKeys(WriteSession(pool))
        try:
            for left in (await keys.keys()).items:
                if left.name == KEY_NAME:  # of a demo that was killed
                    await keys.revoke(left.prefix, actor=ACTOR)
            key, entry = await keys.create(KEY_NAME, Role.INTEGRATION, device=None, expires_at=None, actor=ACTOR)
        except TransientError as error:
            log.warning("no_key_for_posts", error=str(error))
            yield None
            return
        try:
            yield HttpAddress(url, key)
        finally:
            with suppress(TransientError):
                await keys.revoke(entry.prefix, actor=ACTOR)


@asynccontextmanager
async def at_desks(dsn: str, hub: Hub, seed: int, stop: asyncio.Event) -> AsyncIterator[None]:
    """People who report incidents and give orders, beside the block."""
    pool: Pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=2, open=False, name="demo")
    async with pool:
        working = asyncio.create_task(DemoDesk(pool, seed, hub.following.tellable).run(stop))
        try:
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def _either(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of them is over."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def hours_since_last(hub: Hub, now: int) -> float:
    """Hours since the store last heard of a device: the gap that the city's history has to fill."""
    try:
        newest = await hub.store.newest_reception()
    except TransientError:
        newest = None
    return float("inf") if newest is None else max(0.0, (now - newest) / HOUR_US)


async def enter_people(dsn: str, city: DemoCity) -> None:
    """Enter somebody of each role with passwords that are made anew at each start, and print them."""
    workers = [worker for worker in city.master(()).workers if worker.device is not None and worker.active]
    try:
        async with open_people(dsn) as people:
            log_ins = await demo_people(people, workers[0].id if workers else None)
    except TransientError as error:
        log.warning("people_not_entered", error=str(error))
    else:
        tell(log_ins, "People of the demo. Their passwords are made anew at each start.")


async def enter_city(dsn: str, city: DemoCity) -> None:
    """Register the city's devices with their names and identities, as an operator would; once is enough."""
    specs = city.specs()
    if not specs:
        return
    try:
        await enter(dsn, specs)
    except TransientError as error:
        log.warning("city_not_registered", error=str(error))
    except IdentityTakenError as error:
        # A demo of another seed or version gave these to other devices; those go on under their old names.
        log.warning("city_not_registered", error=str(error)[:500])


async def enter_master(dsn: str, city: DemoCity, now_us: int) -> None:
    """Enter the city's routes, places, posts, people and shifts, and plans from yesterday on; once is enough."""
    today = local_date(now_us, ZONE)
    master = city.master(today + timedelta(days=days) for days in range(-1, PLANNED_DAYS))
    if not master.routes:
        return
    pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=1, open=False, name="demo")
    async with pool:
        try:
            came = await FleetEntry(WriteSession(pool, statement_timeout_s=30.0)).enter(master, ACTOR)
        except (TransientError, NotEnteredError) as error:
            log.warning("fleet_not_entered", error=str(error)[:500])
        else:
            log.info("fleet_entered", **{name: len(one.created) + len(one.changed) for name, one in came.items()})


class _Reporter:
    """Tells how far the simulated history is, in steps of a tenth, and when it has caught up."""

    def __init__(self) -> None:
        self._told = -1

    def __call__(self, progress: Progress) -> None:
        if progress.phase != "backfill" or progress.done is None:
            if progress.phase == "live" and self._told < 100:
                self._told = 100
                log.info("city_live", observations=progress.observations)
            return
        step = int(progress.done * 10)
        if step > self._told:
            self._told = step
            log.info("city_history", done=f"{progress.done:.0%}", observations=progress.observations)
