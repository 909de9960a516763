"""LoRaWAN sensors behind a network server, which publishes their uplinks by MQTT.

A report is an uplink of each sensor of its device. Uplinks of reports that were held back carry times of their own and
go out one by one. Now and then a sensor joins anew and counts its frames from 0. A copy of a report is the very same
message once more, as brokers deliver it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from random import Random
from types import TracebackType

import msgspec

from simulators.city.chance import stream
from simulators.city.observation import Observation
from simulators.message import Message
from simulators.speakers.lorawan_envelopes import Server, Uplink, envelope, topic
from simulators.speakers.lorawan_sensors import Payload, Sensor
from simulators.speakers.mqtt_json import MqttSpeaker
from simulators.speakers.speaker import Parcel, Tally
from simulators.truth import TruthLog

WINDOW = 1_000
REMEMBERED = 4  # uplinks of a sensor whose copies may still come
REJOINS = 0.001
"""The chance that a sensor's frame counter begins again with an uplink."""


class _Radio:
    """What is remembered of one sensor."""

    def __init__(self, sensor: Sensor, rng: Random) -> None:
        self.sensor, self._rng = sensor, rng
        self._next = rng.randrange(10, 5_000)
        self._sent: OrderedDict[int, tuple[str, bytes]] = OrderedDict()

    def rejoins(self, chance: float) -> bool:
        if self._rng.random() >= chance:
            return False
        self._next = 0
        return True

    def uplink(self, observation: Observation, payload: Payload) -> Uplink:
        f_cnt, self._next = self._next, self._next + 1
        rssi = round(observation.readings.get("rssi_dbm", -84))
        snr = round(max(-18.0, 10 + (rssi + 80) / 3), 1)
        return Uplink(observation.device_id, self.sensor, payload, f_cnt, observation.observed_at, rssi, snr)

    def remember(self, seq: int, message: tuple[str, bytes]) -> None:
        self._sent[seq] = message
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

    def remembered(self, seq: int) -> tuple[str, bytes] | None:
        return self._sent.get(seq)


class LorawanSpeaker:
    """The sensors of one network server; see :class:`simulators.speakers.speaker.Speaker`. The caller runs ``link``.

    ``sensors`` says which sensors a device has. Only what the broker has acknowledged is acknowledged.
    """

    def __init__(
        self,
        server: Server,
        link: MqttSpeaker,
        sensors: Callable[[str], tuple[Sensor, ...]],
        *,
        seed: int,
        truth: TruthLog,
        rejoins: float = REJOINS,
    ) -> None:
        self.tally = Tally(WINDOW)
        self._server, self._link, self._sensors = server, link, sensors
        self._seed, self._truth, self._rejoins = seed, truth, rejoins
        self._radios: dict[str, list[_Radio]] = {}

    async def __aenter__(self) -> LorawanSpeaker:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: the link is the caller's."""

    async def greet(self, device_id: str) -> None:
        """Nothing: a sensor says nothing before its first uplink."""

    async def publish(self, message: Message) -> None:
        """Publish the uplinks of a message; being ``offline`` is silence and nothing else."""
        if message.offline:
            return
        radios = self._of(message.device_id)
        if message.raw is not None:
            messages = [self._noise(radios[0], message.sent_at, message.raw)]
        else:
            messages = [
                self._said(radio, observation, message.copy) for observation in message.observations for radio in radios
            ]
        await self.tally.take()
        parcel = Parcel(self.tally, len(messages))
        for where, payload in messages:
            await self._link.publish(where, payload, parcel.settle)

    async def drain(self) -> None:
        """Wait until the broker has acknowledged everything."""
        await self.tally.drained()

    def _of(self, device_id: str) -> list[_Radio]:
        radios = self._radios.get(device_id)
        if radios is None:
            radios = [
                _Radio(sensor, stream(self._seed, "lorawan", sensor.dev_eui)) for sensor in self._sensors(device_id)
            ]
            self._radios[device_id] = radios
        return radios

    def _said(self, radio: _Radio, observation: Observation, copy: bool) -> tuple[str, bytes]:
        again = radio.remembered(observation.seq) if copy else None
        if again is not None:
            return again
        if radio.rejoins(self._rejoins):
            device_id, at = observation.device_id, observation.observed_at
            self._truth.point("frame_counter_reset", device_id, at, dev_eui=radio.sensor.dev_eui)
        uplink = radio.uplink(observation, radio.sensor.payload(observation))
        message = topic(self._server, uplink), envelope(self._server, uplink)
        radio.remember(observation.seq, message)
        return message

    def _noise(self, radio: _Radio, at: int, raw: bytes) -> tuple[str, bytes]:
        """Senseless bytes: in place of the payload of a sound envelope, or in place of the envelope."""
        nothing = Observation(radio.sensor.dev_eui, "", 0, at, {})
        payload = Payload(85, raw[:50], {"noise": raw[:8].hex()})
        uplink = msgspec.structs.replace(radio.uplink(nothing, payload), device_id="noise")
        return topic(self._server, uplink), envelope(self._server, uplink) if len(raw) % 2 else raw
