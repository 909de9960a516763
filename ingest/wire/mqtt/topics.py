"""Topic filters (OASIS MQTT 5 and 3.1.1, clause 4.7)."""

from __future__ import annotations


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic matches a filter: ``+`` is one level, ``#`` at the end all that follow and their parent.

    Neither stands for a first level that begins with ``$`` [MQTT-4.7.2-1].
    """
    wanted, given = pattern.split("/"), topic.split("/")
    if topic[:1] == "$" and wanted[0] in ("+", "#"):
        return False
    if wanted[-1] == "#":
        del wanted[-1]
        if len(given) < len(wanted):
            return False
        del given[len(wanted) :]
    return len(wanted) == len(given) and all(one in ("+", other) for one, other in zip(wanted, given, strict=True))
