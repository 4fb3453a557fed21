"""A certificate that a server makes for itself."""

from __future__ import annotations

import socket
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import InvalidInputError, MissingLibraryError
from quiverdb.server.certificates import CA, CERT, KEY, certify
from quiverdb.server.serving import serving
from quiverdb.server.settings import Service, Settings, Tls, check_settings
from quiverdb.server.tls import with_certificate

NAMES = ("localhost", "127.0.0.1")


def files(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in (CA, CERT, KEY)]


def test_clients_that_trust_the_authority_are_answered(tmp_path: Path) -> None:
    service = Service(http_port=0, grpc_port=None)
    settings = Settings(
        service=service, tls=Tls(self_signed=str(tmp_path / "tls"), names=("db.example.com", "bücher.example"))
    )
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=tmp_path / "tls" / CA)
        for name in ("localhost", "127.0.0.1"):
            assert httpx.get(f"https://{name}:{server.port}/healthz", verify=trusting).status_code == 200
        for name in ("db.example.com", "xn--bcher-kva.example", socket.gethostname()):
            bare = socket.create_connection(("127.0.0.1", server.port))
            with trusting.wrap_socket(bare, server_hostname=name) as secure:
                assert secure.version() in ("TLSv1.2", "TLSv1.3")
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(server.url)
        with socket.create_connection(("127.0.0.1", server.port)) as bare, pytest.raises(ssl.SSLCertVerificationError):
            trusting.wrap_socket(bare, server_hostname="other.example.com")


def test_a_certificate_is_kept_while_it_is_good(tmp_path: Path) -> None:
    certify(tmp_path, NAMES)
    made = files(tmp_path)
    for names in (NAMES, NAMES[:1]):
        certify(tmp_path, names)
        assert files(tmp_path) == made
    later = datetime.now(UTC) + timedelta(days=690)
    certify(tmp_path, NAMES, now=later)
    assert files(tmp_path) == made
    certify(tmp_path, NAMES, now=later + timedelta(days=20))
    renewed = files(tmp_path)
    assert not set(renewed) & set(made)
    certify(tmp_path, (*NAMES, "more.example.com"))
    assert not set(files(tmp_path)) & set(renewed)


@pytest.mark.parametrize("name", [CA, CERT, KEY])
def test_what_is_damaged_is_made_anew(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    certify(other, NAMES)
    for damage in (b"", b"no certificate", None, (other / name).read_bytes()):
        certify(tmp_path, NAMES)
        made = files(tmp_path)
        (tmp_path / name).unlink()
        if damage is not None:
            (tmp_path / name).write_bytes(damage)
        certify(tmp_path, NAMES)
        assert not set(files(tmp_path)) & set(made)


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    certify(tmp_path, NAMES)
    assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((CA, CERT, KEY))


def test_names_that_are_none(tmp_path: Path) -> None:
    for name in ("", "a..b", "x" * 64):
        with pytest.raises(InvalidInputError, match=r"tls\.names"):
            certify(tmp_path, (name,))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match="cannot be written"):
        with_certificate(Settings(tls=Tls(self_signed=str(tmp_path / "file"))))


def test_a_certificate_is_made_or_named() -> None:
    with pytest.raises(InvalidInputError, match=r"leave tls\.cert and tls\.key out"):
        check_settings(Settings(tls=Tls(self_signed="tls", cert="cert.pem")))


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.delitem(sys.modules, "quiverdb.server.certificates")
    with pytest.raises(MissingLibraryError, match=r"quiverdb\[tls\]"):
        with_certificate(Settings(tls=Tls(self_signed=str(tmp_path))))
