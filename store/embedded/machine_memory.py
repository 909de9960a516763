"""How much memory the embedded server may count on: that of the machine, or of the container that it runs in."""

from __future__ import annotations

import os
from pathlib import Path

MIB = 2**20
LEAST_MIB, MOST_MIB = 128, 2_048
SHARE = 8  #: shared buffers are one part of so many
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of cgroups, version 2 and 1


def memory(limits: tuple[str, ...] = _LIMITS) -> int:
    """Bytes of memory, at most what a limit on this process's group says."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in limits:
        try:
            said = Path(path).read_text("ascii").strip()
        except OSError:
            continue
        if said.isdigit():  # without a limit it is "max", or more than any machine has
            found = min(found, int(said))
    return found


def shared_buffers(available: int) -> str:
    """PostgreSQL's ``shared_buffers`` on a machine with so many bytes of memory.

    The pages at which the readings of each metric of each device go on are wanted again with each message: what does
    not fit here is read and written again by each of them. An eighth leaves room for the hub, the broker and the
    kernel's cache, which is the greater part.
    """
    return f"{min(MOST_MIB, max(LEAST_MIB, available // SHARE // MIB))}MB"
