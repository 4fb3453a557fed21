"""A certificate for a server that has none: signed by an authority that is made for it and forgotten at once.

::

    ca.pem     the authority, which clients are to trust; nobody keeps its key
    cert.pem   the certificate of the server
    key.pem    its key, which nobody but the owner of the folder can read

Needs the extra ``tls``: importing this module without it raises ``MissingLibraryError``.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quiverdb.errors import InvalidInputError, MissingLibraryError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    raise MissingLibraryError("A certificate of its own", library="cryptography", extra="tls") from error

__all__ = ["CA", "CERT", "KEY", "certify"]

CA, CERT, KEY = "ca.pem", "cert.pem", "key.pem"
LIFETIME = timedelta(days=730)
RENEWED = timedelta(days=30)
"""A certificate that has less of its lifetime left is made anew."""

_SPREAD = timedelta(hours=1)
"""How far clocks may differ."""
_SIGNS, _SIGNS_CERTIFICATES = (x509.KeyUsage(*(at == which for at in range(9))) for which in (0, 5))


def certify(folder: Path, names: Sequence[str], *, now: datetime | None = None) -> None:
    """Make a certificate for names and addresses, unless the folder holds one that is good for a while.

    Raises ``InvalidInputError`` for what is no name, ``OSError`` if the folder cannot be written.
    """
    wanted, now = [_alternative(name) for name in names], now or datetime.now(UTC)
    if not _is_good(folder, wanted, now):
        folder.mkdir(parents=True, exist_ok=True)
        _make(folder, wanted, now)


def _is_good(folder: Path, wanted: Sequence[x509.GeneralName], now: datetime) -> bool:
    """Tell whether the files belong together, are for all the names, and good for a while."""
    try:
        ca, cert = (x509.load_pem_x509_certificate((folder / name).read_bytes()) for name in (CA, CERT))
        key = load_pem_private_key((folder / KEY).read_bytes(), password=None)
        cert.verify_directly_issued_by(ca)
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    fits = key.public_key() == cert.public_key() and set(wanted) <= set(names)
    return fits and now + RENEWED < min(ca.not_valid_after_utc, cert.not_valid_after_utc)


def _make(folder: Path, names: Sequence[x509.GeneralName], now: datetime) -> None:
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority, server = _name("QuiverDB authority"), _name("QuiverDB")
    ca = (
        _begun(authority, authority, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_CERTIFICATES, critical=True)
        .sign(ca_key, SHA256())
    )
    cert = (
        _begun(server, authority, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(folder / KEY, secret, 0o600)
    _write(folder / CA, ca.public_bytes(Encoding.PEM), 0o644)
    _write(folder / CERT, cert.public_bytes(Encoding.PEM), 0o644)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SPREAD)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        encoded = name.encode("idna").decode("ascii")
    except UnicodeError:
        encoded = ""
    if not encoded:
        raise InvalidInputError(f"tls.names: {name!r} is no name of a host", field="tls.names")
    return x509.DNSName(encoded)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is complete as soon as it is there, and never readable to more than ``mode`` says."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    unfinished.replace(path)
