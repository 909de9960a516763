"""All speakers of a run together: each device's messages go to the speaker of its protocol.

History (the backfill before a run's start) goes the same ways, for JT/T 808, NMEA, the network servers and JSON all
carry times. Modbus cannot tell what was: the history of its devices goes by JSON over MQTT.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from types import TracebackType

import msgspec

from simulators.casting import Casting, Peers
from simulators.message import Message
from simulators.speakers.allotment import DEFAULT
from simulators.speakers.http_json import HttpSpeaker
from simulators.speakers.identities import imei_of, kind_of, number_of
from simulators.speakers.json_speaker import JsonSpeaker
from simulators.speakers.jt808 import Jt808Speaker
from simulators.speakers.lorawan import LorawanSpeaker
from simulators.speakers.lorawan_envelopes import Server
from simulators.speakers.lorawan_sensors import Sensor, sensors_of
from simulators.speakers.modbus import ModbusSpeaker
from simulators.speakers.mqtt_json import BrokerAddress, LinkSettings, MqttSpeaker
from simulators.speakers.nmea import NmeaTcpSpeaker, NmeaUdpSpeaker
from simulators.speakers.speaker import Speaker
from simulators.truth import TruthLog

_SERVERS: tuple[Server, ...] = ("chirpstack", "tts")


class Count(msgspec.Struct, frozen=True):
    """What became of the messages of one protocol; see :class:`simulators.speakers.speaker.Tally`."""

    messages: int = 0
    acknowledged: int = 0
    refused: int = 0
    unconfirmed: int = 0
    in_flight: int = 0

    def __add__(self, other: Count) -> Count:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Count(*(mine + its for mine, its in pairs))


class Choir:
    """The speakers that the devices of a run ask for. An asynchronous context manager."""

    def __init__(
        self,
        casting: Casting,
        peers: Peers,
        broker: BrokerAddress,
        link: LinkSettings | None,
        *,
        seed: int,
        truth: TruthLog,
    ) -> None:
        self._protocols = casting.protocols
        self._link = MqttSpeaker(broker, link)
        self._json = JsonSpeaker(self._link, (link or LinkSettings()).window)
        self._speakers: dict[str, Speaker] = {DEFAULT: self._json}
        asked = frozenset(casting.protocols.values())
        if "jt808" in asked and peers.jt808 is not None:
            self._speakers["jt808"] = Jt808Speaker(peers.jt808, casting.fitting, peers.habits)
        if "nmea-tcp" in asked and peers.nmea_tcp is not None:
            self._speakers["nmea-tcp"] = NmeaTcpSpeaker(peers.nmea_tcp, imei_of)
        if "nmea-udp" in asked and peers.nmea_udp is not None:
            self._speakers["nmea-udp"] = NmeaUdpSpeaker(*peers.nmea_udp, imei_of)
        if "http" in asked and peers.http is not None:
            self._speakers["http"] = HttpSpeaker(peers.http)
        if "modbus" in asked and peers.modbus is not None:
            self._speakers["modbus"] = ModbusSpeaker(casting.seats, peers.modbus(casting.gateways))
        for server in _SERVERS:
            if server in asked:
                self._speakers[server] = LorawanSpeaker(server, self._link, _sensors, seed=seed, truth=truth)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Choir:
        await self._stack.enter_async_context(self._link)
        for speaker in self._speakers.values():
            await self._stack.enter_async_context(speaker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def counts(self) -> dict[str, Count]:
        """What became of the messages of each protocol that is spoken."""
        found = {}
        for protocol, speaker in self._speakers.items():
            tally = speaker.tally
            found[protocol] = Count(tally.taken, tally.acknowledged, tally.refused, tally.unconfirmed, tally.in_flight)
        return found

    def total(self) -> Count:
        """The same for all protocols together."""
        return sum(self.counts().values(), Count())

    async def greet(self, device_ids: Iterable[str]) -> None:
        """Switch every device on."""
        for device_id in device_ids:
            await self._of(device_id).greet(device_id)

    async def publish(self, message: Message, *, history: bool = False) -> None:
        """Hand a message to the speaker of its device."""
        speaker = self._of(message.device_id)
        if history and isinstance(speaker, ModbusSpeaker):
            speaker = self._json
        await speaker.publish(message)

    async def drain(self) -> None:
        """Wait until nothing is in flight."""
        for speaker in self._speakers.values():
            await speaker.drain()

    def _of(self, device_id: str) -> Speaker:
        return self._speakers[self._protocols.get(device_id, DEFAULT)]


def _sensors(device_id: str) -> tuple[Sensor, ...]:
    return sensors_of(kind_of(device_id), number_of(device_id))
