"""TLS: who is answered, and what is said of files that do not fit."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from quiverdb.errors import InvalidInputError
from quiverdb.server.settings import Service, Settings, Tls
from quiverdb.server.tls import grpc_credentials, tls_context


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(ca: trustme.CA, tmp_path: Path) -> Tls:
    issued = ca.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return Tls(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem"), ca_cert=str(tmp_path / "ca.pem"))


def settings(tls: Tls, *, verify: bool = False) -> Settings:
    return Settings(service=Service(enable_tls=True, verify_https_client_certificate=verify), tls=tls)


def talk(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Shake hands and return the version spoken."""
    left, right = socket.socketpair()

    def answer() -> None:
        try:
            with server.wrap_socket(left, server_side=True) as secure:
                secure.sendall(b"x")
        except OSError:
            left.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(right, server_hostname="localhost") as secure:
            return secure.version() if secure.recv(1) else None
    except OSError:
        right.close()
        return None
    finally:
        thread.join()


def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


def test_without_tls_there_is_none() -> None:
    assert tls_context(Settings()) is None
    assert grpc_credentials(Settings()) is None


def test_clients_that_trust_the_certificate_are_answered(ca: trustme.CA, files: Tls) -> None:
    context = tls_context(settings(files))
    assert context is not None
    assert talk(context, trusting(ca)) in ("TLSv1.2", "TLSv1.3")
    assert talk(context, trusting(trustme.CA())) is None


def test_old_versions_are_not_spoken(files: Tls) -> None:
    context = tls_context(settings(files))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_clients_show_certificates_where_that_is_asked(ca: trustme.CA, files: Tls) -> None:
    context = tls_context(settings(files, verify=True))
    assert context is not None
    assert talk(context, trusting(ca)) is None
    known, stranger = trusting(ca), trusting(ca)
    ca.issue_cert("client@example.org").configure_cert(known)
    trustme.CA().issue_cert("client@example.org").configure_cert(stranger)
    assert talk(context, known) is not None
    assert talk(context, stranger) is None


@pytest.mark.parametrize("name", ["cert", "key", "ca_cert"])
@pytest.mark.parametrize("how", ["absent", "garbage", "empty", "folder", "unnamed"])
def test_files_that_do_not_fit_are_named(name: str, how: str, files: Tls, tmp_path: Path) -> None:
    path = tmp_path / how
    if how == "folder":
        path.mkdir()
    elif how != "absent":
        path.write_bytes(b"" if how == "empty" else b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    named = {field: getattr(files, field) for field in ("cert", "key", "ca_cert")}
    changed = Tls(**{**named, name: None if how == "unnamed" else str(path)})
    for make in (tls_context, grpc_credentials):
        with pytest.raises(InvalidInputError, match=name if how == "unnamed" else str(path)) as caught:
            make(settings(changed, verify=True))
        assert caught.value.field in ("tls.cert", "tls.key", "tls.ca_cert")


def test_a_key_of_another_certificate_is_an_error(files: Tls, tmp_path: Path) -> None:
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises(InvalidInputError, match=r"other\.pem are not a certificate and its key"):
        tls_context(settings(Tls(cert=files.cert, key=str(tmp_path / "other.pem"))))


def test_a_key_with_a_password_is_an_error_and_no_question(files: Tls, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(files.key or "").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    with pytest.raises(InvalidInputError, match=r"locked\.pem is encrypted"):
        tls_context(settings(Tls(cert=files.cert, key=str(tmp_path / "locked.pem"))))


def test_grpc_speaks_with_the_same_files(ca: trustme.CA, files: Tls) -> None:
    grpc = pytest.importorskip("grpc")
    from concurrent.futures import ThreadPoolExecutor

    credentials = grpc_credentials(settings(files))
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        port = server.add_secure_port("localhost:0", credentials)
        server.start()
        try:
            trusted = grpc.ssl_channel_credentials(Path(files.ca_cert or "").read_bytes())
            with grpc.secure_channel(f"localhost:{port}", trusted) as channel:
                grpc.channel_ready_future(channel).result(timeout=20)
        finally:
            server.stop(0).wait()
