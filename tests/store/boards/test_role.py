"""The role that Grafana reads as, on a real server: what it can, and above all what it cannot."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from devices.errors import ConfigError, TransientError
from store.boards.role import MARK, Examined, ReadingRole, establish, examine, logs_in
from store.telemetry.writer import PostgresStore
from tests.servers import PostgresServer

PASSWORD = "a word of passing"


@pytest.fixture(scope="module")
def store_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """A hub's database with boards: two views, one of which shows what lies in a table that is closed."""
    import asyncio

    with postgres_server.database() as dsn:

        async def make() -> None:
            store = PostgresStore(dsn)
            await store.open()
            await store.close()

        asyncio.run(make())
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS boards")
            connection.execute("CREATE VIEW boards.test_devices AS SELECT id FROM public.devices")
            connection.execute(
                "CREATE FUNCTION public.test_open_safe() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
                " AS 'SELECT count(*) FROM public.people'"
            )
            connection.execute("REVOKE EXECUTE ON FUNCTION public.test_open_safe() FROM PUBLIC")
            # As in a database that was made by PostgreSQL 14 and taken over.
            connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        yield dsn


@pytest.fixture
async def hub(store_dsn: str) -> AsyncIterator[AsyncConnection]:
    connection = await AsyncConnection.connect(store_dsn, autocommit=True)
    async with connection:
        yield connection


@pytest.fixture
def role(store_dsn: str) -> Iterator[ReadingRole]:
    """A role of its own name for each test; roles are of the whole server."""
    made = ReadingRole(f"boards_{secrets.token_hex(4)}")
    yield made
    with psycopg.connect(store_dsn, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (made.name,)).fetchone() is not None:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(made.name)))


def as_role(dsn: str, role: ReadingRole) -> psycopg.Connection:
    return psycopg.connect(make_conninfo(dsn, user=role.name, password=PASSWORD), autocommit=True)


async def test_it_is_made_once_and_then_found_as_it_should_be(
    hub: AsyncConnection, store_dsn: str, role: ReadingRole
) -> None:
    assert (await examine(hub, role)).short == ("the role is not there",)
    await establish(hub, role, PASSWORD)
    assert await examine(hub, role) == Examined(())
    assert (await logs_in(store_dsn, role.name, PASSWORD), await logs_in(store_dsn, role.name, "x")) == (True, False)
    with as_role(store_dsn, role) as reader:
        shown = [reader.execute(f"SHOW {name}").fetchone() for name in ("default_transaction_read_only", "search_path")]
        assert shown == [("on",), ("boards",)]
        assert reader.execute("SHOW statement_timeout").fetchone() == ("30s",)


async def test_it_reads_every_view_of_boards_also_those_to_come(
    hub: AsyncConnection, store_dsn: str, role: ReadingRole
) -> None:
    await establish(hub, role, PASSWORD)
    await hub.execute("CREATE VIEW boards.test_later AS SELECT count(*) AS people FROM public.people")
    try:
        assert (await examine(hub, role)).short == ()
        with as_role(store_dsn, role) as reader:
            assert reader.execute("SELECT people FROM test_later").fetchone() == (0,)
            views = reader.execute("SELECT viewname FROM pg_views WHERE schemaname = 'boards'").fetchall()
            assert len(views) >= 2
            for (view,) in views:
                reader.execute(sql.SQL("SELECT * FROM boards.{} LIMIT 1").format(sql.Identifier(view)))
    finally:
        await hub.execute("DROP VIEW boards.test_later")


