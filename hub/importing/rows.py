"""Lines and rows of text files, read one by one in bounded memory; a faulty one is told and the next one read.

Each physical line is a row. A quote that is never closed therefore costs its own line and not the rest of the file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from devices.errors import ConfigError, SanihubError

MAX_LINE_BYTES = 64 * 1024
DELIMITERS = (",", ";", "\t")

Tell = Callable[[int, str], None]
"""Takes a fault: the number of the line, from 1, and the reason."""


class FileFaultError(SanihubError):
    """The file as a whole cannot be used; nothing of it was."""

    def __init__(self, path: Path, reason: str, line: int | None = None) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")


class TextFile(msgspec.Struct):
    """A text file with its encoding; ``consumed`` counts the bytes read, for progress."""

    path: Path
    encoding: str = "utf-8"
    consumed: int = 0

    def lines(self, tell: Tell) -> Iterator[tuple[int, str]]:
        """The lines that are not blank, with their numbers. Raises FileFaultError when the file cannot be read."""
        self.consumed = 0
        number = 0
        try:
            with self.path.open("rb") as file:
                while raw := file.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    self.consumed += len(raw)
                    if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                        while raw and not raw.endswith(b"\n"):
                            raw = file.readline(MAX_LINE_BYTES)
                            self.consumed += len(raw)
                        tell(number, f"more than {MAX_LINE_BYTES} bytes in a line")
                        continue
                    text = self._decoded(raw, number, tell)
                    if text:
                        yield number, text
        except OSError as error:
            raise FileFaultError(self.path, error.strerror or str(error)) from None

    def _decoded(self, raw: bytes, number: int, tell: Tell) -> str | None:
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError:
            tell(number, f"not {self.encoding}; name the encoding of the file with --encoding (gb18030, latin-1 ...)")
            return None
        if number == 1:
            text = text.removeprefix("\ufeff")
        text = text.rstrip("\r\n")
        return text if text.strip() else None


class Table(msgspec.Struct):
    """A CSV file with a header. The delimiter (comma, semicolon, tab) is the one that the header holds most of."""

    file: TextFile
    header: list[str]
    header_line: int
    delimiter: str

    def rows(self, tell: Tell) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows as column → cell, without blanks around; empty cells are left out."""
        width = len(self.header)
        for number, text in self.file.lines(tell):
            if number <= self.header_line:
                continue
            cells = split(text, self.delimiter)
            if cells is None:
                tell(number, "a quote is not closed, or stands inside a cell")
            elif len(cells) != width:
                tell(number, f"expected {width} cells as in the header, got {len(cells)}")
            else:
                yield number, {name: cell for name, cell in zip(self.header, cells, strict=True) if cell}


def split(text: str, delimiter: str) -> list[str] | None:
    """The cells of a line, stripped; None where its quotes are wrong."""
    if '"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, strict=True))]
    except csv.Error:
        return None


def open_table(file: TextFile) -> Table:
    """Read the header of a CSV file. Raises FileFaultError."""
    faults: list[str] = []
    for number, text in file.lines(lambda _, reason: faults.append(reason)):
        if faults:
            break
        delimiter = max(DELIMITERS, key=text.count)
        header = split(text, delimiter) or []
        repeated = {name for name in header if header.count(name) > 1}
        if not header or "" in header or repeated:
            detail = f"column {sorted(repeated)[0]} stands twice" if repeated else "a column has no name"
            raise FileFaultError(file.path, f"header: {detail}", number)
        return Table(file, header, number, delimiter)
    raise FileFaultError(file.path, faults[0] if faults else "is empty", 1 if faults else None)


def check_encoding(name: str) -> str:
    """The name of an encoding in which a line ends with the byte 10. Raises ConfigError."""
    try:
        if "a\n".encode(name) == b"a\n":
            return name
    except LookupError:
        pass
    raise ConfigError(
        f"--encoding: {name!r}: expected one such as utf-8, gb18030 or latin-1 (UTF-16: convert it first)"
    )
