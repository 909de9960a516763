"""Requests of nats-server for authorization (its "auth callout", ADR-26 of NATS), and the signed answers.

Both are JSON Web Tokens in the dialect of NATS: Ed25519 over ``header.claims``, keys as nkeys. The account's key that
signs is drawn at each start and stands in the configuration of the broker, with its public part alone.
"""

from __future__ import annotations

import json
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import crc_hqx
from secrets import token_hex
from time import time
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.door.grants import Grant

ACCOUNT = "$G"  #: everybody's, as without accounts: what the broker kept before is found again
_HEADER = b'{"typ":"JWT","alg":"ed25519-nkey"}'


class Asked(msgspec.Struct, frozen=True):
    """Somebody who wants to connect. ``password`` is not for logs; ``kind`` is ``mqtt`` for MQTT clients."""

    server: str
    nkey: str
    kind: str
    host: str
    client: str
    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"Asked({self.kind} {self.host} client={self.client!r} user={self.user!r})"


class Signer:
    """The account's key: drawn when made, never written down."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.issuer = _nkey(self._key.public_key().public_bytes_raw())

    def admitted(self, asked: Asked, grant: Grant) -> bytes:
        """The answer that lets somebody in, with what they may do until when."""
        rights = {"pub": _allowed(grant.publish), "sub": _allowed(grant.subscribe)}
        limits = {"subs": -1, "data": -1, "payload": -1, "allowed_connection_types": ["MQTT"]}
        claims: dict[str, Any] = {
            "name": asked.user,
            "sub": asked.nkey,
            "aud": ACCOUNT,
            "nats": _nats("user", rights | limits),
        }
        if grant.expires_at is not None:
            claims["exp"] = grant.expires_at // 1_000_000
        return self._answer(asked, jwt=self._token(claims))

    def refused(self, asked: Asked, reason: str) -> bytes:
        """The answer that lets nobody in."""
        return self._answer(asked, error=reason)

    def _answer(self, asked: Asked, **told: str) -> bytes:
        claims = {"sub": asked.nkey, "aud": asked.server, "nats": _nats("authorization_response", told)}
        return self._token(claims).encode()

    def _token(self, claims: dict[str, Any]) -> str:
        body = json.dumps({"jti": token_hex(16), "iat": int(time()), "iss": self.issuer, **claims})
        signed = f"{_encoded(_HEADER)}.{_encoded(body.encode())}"
        return f"{signed}.{_encoded(self._key.sign(signed.encode()))}"


def asked_by(request: bytes) -> Asked:
    """Read a request. It comes over a subject that nobody but the server writes to. Raises ValueError."""
    try:
        body = request.split(b".")[1]
        claims = json.loads(urlsafe_b64decode(body + b"=" * (-len(body) % 4)))["nats"]
        info, options = claims["client_info"], claims["connect_opts"]
        return Asked(
            server=claims["server_id"]["id"],
            nkey=claims["user_nkey"],
            kind=info.get("type", ""),
            host=info.get("host", ""),
            client=info.get("mqtt_id", ""),
            user=options.get("user", ""),
            password=options.get("pass", ""),
        )
    except (IndexError, KeyError, TypeError, Base64Error, ValueError) as error:
        raise ValueError(f"not a request for authorization: {type(error).__name__}") from None


def _nkey(public: bytes) -> str:
    """A public key of an account in the notation of NATS: base 32 of a prefix, the key, and its CRC-16 (XMODEM)."""
    raw = b"\0" + public
    return b32encode(raw + crc_hqx(raw, 0).to_bytes(2, "little")).rstrip(b"=").decode()


def _nats(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "version": 2, **fields}


def _allowed(subjects: tuple[str, ...]) -> dict[str, list[str]]:
    """An empty list of what is allowed would allow everything."""
    return {"allow": list(subjects)} if subjects else {"deny": [">"]}


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
