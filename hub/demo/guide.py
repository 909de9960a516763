"""What somebody who has just started the demo can do with it, said once the people are entered."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from hub.installation import Installation


def tell_what_next(installation: Installation, named: str) -> None:
    """Say how to go on from another terminal; ``named`` is the option by which commands find this demo, if any."""
    host, port = installation.embedded_connection().host, installation.embedded_connection().port
    asked = Path(sys.argv[0])
    program = str(asked) if asked.name == "sanihub" else "sanihub"
    message = """-m '{"readings": {"fill_pct": 42}}'"""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"\nOpen [bold cyan]{installation.web.url}/[/bold cyan] and sign in. From another terminal:\n")
    console.print(f"  mosquitto_pub -h {host} -p {port} -q 1 -t sanihub/v1/bin-9001/telemetry {message}", markup=False)
    console.print(f"  {program} alerts list --open{named}\n", markup=False)
