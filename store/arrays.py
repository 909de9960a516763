"""Arrays as parameters of statements, packed once in the form in which PostgreSQL takes them.

psycopg writes a list element by element as text, which is quoted and escaped with regular expressions; where a batch
hands over columns of what it found, that was a tenth of the hub's time. One that is packed here can be given to several
statements. Form: ``array_recv`` of PostgreSQL (src/backend/utils/adt/arrayfuncs.c): dimensions, whether there are
NULLs, the type of the elements, for each dimension its length and lower bound, and each element behind its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from psycopg import adapters
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from devices.clock import YEAR_2000

_HEAD = struct.Struct(">iii").pack
_DIMENSION = struct.Struct(">ii").pack
_I32 = struct.Struct(">ii").pack
_I64 = struct.Struct(">iq").pack
_F64 = struct.Struct(">id").pack
_BOOL = struct.Struct(">i?").pack
_LEN = struct.Struct(">i").pack
_NULL = _LEN(-1)


class Integers(bytes):
    """An ``integer[]``."""


class Bigints(bytes):
    """A ``bigint[]``."""


class Floats(bytes):
    """A ``float8[]``."""


class Booleans(bytes):
    """A ``boolean[]``."""


class Instants(bytes):
    """A ``timestamptz[]``."""


class Texts(bytes):
    """A ``text[]``."""


class Blobs(bytes):
    """A ``bytea[]``."""


#: The numbers of the arrays' types and of their elements' (src/include/catalog/pg_type.dat).
_TYPES: dict[type[bytes], tuple[int, int]] = {
    Integers: (1007, 23),
    Bigints: (1016, 20),
    Floats: (1022, 701),
    Booleans: (1000, 16),
    Instants: (1185, 1184),
    Texts: (1009, 25),
    Blobs: (1001, 17),
}


def integers(values: Iterable[int | None]) -> Integers:
    """Whole numbers of 32 bits, None for NULL (so in all of these)."""
    return Integers(_array(Integers, [_NULL if one is None else _I32(4, one) for one in values]))


def bigints(values: Iterable[int | None]) -> Bigints:
    """Whole numbers of 64 bits."""
    return Bigints(_array(Bigints, [_NULL if one is None else _I64(8, one) for one in values]))


def floats(values: Iterable[float | None]) -> Floats:
    """Numbers."""
    return Floats(_array(Floats, [_NULL if one is None else _F64(8, one) for one in values]))


def booleans(values: Iterable[bool | None]) -> Booleans:
    """True or false."""
    return Booleans(_array(Booleans, [_NULL if one is None else _BOOL(1, one) for one in values]))


def instants(values: Iterable[int | None]) -> Instants:
    """Instants, given in µs since 1970."""
    return Instants(_array(Instants, [_NULL if one is None else _I64(8, one - YEAR_2000) for one in values]))


def texts(values: Iterable[str | None]) -> Texts:
    """Texts."""
    return Texts(_array(Texts, [_NULL if one is None else _bytes(one.encode()) for one in values]))


def blobs(values: Iterable[bytes | None]) -> Blobs:
    """Bytes."""
    return Blobs(_array(Blobs, [_NULL if one is None else _bytes(one) for one in values]))


def _bytes(value: bytes) -> bytes:
    return _LEN(len(value)) + value


def _array(kind: type[bytes], items: Sequence[bytes]) -> bytes:
    _, element = _TYPES[kind]
    if not items:
        return _HEAD(0, 0, element)
    return b"".join((_HEAD(1, _NULL in items, element), _DIMENSION(len(items), 1), *items))


class _Packed(Dumper):
    """Hands over what is packed."""

    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer:
        return obj


for _kind, (_oid, _) in _TYPES.items():
    adapters.register_dumper(_kind, type(f"_{_kind.__name__}", (_Packed,), {"oid": _oid}))
