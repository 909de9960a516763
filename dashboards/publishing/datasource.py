"""The data source of the boards: what Grafana is told of the hub's database, and whether it knows it already.

A password cannot be read back. A mark in the source's own data says which one Grafana was given last: a salted scrypt
of it, because everybody who sees a board can read that data.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

import msgspec

TYPE = "grafana-postgresql-datasource"
_ALIASES = (TYPE, "postgres")  #: the type's earlier name is still given out by some versions
MARK = "sanihubPassword"
_COST, _BLOCK = 2**14, 8  #: of scrypt: 16 MiB and some 50 ms


class Source(msgspec.Struct, frozen=True):
    """How Grafana reaches the hub's database. ``address`` is host:port as seen from Grafana; not for logs."""

    uid: str
    name: str
    address: str
    user: str
    database: str
    sslmode: str
    password: str
    server_version: int  #: PostgreSQL's major version, as 18
    timescale: bool
    connections: int = 15
    root_certificate: str | None = None  #: a PEM file on Grafana's machine


def is_postgres(found: dict[str, Any]) -> bool:
    """Whether a data source of Grafana is one for PostgreSQL."""
    return found.get("type") in _ALIASES


def differences(source: Source, found: dict[str, Any]) -> list[str]:
    """The fields in which Grafana's data source is not as wanted; of the password only that it is another."""
    wanted = _fields(source)
    plain = (name for name in wanted if name not in ("type", "jsonData"))
    differing = [name for name in plain if found.get(name) != wanted[name]]
    data = found.get("jsonData") or {}
    differing += [f"jsonData.{name}" for name, value in wanted["jsonData"].items() if data.get(name) != value]
    known = (found.get("secureJsonFields") or {}).get("password") is True
    if not known or not _is_of(str(data.get(MARK, "")), source.password):
        differing.append("password")
    return differing


def creation(source: Source) -> dict[str, Any]:
    """The body of ``POST /api/datasources``."""
    fields = _fields(source)
    fields["jsonData"] = fields["jsonData"] | {MARK: _mark(source.password)}
    return {"uid": source.uid, "basicAuth": False, "isDefault": False, **fields, **_secret(source)}


def change(source: Source, found: dict[str, Any]) -> dict[str, Any]:
    """The body of ``PUT /api/datasources/uid/:uid``: what is ours as wanted, and what is not ours as it was found."""
    kept: dict[str, Any] = {name: found[name] for name in ("basicAuth", "isDefault", "version") if name in found}
    fields = _fields(source)
    there: dict[str, Any] = found.get("jsonData") or {}
    data = {**there, **fields["jsonData"], MARK: _mark(source.password)}
    return {"uid": source.uid, **kept, **fields, "jsonData": data, **_secret(source)}


def _fields(source: Source) -> dict[str, Any]:
    data: dict[str, Any] = {
        "database": source.database,
        "sslmode": source.sslmode,
        "postgresVersion": source.server_version * 100,
        "timescaledb": source.timescale,
        "maxOpenConns": source.connections,
    }
    if source.root_certificate is not None:
        data |= {"tlsConfigurationMethod": "file-path", "sslRootCertFile": source.root_certificate}
    return {
        "name": source.name,
        "type": TYPE,
        "access": "proxy",
        "url": source.address,
        "user": source.user,
        "jsonData": data,
    }


def _secret(source: Source) -> dict[str, Any]:
    return {"secureJsonData": {"password": source.password}}


def _mark(password: str, salt: bytes | None = None) -> str:
    salt = salt if salt is not None else secrets.token_bytes(16)
    made = hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32)
    return "scrypt$" + "$".join(base64.b64encode(part).decode() for part in (salt, made))


def _is_of(mark: str, password: str) -> bool:
    try:
        kind, salt, _ = mark.split("$")
        decoded = base64.b64decode(salt, validate=True)
    except ValueError:
        return False
    return kind == "scrypt" and hmac.compare_digest(mark, _mark(password, decoded))
