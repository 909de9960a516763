"""Terminal parameters (JT/T 808-2013, table 12; 2019, table 12): a list of id, length and value."""

from __future__ import annotations

from ingest.wire.jt808.fields import Fields, Kind, Reader, decoded_text

_TEXTS = frozenset(
    (*range(0x10, 0x18), 0x1A, 0x1D, *range(0x23, 0x27), *range(0x40, 0x45), 0x48, 0x49, 0x83),
)
_LAST_NUMBER = 0x0109  #: numbers end here; from 0x0110 on parameters are bit fields and vendors' own


def parameter_value(number: int, value: bytes) -> int | str:
    """A parameter's value: text in GBK, a number of 1, 2 or 4 bytes, or bytes in hexadecimal."""
    if number in _TEXTS:
        return decoded_text(value)
    if len(value) in (1, 2, 4) and number <= _LAST_NUMBER:
        return int.from_bytes(value, "big")
    return value.hex()


def parameters(count: str) -> Kind:
    """The kind of a parameter list whose length is the field ``count``; ids as ``0x0001``."""

    def take(reader: Reader, found: Fields) -> dict[str, int | str]:
        values: dict[str, int | str] = {}
        for _ in range(found[count]):
            number = reader.number(4)
            values[f"0x{number:04x}"] = parameter_value(number, reader.take(reader.number(1)))
        return values

    return take
