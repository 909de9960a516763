"""The doctor's look at the network: brokers, the port of the API, and who can reach the hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import urllib.request
from collections.abc import Iterable
from secrets import token_hex

import aiomqtt

from devices.errors import ConfigError
from hub.access import in_use
from hub.doctor.examined import Examined, Finding
from hub.doctor.mosquitto import mosquitto_finding
from hub.embedded.broker import PROBE, is_loopback, probe_password
from hub.settings.mqtt import MqttSection, TlsSection
from ingest.transports.mqtt.broker import tls_context
from store.embedded.vacancy import port_is_free

BROKER_TIMEOUT_S = 5.0
SYS_TIMEOUT_S = 1.0  #: for a broker to say its name, which many do not


async def check_brokers(examined: Examined) -> list[Finding]:
    """Whether each broker lets the hub in."""
    sections = list(examined.settings.mqtt)
    if examined.settings.embedded_broker:
        running = _embedded_section(examined)
        if running is None:
            return [Finding("MQTT embedded", "ok", "starts with the hub"), *await _brokers(sections)]
        sections.append(running)
    return await _brokers(sections)


async def _brokers(sections: Iterable[MqttSection]) -> list[Finding]:
    return list(await asyncio.gather(*(_broker(section) for section in sections)))


def _embedded_section(examined: Examined) -> MqttSection | None:
    """The connection to the embedded broker of a hub that runs now."""
    try:
        port = int((examined.data / "broker" / "port").read_text("ascii"))
    except (OSError, ValueError):
        return None
    if not in_use(examined.data):
        return None
    broker = examined.settings.broker
    host = "127.0.0.1" if broker.host in ("0.0.0.0", "::", "localhost") else broker.host  # noqa: S104 - compared
    probe = probe_password(examined.data)
    return MqttSection(
        name="embedded",
        host=host,
        port=port,
        username=PROBE if probe else broker.username,
        password=probe or broker.password,
        tls=TlsSection(verify=False) if broker.tls else None,
    )


async def _broker(section: MqttSection) -> Finding:
    """Connect under a client id of our own, for the hub's would take the hub's session away from it."""
    check, where = f"MQTT {section.name}", f"{section.host}:{section.port}"
    five = section.version == "5"
    broker = section.broker()
    try:
        tls = tls_context(broker.tls) if broker.tls else None
        if tls is not None:
            await _shake_hands(section, tls)
        client = aiomqtt.Client(
            section.host,
            section.port,
            identifier=f"sanihub-doctor-{token_hex(4)}",
            username=broker.username,
            password=broker.password,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            tls_context=tls,
            timeout=BROKER_TIMEOUT_S,
        )
        async with asyncio.timeout(2 * BROKER_TIMEOUT_S), client:
            name = await _name_of(client)
    except (aiomqtt.MqttError, ConfigError, OSError, TimeoutError) as error:
        reason = str(error) or "no answer"
        return Finding(check, "fail", f"{where}: {reason}", _broker_advice(section, reason.lower()))
    detail = f"{where}: connected with MQTT {section.version}{f', {name}' if name else ''}"
    if name.startswith("mosquitto"):
        return await asyncio.to_thread(mosquitto_finding, check, detail, section.host, section.port, five)
    return Finding(check, "ok", detail)


def _broker_advice(section: MqttSection, reason: str) -> str:
    """What to do about a broker that did not let the hub in."""
    name = section.name
    for words, advice in (
        (("authori", "user name"), f"check username and password of the connection {name}: the broker knows others"),
        (("expired",), "the broker's certificate is over: renew it there"),
        (("not yet valid",), "the broker's certificate is not valid yet: is the clock of this machine right?"),
        (
            ("hostname mismatch", "ip address mismatch"),
            f"the certificate is of another name: set host of {name} to that",
        ),
        (
            ("self-signed", "self signed", "unable to get"),
            f"name the authority that signed the broker's certificate in tls.ca of {name}",
        ),
        (
            ("wrong version number", "record layer"),
            f"no TLS is spoken at this port: take tls out of {name}, or its port",
        ),
        (("certificate", "ssl"), f"check tls.ca of the connection {name} and the name in the broker's certificate"),
        (("name or service", "resolve", "name resolution", "nodename"), f"no such host: check host of {name}"),
        (("refused",), f"nothing listens there: check host and port of {name}, and that the broker runs"),
    ):
        if any(one in reason for one in words):
            return advice
    tls = "; where it speaks no TLS at this port (1883), take [mqtt.tls] out"
    tls = tls if section.tls else "; where it speaks TLS at this port (8883), add [mqtt.tls]"
    return f"check host and port of {name}, that the broker runs, and that no firewall is between{tls}"


async def _shake_hands(section: MqttSection, tls: ssl.SSLContext) -> None:
    """Try TLS alone: its faults are told in clear words here, and the MQTT client leaves its socket open on them."""
    async with asyncio.timeout(BROKER_TIMEOUT_S):
        _, writer = await asyncio.open_connection(section.host, section.port, ssl=tls)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _name_of(client: aiomqtt.Client) -> str:
    """What the broker calls itself in ``$SYS/broker/version``; empty where it does not."""
    try:
        async with asyncio.timeout(SYS_TIMEOUT_S):
            await client.subscribe("$SYS/broker/version")
            async for message in client.messages:
                return (
                    bytes(message.payload).decode("utf-8", "replace")[:80] if isinstance(message.payload, bytes) else ""
                )
    except (TimeoutError, aiomqtt.MqttError):
        pass
    return ""


async def check_api(examined: Examined) -> Iterable[Finding]:
    """The port of the API: free, or held by a hub; and who can reach it."""
    api = examined.settings.api
    found = [await asyncio.to_thread(_api_port, api.host, api.port, api.tls is not None)]
    exposed = [] if is_loopback(api.host) else [f"the API on {api.host}"]
    broker = examined.settings.broker
    if examined.settings.embedded_broker and not is_loopback(broker.host):
        exposed.append(f"the MQTT broker on {broker.host}")
    if exposed:
        advice = "let only those in who should be: a firewall, a reverse proxy with TLS, or listen on 127.0.0.1"
        found.append(Finding("exposure", "warn", f"others on the network can reach {' and '.join(exposed)}", advice))
    else:
        found.append(Finding("exposure", "ok", "only this machine can reach the hub"))
    return found


def _api_port(host: str, port: int, secure: bool) -> Finding:
    if port == 0:
        return Finding("API port", "ok", "any free one")
    try:
        if port_is_free(host, port):
            return Finding("API port", "ok", f"{host}:{port} is free")
    except OSError as error:
        return Finding(
            "API port", "fail", f"{host}:{port}: {error.strerror}", "set api.host to an address of this machine"
        )
    if (hub := held_by_a_hub(host, port, secure=secure)) is not None:
        return Finding("API port", "ok", f"{host}:{port} is held by a hub, version {hub}")
    advice = "stop the other program, or choose another port with api.port or --port"
    return Finding("API port", "fail", f"{host}:{port} is taken by another program", advice)


def held_by_a_hub(host: str, port: int, *, secure: bool = False) -> str | None:
    """The version of the hub whose API answers there; None where none does."""
    reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared
    place = f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"
    url = f"{'https' if secure else 'http'}://{place}/healthz"
    known = ssl.create_default_context()  # who answers is asked; what its certificate says is looked at elsewhere
    known.check_hostname, known.verify_mode = False, ssl.CERT_NONE
    # A proxy does not lead to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=known))
    try:
        with opener.open(url, timeout=3) as answer:
            body = json.loads(answer.read(10_000))
        return str(body.get("version")) if body.get("status") == "alive" else None
    except (OSError, ValueError, AttributeError):
        return None
