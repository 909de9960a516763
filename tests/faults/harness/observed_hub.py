"""A hub that tells how much it holds: its tasks. Run by its path, with the arguments of the hub.

Everything is the real hub; beside it a task writes to the file that SOAK_FACTS names, twice a second.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from hub.bootstrap import Hub
from hub.cli import main

EVERY_S = 0.5


async def _tell(path: Path) -> None:
    draft = path.with_suffix(".new")
    while True:
        facts = {"tasks": len(asyncio.all_tasks())}
        draft.write_text(json.dumps(facts))
        draft.rename(path)
        await asyncio.sleep(EVERY_S)


def _observed() -> None:
    run = Hub.run

    async def run_observed(self: Hub) -> None:
        telling = asyncio.create_task(_tell(Path(os.environ["SOAK_FACTS"])))
        try:
            await run(self)
        finally:
            telling.cancel()

    Hub.run = run_observed  # type: ignore[method-assign]


if __name__ == "__main__":
    _observed()
    main()
