from __future__ import annotations

import psycopg
import pytest

from devices.access import fingerprint, prefix_of
from devices.errors import ConfigError
from tests.hub.cli_runner import decoded, invoke


def rows(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_a_key_is_shown_once_and_kept_as_its_hash(postgres_dsn: str) -> None:
    made = invoke("keys", "create", "bin 42", "--role", "device", "--device", "bin-0042", "--days", 2, dsn=postgres_dsn)
    key = made.stdout.strip()
    prefix = prefix_of(key)
    assert prefix is not None
    assert key not in made.stderr
    kept = rows(postgres_dsn, "SELECT prefix, hash, name, role, device_id, expires_at - created_at FROM api_keys")
    assert kept[0][:5] == (prefix, fingerprint(key), "bin 42", "device", "bin-0042")
    assert round(kept[0][5].total_seconds() / 3600) == 48  # type: ignore[attr-defined]
    everything = str(
        rows(postgres_dsn, "SELECT k::text FROM api_keys k") + rows(postgres_dsn, "SELECT a::text FROM audit a")
    )
    assert key[-43:] not in everything
    for options in ((), ("--json",), ("--all",)):
        listed = invoke("keys", "list", *options, dsn=postgres_dsn)
        assert prefix in listed.stdout
        assert key[-43:] not in listed.stdout
    (entry,) = decoded(invoke("keys", "list", "--json", dsn=postgres_dsn))
    assert (entry["role"], entry["device"], entry["last_used_at"], "hash" in entry) == (
        "device",
        "bin-0042",
        None,
        False,
    )


@pytest.mark.parametrize("whole", [False, True])
def test_revoking(postgres_dsn: str, whole: bool) -> None:
    key = invoke("keys", "create", "x", "--role", "integration", dsn=postgres_dsn).stdout.strip()
    prefix = prefix_of(key) or ""
    revoked = invoke("keys", "revoke", key if whole else prefix, dsn=postgres_dsn)
    assert (revoked.exit_code, prefix in revoked.stdout) == (0, True)
    assert decoded(invoke("keys", "list", "--json", dsn=postgres_dsn)) == []
    (entry,) = decoded(invoke("keys", "list", "--json", "--all", dsn=postgres_dsn))
    assert entry["revoked_at"] is not None
    again = invoke("keys", "revoke", prefix, dsn=postgres_dsn)
    assert isinstance(again.exception, ConfigError)
    found = rows(postgres_dsn, "SELECT action, target, outcome, starts_with(actor, 'cli') FROM audit ORDER BY id")
    assert found == [("key.create", f"key:{prefix}", "done", True), ("key.revoke", f"key:{prefix}", "done", True)]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("x", "--role", "device"), "--device"),
        (("x", "--role", "viewer", "--device", "bin-1"), "--device"),
        (("x", "--role", "device", "--device", "bin 1"), "--device"),
        (("", "--role", "viewer"), "NAME"),
        (("a\nb", "--role", "viewer"), "NAME"),
        (("x" * 65, "--role", "viewer"), "NAME"),
    ],
)
def test_faults_name_the_option(arguments: tuple[str, ...], names: str) -> None:
    result = invoke("keys", "create", *arguments, dsn="postgresql://nobody.invalid/x")  # nothing is asked
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith(names)
