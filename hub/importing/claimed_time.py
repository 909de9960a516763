"""Times in files: with a zone, or in the zone that the caller names; only those that the hub would believe."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices import instants
from devices.clock import ClockPolicy, Verdict, judge
from devices.errors import ConfigError

_REASONS = {
    Verdict.FUTURE: "lies in the future",
    Verdict.ANCIENT: "lies before the earliest time that is believed (intake.clock_oldest)",
    Verdict.ROLLOVER: "lies a whole number of GPS week rollovers ago: a receiver's mistake",
}


def find_zone(name: str | None) -> ZoneInfo | None:
    """The time zone of a name such as Asia/Shanghai. Raises ConfigError."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"--zone: no time zone is named {name!r}; expected one such as Asia/Shanghai") from None


class TimeReader:
    """Reads claimed times as microseconds since 1970.

    What the hub would not believe is refused: it would be filed under the time of the import, anew at each import.
    """

    def __init__(self, zone: ZoneInfo | None, policy: ClockPolicy, now: int) -> None:
        self._zone = zone
        self._policy = policy
        self._now = now

    def __call__(self, value: object) -> int:
        """The instant of an ISO 8601 text or an epoch number. Raises ValueError."""
        instant = self._read(value)
        verdict = judge(instant, self._now, self._policy)
        if verdict is not Verdict.PLAUSIBLE:
            raise ValueError(f"{instants.to_iso(instant)} {_REASONS[verdict]}")
        return instant

    def localised(self, value: object) -> object:
        """ISO 8601 with a zone of a local text; anything else as it is, for the decoder to judge."""
        if not isinstance(value, str) or self._zone is None:
            return value
        try:
            return instants.to_iso(self._read(value))
        except ValueError:
            return value

    def _read(self, value: object) -> int:
        if not isinstance(value, str):
            if not isinstance(value, int | float):
                raise ValueError(instants.EXPECTED)
            return instants.parse(value)
        text = value.strip()
        if text[4:5] == text[7:8] == "/":  # as spreadsheets write dates
            text = text.replace("/", "-")
        if text.replace(".", "", 1).isdecimal():
            return instants.parse(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return instants.parse(text)  # for its message
        if moment.tzinfo is None:
            moment = self._placed(moment)
        try:
            return instants.from_datetime(moment)
        except OverflowError:
            raise ValueError(f"{value!r} is out of range") from None

    def _placed(self, moment: datetime) -> datetime:
        if self._zone is None:
            raise ValueError(f"{moment} has no time zone; name that of the file with --zone Asia/Shanghai")
        placed = moment.replace(tzinfo=self._zone)
        if placed.utcoffset() != placed.replace(fold=1).utcoffset():
            raise ValueError(
                f"{moment} does not exist or stands twice in {self._zone}: clocks change; write the offset"
            )
        return placed
