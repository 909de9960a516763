"""JSON with a long list in it, whose items know their lines: a person mends a file by its line, not by its byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

_BLANK = re.compile(r"[ \t\r\n]*")
MOST_ITEMS = 100_000


class JsonFaultError(ValueError):
    """The text is not such JSON; ``line`` is where."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Listing(msgspec.Struct):
    """An object's list of items with the line of each, and its other members."""

    members: dict[str, Any]
    items: list[tuple[int, Any]]


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def read_listing(text: str, name: str) -> Listing:
    """The object of a text, and the items of its member ``name``. Raises JsonFaultError."""
    text = text.removeprefix("\ufeff")
    scan = _Scan(text)
    members: dict[str, Any] = {}
    items: list[tuple[int, Any]] = []
    scan.expect("{")
    while not scan.taken("}"):
        if members or items:
            scan.expect(",")
        key = scan.value()
        if not isinstance(key, str):
            raise scan.fault("expected a name")
        scan.expect(":")
        if key == name and scan.taken("["):
            items.extend(scan.items())
            members[key] = None
        else:
            members[key] = scan.value()
    if scan.rest():
        raise scan.fault("expected nothing after the end")
    members.pop(name, None) if items else None
    return Listing(members, items)


class _Scan:
    """Where we are in the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0

    def line(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def fault(self, reason: str) -> JsonFaultError:
        return JsonFaultError(self.line(), f"not JSON: {reason}")

    def rest(self) -> bool:
        self._skip()
        return self._at < len(self._text)

    def taken(self, sign: str) -> bool:
        self._skip()
        if self._text.startswith(sign, self._at):
            self._at += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.taken(sign):
            raise self.fault(f"expected {sign}")

    def value(self) -> Any:
        self._skip()
        try:
            value, self._at = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise self.fault(error.msg[:1].lower() + error.msg[1:]) from None
        except (ValueError, RecursionError) as error:
            raise self.fault(str(error)) from None
        return value

    def items(self) -> Iterator[tuple[int, Any]]:
        """Up to the end of the list."""
        count = 0
        while not self.taken("]"):
            if count:
                self.expect(",")
            self._skip()
            at = self.line()
            yield at, self.value()
            count += 1
            if count > MOST_ITEMS:
                raise self.fault(f"expected at most {MOST_ITEMS} items")

    def _skip(self) -> None:
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
