"""Certificates: what HTTP and gRPC need to speak TLS, from the files that the settings name."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from quiverdb.errors import InvalidInputError, MissingLibraryError
from quiverdb.server.settings import Settings, Tls

if TYPE_CHECKING:
    import grpc

__all__ = ["grpc_credentials", "tls_context", "with_certificate"]

_ALWAYS = ("localhost", "127.0.0.1", "::1")
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (addresses to listen on, which are nobody's name)


def with_certificate(settings: Settings) -> Settings:
    """Return settings that name a certificate, which is made if ``tls.self_signed`` asks for one.

    Raises ``MissingLibraryError`` without the extra ``tls``, ``InvalidInputError`` if the folder cannot be written.

    >>> with_certificate(Settings()) == Settings()
    True
    """
    service, tls = settings.service, settings.tls
    if tls.self_signed is None:
        return settings
    from quiverdb.server.certificates import CERT, KEY, certify

    folder = Path(tls.self_signed)
    names = (*_ALWAYS, socket.gethostname(), service.host, *tls.names)
    try:
        certify(folder, [name for name in dict.fromkeys(names) if name not in _ANYWHERE])
    except OSError as error:
        message = f"tls.self_signed: {folder} cannot be written: {error.strerror or error}"
        raise InvalidInputError(message, field="tls.self_signed") from error
    return msgspec.structs.replace(
        settings,
        service=msgspec.structs.replace(service, enable_tls=True),
        tls=msgspec.structs.replace(tls, cert=str(folder / CERT), key=str(folder / KEY), self_signed=None),
    )


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the context of a server that speaks TLS 1.2 or later; None if it is to speak without.

    Raises ``InvalidInputError`` that names the file if a certificate or key is missing or does not fit.
    """
    service, tls = settings.service, settings.tls
    if not service.enable_tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    cert, key = _file(tls, "cert"), _file(tls, "key")
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except _EncryptedKeyError:
        raise _wrong("key", key, "is encrypted: store it without a password, readable to this user only") from None
    except (ssl.SSLError, ValueError) as error:
        raise _wrong("cert", cert, f"and {key} are not a certificate and its key: {error}") from error
    if service.verify_https_client_certificate:
        ca_cert = _file(tls, "ca_cert")
        try:
            context.load_verify_locations(ca_cert)
        except (ssl.SSLError, ValueError) as error:
            raise _wrong("ca_cert", ca_cert, f"holds no certificates: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def grpc_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Return what a gRPC server needs to speak TLS; None if it is to speak without.

    Raises what ``tls_context`` does, and ``MissingLibraryError`` if grpc is not installed.
    """
    if tls_context(settings) is None:  # gRPC would say less about wrong files
        return None
    try:
        import grpc
    except ImportError as error:
        raise MissingLibraryError("gRPC", library="grpcio", extra="grpc") from error
    service, tls = settings.service, settings.tls
    verify = service.verify_https_client_certificate
    return grpc.ssl_server_credentials(
        [(_file(tls, "key").read_bytes(), _file(tls, "cert").read_bytes())],
        root_certificates=_file(tls, "ca_cert").read_bytes() if verify else None,
        require_client_auth=verify,
    )


class _EncryptedKeyError(Exception):
    """Tell that a key asks for a password."""


def _no_password() -> str:
    """Say that there is none, where OpenSSL would ask at the terminal."""
    raise _EncryptedKeyError


def _file(tls: Tls, name: str) -> Path:
    """Return a file that the settings name and that can be read."""
    named = getattr(tls, name)
    if not named:
        raise InvalidInputError(f"tls.{name} must name a file", field=f"tls.{name}")
    path = Path(named)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise _wrong(name, path, f"cannot be read: {error.strerror or error}") from error


def _wrong(name: str, path: Path, what: str) -> InvalidInputError:
    return InvalidInputError(f"tls.{name}: {path} {what}", field=f"tls.{name}")
