"""The doctor's look at InfluxDB: whether it is there, takes the token, has the bucket, and how far behind it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hub.doctor.examined import Examined, Finding
from hub.influx.settings import InfluxSection
from store.influx.facts import InfluxFacts, influx_facts_of

LAG_WARN_S = 300.0


async def influx_facts(section: InfluxSection, dsn: str) -> InfluxFacts | None:
    """What the store knows of the sink; None when it is off."""
    return await influx_facts_of(dsn) if section.enabled else None


async def check_influx(examined: Examined) -> list[Finding]:
    """Nothing when the sink is off."""
    if not examined.settings.influx.enabled:
        return []
    findings = [finding async for finding in _server(examined.settings.influx)]
    return [*findings, *_backlog(examined.influx)]


async def _server(section: InfluxSection) -> AsyncIterator[Finding]:
    from store.influx.client import InfluxAwayError, InfluxClient

    client = InfluxClient(section.target())
    try:
        try:
            version = await client.version()
        except InfluxAwayError as error:
            yield Finding("InfluxDB", "fail", str(error), "check influx.url and that the server runs; nothing is lost")
            return
        yield Finding("InfluxDB", "ok", f"{section.url}: {version or 'well'}")
        try:
            await client.probe()
        except InfluxAwayError as error:
            advice = "check influx.token (it needs to write to the bucket), influx.org and influx.bucket"
            yield Finding("InfluxDB bucket", "fail", str(error), advice)
            return
        yield Finding("InfluxDB bucket", "ok", f"{section.bucket} of {section.org} takes points")
    finally:
        client.close()


def _backlog(facts: InfluxFacts | None) -> list[Finding]:
    if facts is None or not facts.marking:
        return [Finding("InfluxDB lag", "ok", "the sink has not run yet")]
    detail = f"{facts.waiting} records wait, the oldest for {facts.age_s:.0f} s"
    late = facts.age_s > LAG_WARN_S
    lag = Finding(
        "InfluxDB lag", "warn" if late else "ok", detail, "look into the hub's log for influx" if late else ""
    )
    if not facts.refused:
        return [lag, Finding("InfluxDB refusals", "ok", "none")]
    advice = "sanihub influx refused list says why; mend it there, then sanihub influx backfill"
    return [lag, Finding("InfluxDB refusals", "warn", f"{facts.refused} values were refused", advice)]
