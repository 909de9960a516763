"""Transport security of what the hub listens at: a certificate and its key from PEM files, read again when they change.

A renewed certificate is used for connections that are made after it; those that are open keep theirs. Files that cannot
be used are refused at start; later they are logged, and the last good ones stay in use.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog
from cryptography import x509

from devices.errors import ConfigError

log = structlog.get_logger("ingest.tls")

NO_PASSWORD = ""  #: without one OpenSSL would ask at the terminal
RENEWED_S = 30.0  #: how soon renewed files are seen
_Stamp = tuple[int, int, int, int]


class ServerTls(msgspec.Struct, frozen=True):
    """Paths of PEM files: the certificate with what leads to its authority behind it, and its key without a password.

    With ``clients_ca`` a peer has to bring a certificate of these authorities.
    """

    certificate: Path
    key: Path
    clients_ca: Path | None = None


class Certificate(msgspec.Struct, frozen=True):
    """What a certificate says of itself: from when until when it holds, and its names."""

    begins: datetime
    ends: datetime
    names: tuple[str, ...]


class Certificates:
    """The certificate of one listener. Raises ConfigError when its files cannot be used, or it has expired."""

    def __init__(self, tls: ServerTls, name: str) -> None:
        self._tls = tls
        self._name = name
        self._stamp = self._stamped()
        self._next = 0.0
        self.context = server_context(tls, name)

    def look(self, now: float) -> None:
        """Renew once in :data:`RENEWED_S`, however often it is called; ``now`` is a steady clock, s."""
        if now >= self._next:
            self._next = now + RENEWED_S
            self.renew()

    def renew(self) -> bool:
        """Read the files again if they changed since; whether another certificate is in use now."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            server_context(self._tls, self._name)  # a pair that does not fit would leave the context without its key
            self.context.load_cert_chain(self._tls.certificate, self._tls.key, password=NO_PASSWORD)
        except (ConfigError, OSError, ssl.SSLError) as error:
            log.warning("certificate_not_renewed", listener=self._name, error=str(error))
            return False
        log.info("certificate_renewed", listener=self._name, ends=certificate(self._tls.certificate).ends.isoformat())
        return True

    def _stamped(self) -> _Stamp:
        try:
            one, other = self._tls.certificate.stat(), self._tls.key.stat()
        except OSError as error:
            raise ConfigError(f"{self._name}: tls: {error.filename}: {error.strerror}") from None
        return one.st_mtime_ns, one.st_ino, other.st_mtime_ns, other.st_ino


def server_context(tls: ServerTls, name: str) -> ssl.SSLContext:
    """The context of a listener: TLS 1.2 or newer. Raises ConfigError that names the file and what is wrong with it."""
    if certificate(tls.certificate, name).ends <= datetime.now(UTC):
        raise ConfigError(f"{name}: tls: the certificate {tls.certificate} has expired; renew it")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=NO_PASSWORD)
    except OSError as error:  # SSLError is one
        raise ConfigError(f"{name}: tls: {tls.key}: {_why(error)}") from None
    if tls.clients_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(tls.clients_ca)
        except OSError as error:
            raise ConfigError(f"{name}: tls: {tls.clients_ca}: {_why(error)}") from None
    return context


def certificate(file: Path, name: str = "certificate") -> Certificate:
    """What the first certificate of a PEM file says. Raises ConfigError."""
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())[0]
    except OSError as error:
        raise ConfigError(f"{name}: tls: {file}: {error.strerror}") from None
    except (ValueError, IndexError):
        raise ConfigError(f"{name}: tls: {file} holds no certificate in PEM") from None
    try:
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(one.value) for one in alternatives)
    except (x509.ExtensionNotFound, ValueError):
        names = ()
    return Certificate(found.not_valid_before_utc, found.not_valid_after_utc, names)


def peer_name(certified: Mapping[str, Any] | None) -> str | None:
    """The common name in the certificate that a peer brought and that was verified, as ``ssl`` tells it."""
    for (field, value), *_ in (certified or {}).get("subject", ()):
        if field == "commonName":
            return str(value)
    return None


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate"
    if isinstance(error, ssl.SSLError):
        return "no key in PEM without a password"
    return error.strerror or str(error)
