"""Throwaway certificates for the tests: of an authority of their own, or signed by themselves with any span of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ingest.transports.tls import ServerTls


def make_certificates(folder: Path) -> Path:
    """``server.crt`` and ``server.key`` for localhost and 127.0.0.1, of an authority ``ca.crt``, which is returned."""
    now = datetime.now(UTC)
    span = now - timedelta(minutes=1), now + timedelta(days=2)
    authority, its_key = _name("sanihub test authority"), _key(folder / "ca.key")
    ca = x509.CertificateBuilder(authority, authority, its_key.public_key(), x509.random_serial_number(), *span)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    _write(folder / "ca.crt", ca, its_key)
    key = _key(folder / "server.key")
    one = x509.CertificateBuilder(authority, _name("localhost"), key.public_key(), x509.random_serial_number(), *span)
    here = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    one = one.add_extension(x509.SubjectAlternativeName(here), critical=False)
    one = one.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    _write(folder / "server.crt", one, its_key)
    return folder / "ca.crt"


def self_signed(folder: Path, begins: datetime, ends: datetime) -> ServerTls:
    """``own.crt``, for localhost between these instants, and ``own.key``."""
    key, name = _key(folder / "own.key"), _name("localhost")
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ends)
    _write(folder / "own.crt", built, key)
    return ServerTls(folder / "own.crt", folder / "own.key")


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return key


def _write(file: Path, built: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> None:
    file.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
