"""Documents that are taken whole or not at all: text in, its tree out, and one error that tells all that is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from devices.errors import SanihubError
from devices.yaml_lines.tree import Mistake, Node, parse

MAX_SHOWN = 50


class DocumentError(SanihubError):
    """A document is wrong. ``mistakes`` are in order of their lines; the message holds a line for each."""

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.name, self.mistakes = name, tuple(sorted(set(mistakes)))
        lines = [
            f"{name}:{one.line}: {one.field + ': ' if one.field else ''}{one.reason}"
            for one in self.mistakes[:MAX_SHOWN]
        ]
        if len(self.mistakes) > MAX_SHOWN:
            lines.append(f"{name}: and {len(self.mistakes) - MAX_SHOWN} more")
        super().__init__("\n".join(lines))


def read_document(
    text: str | bytes, name: str, expected: str, error: type[DocumentError]
) -> tuple[Node, list[Mistake]]:
    """The tree of a YAML or JSON text with what is wrong with it so far; ``expected`` is told of an empty one.

    Raises ``error``, named ``name``, where there is no tree.
    """
    if isinstance(text, bytes):
        data = text
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            line = data[: fault.start].count(b"\n") + 1
            raise error(name, (Mistake(line, "", "expected UTF-8"),)) from None
    root, mistakes = parse(text)
    if root is None:
        raise error(name, mistakes or (Mistake(1, "", f"expected {expected}; the file is empty"),))
    return root, mistakes