async def test_it_reads_nothing_else(hub: AsyncConnection, store_dsn: str, role: ReadingRole) -> None:
    await establish(hub, role, PASSWORD)
    cursor = await hub.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm')"
    )
    tables = {row[0] for row in await cursor.fetchall()}
    assert {"people", "sessions", "api_keys", "readings", "fixes", "events", "audit"} <= tables
    with as_role(store_dsn, role) as reader:
        for table in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(sql.SQL("SELECT FROM public.{} LIMIT 1").format(sql.Identifier(table)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT rolpassword FROM pg_authid")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT public.test_open_safe()")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT pg_read_file('/etc/hostname')")


async def test_it_writes_nothing_even_where_it_turns_read_only_off(
    hub: AsyncConnection, store_dsn: str, role: ReadingRole
) -> None:
    await establish(hub, role, PASSWORD)
    attempts = (
        "CREATE TABLE public.theirs (n int)", "CREATE TABLE boards.theirs (n int)", "CREATE SCHEMA theirs",
        "CREATE TEMP TABLE theirs (n int)", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "INSERT INTO public.devices DEFAULT VALUES", "UPDATE boards.test_devices SET id = 'x'",
        "DELETE FROM boards.test_devices", "DROP VIEW boards.test_devices", "TRUNCATE public.readings",
        "CREATE ROLE theirs", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY (SELECT 1) TO '/tmp/theirs'",
        "ALTER SYSTEM SET work_mem = '1GB'", "SET ROLE sanihub", "SELECT nextval('public.audit_id_seq')",
        "SELECT lo_create(0)", "SELECT lo_creat(-1)", "SELECT lo_from_bytea(0, 'x')",
    )  # fmt: skip
    with as_role(store_dsn, role) as reader:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("CREATE TEMP TABLE theirs (n int)")
        reader.execute("SET default_transaction_read_only = off")
        for attempt in attempts:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
                reader.execute(attempt.encode())


async def test_the_hub_itself_keeps_what_public_lost(hub: AsyncConnection, role: ReadingRole) -> None:
    await establish(hub, role, PASSWORD)
    await hub.execute("CREATE TEMP TABLE mine (n int)")
    await hub.execute("CREATE TABLE public.test_mine (n int)")
    await hub.execute("DROP TABLE public.test_mine")


async def test_a_hub_that_is_no_superuser_makes_it_and_goes_on_writing(
    postgres_server: PostgresServer, role: ReadingRole
) -> None:
    owner = f"hub_{secrets.token_hex(4)}"
    with postgres_server.database() as dsn, psycopg.connect(dsn, autocommit=True) as admin:
        database = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'x'").format(sql.Identifier(owner)))
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, sql.Identifier(owner)))
        mine = make_conninfo(dsn, user=owner, password="x")
        connection = await AsyncConnection.connect(mine, autocommit=True)
        async with connection:
            await connection.execute("CREATE SCHEMA boards")
            await connection.execute("CREATE VIEW boards.one AS SELECT 1 AS n")
            await establish(connection, role, PASSWORD)
            # The functions of large objects belong to the server's superuser.
            assert await examine(connection, role) == Examined((), ("make large objects",))
            await establish(connection, role, "another")
            assert await logs_in(mine, role.name, "another")
            await connection.execute("CREATE TEMP TABLE mine (n int)")
            await connection.execute("CREATE TABLE public.mine (n int)")
        with psycopg.connect(dsn, autocommit=True) as closing:
            closing.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role.name)))
            closing.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
            closing.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(owner)))


async def test_public_is_left_in_a_database_that_others_share_and_it_is_said(
    postgres_server: PostgresServer, role: ReadingRole
) -> None:
    other = f"other_{secrets.token_hex(4)}"
    with postgres_server.database() as dsn:
        connection = await AsyncConnection.connect(dsn, autocommit=True)
        async with connection:
            await connection.execute("CREATE SCHEMA boards")
            await connection.execute(sql.SQL("CREATE ROLE {0}").format(sql.Identifier(other)))
            await connection.execute(sql.SQL("CREATE SCHEMA theirs AUTHORIZATION {}").format(sql.Identifier(other)))
            await establish(connection, role, PASSWORD)
            assert (await examine(connection, role)).may_too == ("make large objects", "make temporary tables")
            await connection.execute("CREATE TABLE public.open_to_all (n int)")
            await connection.execute("GRANT SELECT (n) ON public.open_to_all TO PUBLIC")
            await connection.execute(
                "CREATE FUNCTION public.safe() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
            )
            assert (await examine(connection, role)).may_too == (
                "make large objects", "make temporary tables", "run safe() with its owner's rights", "use open_to_all",
            )  # fmt: skip
            for name in (role.name, other):
                await connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER ROLE {} NOLOGIN", "ALTER ROLE {} CONNECTION LIMIT 3", "ALTER ROLE {} RESET statement_timeout",
        "REVOKE USAGE ON SCHEMA boards FROM {}", "REVOKE SELECT ON boards.test_devices FROM {}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA boards REVOKE SELECT ON TABLES FROM {}",
    ],
)  # fmt: skip
async def test_what_was_taken_from_it_is_found_and_given_back(
    hub: AsyncConnection, store_dsn: str, role: ReadingRole, damage: str
) -> None:
    await establish(hub, role, PASSWORD)
    await hub.execute(sql.SQL(damage).format(sql.Identifier(role.name)))  # type: ignore[arg-type]
    assert len((await examine(hub, role)).short) == 1
    await establish(hub, role, None)
    assert (await examine(hub, role)).short == ()
    assert await logs_in(store_dsn, role.name, PASSWORD)


