"""NMEA sentences for the tests: checksums put on, and a vehicle's drive as a receiver would tell it."""

from __future__ import annotations

from functools import reduce


def sentence(body: str) -> str:
    """`body` between $ and its checksum."""
    return f"${body}*{reduce(lambda value, byte: value ^ byte, body.encode(), 0):02X}"


def clock(second: int) -> str:
    return f"{second // 3600 % 24:02d}{second // 60 % 60:02d}{second % 60:02d}.00"


def rmc(second: int, lat: str = "3114.8770,N", date: str = "231126", talker: str = "GN", knots: float = 10) -> str:
    return sentence(f"{talker}RMC,{clock(second)},A,{lat},12135.2463,E,{knots},84.40,{date},,,A")


def gga(second: int, lat: str = "3114.8770,N", quality: int = 1, talker: str = "GN") -> str:
    return sentence(f"{talker}GGA,{clock(second)},{lat},12135.2463,E,{quality},12,0.8,15.0,M,8.3,M,,")


def gsa(numbers: str = "05,12,25", mode: int = 3, system: str = "1") -> str:
    padding = "," * (11 - numbers.count(","))
    return sentence(f"GNGSA,A,{mode},{numbers}{padding},1.7,0.8,1.6,{system}")


def lat(step: int) -> str:
    """The latitude of the drive's step: a minute's hundredth further north each."""
    return f"31{14 + step / 100:07.4f},N"


def burst(second: int, step: int = 0) -> list[str]:
    """One epoch of a receiver with GPS and BeiDou."""
    return [
        rmc(second, lat(step)),
        sentence("GNVTG,84.40,T,,M,10.00,N,18.52,K,A"),
        gga(second, lat(step)),
        gsa("05,12,25", system="1"),
        gsa("03,08", system="4"),
        sentence("GPGSV,1,1,03,05,30,046,22,12,40,100,27,25,10,200,24,1"),
    ]


def drive(epochs: int, start: int = 8 * 3600) -> bytes:
    """So many epochs, a second apart, as bytes."""
    lines = [line for step in range(epochs) for line in burst(start + step, step)]
    return "".join(f"{line}\r\n" for line in lines).encode()
