"""The role that Grafana reads as: it may read the views of the schema ``boards``, and nothing else of the hub.

Whoever may look at a board may send Grafana any SQL, and Grafana runs it as this role. What holds it back is
therefore what it is granted, not the read-only default of its sessions, which a session can turn off.
"""

from __future__ import annotations

import msgspec
import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from devices.errors import ConfigError, TransientError
from store.connection import session_parameters, translated_errors

SCHEMA = "boards"
MARK = "sanihub: reads the schema boards"  #: the comment by which a role is known as made here

_WRONG_PASSWORD = "28P01"  # noqa: S105 - the SQLSTATE of it
_FULL = "53300"  # said only after the password was found right

_ROLE = """
SELECT r.rolcanlogin, r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls,
       r.rolconnlimit, coalesce(r.rolconfig, '{}'), shobj_description(r.oid, 'pg_authid'),
       r.rolname = current_user,
       EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)
  FROM pg_roles r WHERE r.rolname = %(role)s
"""
_SHORT = """
SELECT has_database_privilege(%(role)s, current_database(), 'CONNECT')
       AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_class c
                        WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                          AND NOT has_table_privilege(%(role)s, c.oid, 'SELECT'))
       AND EXISTS (SELECT FROM pg_default_acl d, aclexplode(d.defaclacl) a
                    WHERE d.defaclnamespace = n.oid AND d.defaclobjtype = 'r'
                      AND d.defaclrole = current_user::regrole AND a.grantee = %(role)s::regrole
                      AND a.privilege_type = 'SELECT')
  FROM pg_namespace n WHERE n.nspname = %(schema)s
"""
_MAY_TOO = """
SELECT 'write or own ' || c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND (has_table_privilege(%(role)s, c.oid, 'INSERT,UPDATE,DELETE,TRUNCATE')
        OR pg_get_userbyid(c.relowner) = %(role)s)
UNION ALL
SELECT 'use ' || c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN (%(schema)s, 'pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(%(role)s, c.oid, 'USAGE,SELECT,UPDATE')
            ELSE has_any_column_privilege(%(role)s, c.oid, 'SELECT,INSERT,UPDATE')
                 OR has_table_privilege(%(role)s, c.oid, 'DELETE,TRUNCATE') END
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
                      AND d.deptype = 'e')
UNION ALL
SELECT 'run ' || p.oid::regprocedure || ' with its owner''s rights' FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
   AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass
                      AND d.deptype = 'e')
UNION ALL
SELECT 'create in the schema ' || n.nspname FROM pg_namespace n
 WHERE n.nspname !~ '^pg_' AND has_schema_privilege(%(role)s, n.oid, 'CREATE')
UNION ALL
SELECT 'create schemas' WHERE has_database_privilege(%(role)s, current_database(), 'CREATE')
UNION ALL
SELECT 'make temporary tables' WHERE has_database_privilege(%(role)s, current_database(), 'TEMP')
UNION ALL
SELECT 'make large objects' WHERE has_function_privilege(%(role)s, 'lo_create(oid)', 'EXECUTE')
       OR has_function_privilege(%(role)s, 'lo_creat(integer)', 'EXECUTE')
       OR has_function_privilege(%(role)s, 'lo_from_bytea(oid, bytea)', 'EXECUTE')
"""
_PUBLIC_MAY = """
SELECT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY')
       OR EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
                   WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE')
       OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
          AND has_function_privilege('public', 'lo_create(oid)', 'EXECUTE')
"""
_OURS_ALONE = """
SELECT (SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database())
       AND NOT EXISTS (SELECT FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
                        WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                          AND s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o'
                          AND r.rolname <> current_user AND NOT r.rolsuper)
"""


class ReadingRole(msgspec.Struct, frozen=True):
    """What the role shall be: its name, connections at once, and seconds that a query may take."""

    name: str = "sanihub_boards"
    connections: int = 20
    statement_timeout_s: int = 30

    def settings(self) -> dict[str, str]:
        """The settings that its sessions begin with."""
        return {
            "default_transaction_read_only": "on",
            "statement_timeout": f"{self.statement_timeout_s}s",
            "idle_in_transaction_session_timeout": "60s",
            "search_path": SCHEMA,
        }


class Examined(msgspec.Struct, frozen=True):
    """What is short of what the role shall be (nothing: it is as wanted), and what it may do beyond reading boards."""

    short: tuple[str, ...]
    may_too: tuple[str, ...] = ()