async def test_another_timeout_and_number_of_connections_are_set(hub: AsyncConnection, role: ReadingRole) -> None:
    await establish(hub, role, PASSWORD)
    other = msgspec.structs.replace(role, connections=7, statement_timeout_s=5)
    assert (await examine(hub, other)).short == ("log-in, connections or session settings",)
    await establish(hub, other, None)
    assert (await examine(hub, other)).short == ()


async def test_roles_of_others_are_not_touched(hub: AsyncConnection, role: ReadingRole) -> None:
    name = sql.Identifier(role.name)
    await hub.execute(sql.SQL("CREATE ROLE {}").format(name))
    for theirs in (role.name, hub.info.user):
        with pytest.raises(ConfigError, match=f"the role {theirs} is there and was not made for boards"):
            await examine(hub, ReadingRole(theirs))
    await hub.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(MARK)))
    for given, taken in (("ALTER ROLE {} CREATEDB", "ALTER ROLE {} NOCREATEDB"), ("GRANT pg_monitor TO {}", None)):
        await hub.execute(sql.SQL(given).format(name))  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="rights of administration or of other roles"):
            await examine(hub, role)
        if taken is not None:
            await hub.execute(sql.SQL(taken).format(name))  # type: ignore[arg-type]


async def test_who_may_not_is_told_what_is_missing(hub: AsyncConnection, store_dsn: str, role: ReadingRole) -> None:
    await establish(hub, role, PASSWORD)
    connection = await AsyncConnection.connect(
        make_conninfo(store_dsn, user=role.name, password=PASSWORD, options="-c default_transaction_read_only=off"),
        autocommit=True,
    )
    async with connection:
        with pytest.raises(ConfigError, match=r"store\.dsn: its user may not make the role sanihub_no .*CREATEROLE"):
            await establish(connection, ReadingRole("sanihub_no"), "x")


async def test_a_database_without_boards_and_a_server_that_is_away(
    postgres_server: PostgresServer, role: ReadingRole
) -> None:
    with postgres_server.database() as dsn:
        connection = await AsyncConnection.connect(dsn, autocommit=True)
        async with connection:
            with pytest.raises(ConfigError, match="has no schema boards"):
                await establish(connection, role, PASSWORD)
            assert (await examine(connection, role)).short == ("the role is not there",)  # nothing of it stays
    with pytest.raises(TransientError, match="cannot log in"):
        await logs_in("postgresql://nobody@127.0.0.1:1/none", role.name, PASSWORD)


async def test_on_timescale_nothing_of_the_extension_is_told(timescale_dsn: str) -> None:
    """One backend in which database rights cannot be changed: the role is made by hand, and looked at."""
    store = PostgresStore(timescale_dsn)
    await store.open()
    await store.close()
    role = ReadingRole("boards_on_timescale")
    connection = await AsyncConnection.connect(timescale_dsn, autocommit=True, prepare_threshold=None)
    async with connection:
        await connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role.name)))
        await connection.execute(
            sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(role.name), sql.Literal(MARK))
        )
        assert set((await examine(connection, role)).may_too) <= {"make temporary tables", "make large objects"}
