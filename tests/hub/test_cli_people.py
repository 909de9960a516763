from __future__ import annotations

from pathlib import Path

import httpx
import psycopg
import pytest

from api.passwords import _right
from devices.errors import ConfigError, SanihubError
from tests.hub.cli_runner import decoded, invoke
from tests.hubs import HubProcess
from tests.servers import wait_until


def rows(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_people_from_the_command_line(postgres_dsn: str) -> None:
    options = ("--role", "dispatcher", "--display-name", "Wang Jianguo", "--area", "north", "--area", "east")
    made = invoke("people", "create", "wang", *options, dsn=postgres_dsn)
    password = made.stdout.strip()
    assert len(password) >= 16
    assert password not in made.stderr
    ((kept,),) = rows(postgres_dsn, "SELECT hash FROM people")
    assert str(kept).startswith("$argon2id$")
    assert _right(str(kept), password)
    (told,) = decoded(invoke("people", "list", "--json", dsn=postgres_dsn))
    assert (told["name"], told["role"], told["areas"], "hash" in told) == (
        "wang",
        "dispatcher",
        ["north", "east"],
        False,
    )
    assert "Wang Jianguo" in invoke("people", "list", dsn=postgres_dsn).stdout
    again = invoke("people", "create", "wang", "--role", "viewer", dsn=postgres_dsn)
    assert isinstance(again.exception, SanihubError)
    other = invoke("people", "reset-password", "wang", dsn=postgres_dsn).stdout.strip()
    ((kept,),) = rows(postgres_dsn, "SELECT hash FROM people")
    assert (_right(str(kept), password), _right(str(kept), other)) == (False, True)
    given = invoke(
        "people", "reset-password", "wang", "--password-stdin", dsn=postgres_dsn, stdin=b"seven green lorries\n"
    )
    assert given.stdout == ""
    ((kept,),) = rows(postgres_dsn, "SELECT hash FROM people")
    assert _right(str(kept), "seven green lorries")
    assert "disabled" in invoke("people", "disable", "wang", dsn=postgres_dsn).stdout
    assert rows(postgres_dsn, "SELECT active FROM people") == [(False,)]
    invoke("people", "enable", "wang", dsn=postgres_dsn)
    assert rows(postgres_dsn, "SELECT active, areas FROM people") == [(True, ["north", "east"])]
    for command in ("disable", "enable", "reset-password"):
        assert isinstance(invoke("people", command, "nobody", dsn=postgres_dsn).exception, ConfigError)
    audited = rows(postgres_dsn, "SELECT action, starts_with(actor, 'cli') FROM audit ORDER BY id")
    assert audited == [
        ("person.create", True), ("person.password", True), ("person.password", True), ("person.change", True),
        ("person.change", True),
    ]  # fmt: skip


def test_the_last_administrator_stays(postgres_dsn: str) -> None:
    invoke("people", "create", "root", "--role", "admin", dsn=postgres_dsn)
    refused = invoke("people", "disable", "root", dsn=postgres_dsn)
    assert isinstance(refused.exception, ConfigError)
    assert rows(postgres_dsn, "SELECT active FROM people") == [(True,)]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("Wang", "--role", "viewer"), "name"),
        (("wang", "--role", "device"), "role"),
        (("wang", "--role", "worker"), "worker"),
        (("wang", "--role", "admin", "--area", "north"), "areas"),
        (("wang", "--role", "viewer", "--display-name", "a\nb"), "display_name"),
    ],
)
def test_faults_name_the_field(arguments: tuple[str, ...], names: str) -> None:
    result = invoke("people", "create", *arguments, dsn="postgresql://nobody.invalid/x")  # nothing is asked
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith(names)


def test_a_password_from_standard_input_is_checked() -> None:
    options = ("--role", "viewer", "--password-stdin")
    result = invoke("people", "create", "wang", *options, dsn="postgresql://nobody.invalid/x", stdin=b"short\n")
    assert isinstance(result.exception, ConfigError)


def test_the_first_administrator_is_told_once(tmp_path: Path, postgres_dsn: str) -> None:
    hub = HubProcess(tmp_path, postgres_dsn, "[broker]\nenabled = false\n")
    hub.start()
    try:
        wait_until(lambda: "sign in" in hub.text(), "the first administrator is told")
        (line,) = (line for line in hub.text().splitlines() if "sign in" in line)
        name, password = line.split()[2:4]
        answer = httpx.post(f"{hub.url}/api/v1/session", json={"name": name, "password": password}, timeout=30)
        assert (answer.status_code, answer.json()["role"]) == (200, "admin")
        hub.stop()
        hub.start()
        token = {"Authorization": f"Bearer {answer.json()['token']}"}
        wait_until(  # the session goes on
            lambda: httpx.get(f"{hub.url}/api/v1/users", headers=token, timeout=30).status_code == 200, "it is served"
        )
    finally:
        hub.stop()
    assert "sign in" not in hub.text()
    assert rows(postgres_dsn, "SELECT count(*) FROM people") == [(1,)]