async def examine(connection: AsyncConnection[TupleRow], role: ReadingRole) -> Examined:
    """Look at the role; changes nothing. Its password is not looked at: see :func:`logs_in`.

    Raises ConfigError when a role of this name is not one that the hub made, or was given rights of administration.
    """
    row = await _one(connection, _ROLE, role=role.name)
    if row is None:
        return Examined(("the role is not there",))
    can_login, mighty, limit, config, comment, ourselves, member = row
    if ourselves or comment != MARK:
        raise ConfigError(
            f"grafana.database.user: the role {role.name} is there and was not made for boards; name another, or give "
            "its password and set grafana.database.make_role = false"
        )
    if mighty or member:
        raise ConfigError(
            f"grafana.database.user: the role {role.name} was given rights of administration or of other roles; "
            f"take them back (REVOKE, ALTER ROLE {role.name} NOSUPERUSER NOCREATEROLE NOCREATEDB), or drop it"
        )
    short = []
    wanted = {f"{name}={value}" for name, value in role.settings().items()}
    if not can_login or limit != role.connections or not wanted <= set(config):
        short.append("log-in, connections or session settings")
    granted = await _one(connection, _SHORT, role=role.name, schema=SCHEMA)
    if granted is None:
        short.append(f"the schema {SCHEMA} is not there")
    elif not granted[0]:
        short.append(f"reading in the schema {SCHEMA}")
    cursor = await connection.execute(_MAY_TOO, {"role": role.name, "schema": SCHEMA})
    return Examined(tuple(short), tuple(sorted(row[0] for row in await cursor.fetchall())))


async def establish(connection: AsyncConnection[TupleRow], role: ReadingRole, password: str | None) -> None:
    """Make the role, or bring it to what it shall be, in one transaction; a ``password`` that is not None is set.

    The server is told a SCRAM verifier, so the password does not come into its log. PUBLIC loses the right to make
    temporary tables and large objects, and to create in ``public``, where the database is the hub's alone. The
    connection must be in autocommit, and the schema ``boards`` be there. Raises ConfigError when the user may not.
    """
    name, schema = sql.Identifier(role.name), sql.Identifier(SCHEMA)
    try:
        async with connection.transaction():
            if await _one(connection, _ROLE, role=role.name) is None:
                await connection.execute(sql.SQL("CREATE ROLE {} NOINHERIT").format(name))
                await connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(MARK)))
            await connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {}").format(name, sql.Literal(role.connections))
            )
            if password is not None:
                verifier = sql.Literal(_verifier(connection, role.name, password))
                await connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, verifier))
            for setting, value in role.settings().items():
                await connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} TO {}").format(name, sql.Identifier(setting), sql.Literal(value))
                )
            database = sql.Identifier(connection.info.dbname)
            for statement in (
                "GRANT CONNECT ON DATABASE {database} TO {name}",
                "GRANT USAGE ON SCHEMA {schema} TO {name}",
                "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name}",
                "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {name}",
            ):
                await connection.execute(sql.SQL(statement).format(database=database, schema=schema, name=name))
            await _close_public(connection, database)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"store.dsn: its user may not make the role {role.name} ({error.diag.message_primary}): it needs "
            f"CREATEROLE and must own the database and the schema {SCHEMA}; or make the role yourself, give its "
            "password as grafana.database.password, and set grafana.database.make_role = false"
        ) from None
    except psycopg.errors.InvalidSchemaName:
        raise ConfigError(
            f"store.dsn: the database has no schema {SCHEMA}; run this with the hub of the same version"
        ) from None


async def logs_in(dsn: str, role: str, password: str) -> bool:
    """Whether the role can log in with this password where the hub does. Raises TransientError when nobody answers."""
    parameters = session_parameters(dsn) | {"user": role, "password": password}
    for private in ("passfile", "sslcert", "sslkey", "options"):
        parameters.pop(private, None)
    try:
        connection = await AsyncConnection.connect(**parameters)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        said = str(error)
        # libpq gives no SQLSTATE of a connection that failed, only the server's words.
        if "password authentication failed" in said or error.sqlstate == _WRONG_PASSWORD:
            return False
        if "too many connections for role" in said or error.sqlstate == _FULL:
            return True
        if "does not exist" in said or "not permitted to log in" in said:
            return False
        raise TransientError(f"store: {role} cannot log in: {said.strip().splitlines()[-1]}") from None
    await connection.close()
    return True


async def _close_public(connection: AsyncConnection[TupleRow], database: sql.Identifier) -> None:
    """Take from PUBLIC what lets any role write, after giving it to the hub's own user; only in a database of ours."""
    may = await _one(connection, _PUBLIC_MAY)
    alone = await _one(connection, _OURS_ALONE)
    if may is None or not may[0] or alone is None or not alone[0]:
        return
    for statement in (
        "GRANT CREATE, TEMPORARY ON DATABASE {} TO CURRENT_USER",
        "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
    ):
        await connection.execute(sql.SQL(statement).format(database))
    superuser = await _one(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if superuser is not None and superuser[0]:
        await connection.execute(
            "REVOKE EXECUTE ON FUNCTION lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) FROM PUBLIC"
        )
    await connection.execute("GRANT CREATE ON SCHEMA public TO CURRENT_USER")
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def _verifier(connection: AsyncConnection[TupleRow], role: str, password: str) -> str:
    encoded = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return encoded.decode("ascii")


async def _one(connection: AsyncConnection[TupleRow], query: str, **parameters: str) -> TupleRow | None:
    with translated_errors():
        cursor = await connection.execute(query, parameters)
        return await cursor.fetchone()
