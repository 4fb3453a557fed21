"""Encrypted connections are made to servers that can prove who they are, and to no others."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from tests.support.small_servers import HttpServer

from quiverdb.remote.protocol import TransportError
from quiverdb.remote.retry import NotSentError
from quiverdb.wire.http_message import Request

Open = Callable[..., Any]
LOOK = Request("GET", "/collections")


class Tls(NamedTuple):
    server: HttpServer
    authority: str
    """A file with the certificate of who signed the server's."""
    client: str
    """A file with a certificate and key for clients."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def files(authority: trustme.CA, folder: Path) -> tuple[str, str]:
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    return str(folder / "authority.pem"), str(folder / "client.pem")


@pytest.fixture(params=[False, True], ids=["open", "members-only"])
def tls(request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path) -> Iterator[Tls]:
    """A server with a certificate; where the test asks for one, it wants to see the client's too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if request.param:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with HttpServer(lambda seen: (200, {}, b"{}"), context) as server:
        yield Tls(server, *files(authority, tmp_path))


def test_a_server_is_trusted_by_its_authority(open_transport: Open, tls: Tls) -> None:
    transport = open_transport(tls.server.url, verify=tls.authority, cert=tls.client)
    for _ in range(3):
        assert transport.send(LOOK).status == 200
    assert tls.server.connections == 1


@pytest.mark.parametrize("tls", [False], indirect=True)
def test_a_context_may_be_given(open_transport: Open, tls: Tls) -> None:
    context = ssl.create_default_context(cafile=tls.authority)
    assert open_transport(tls.server.url, verify=context).send(LOOK).status == 200


@pytest.mark.parametrize("tls", [False], indirect=True)
def test_an_unknown_authority_is_not_trusted(open_transport: Open, tls: Tls) -> None:
    with pytest.raises(TransportError, match="not trusted") as caught:
        open_transport(tls.server.url).send(LOOK)
    assert not isinstance(caught.value, NotSentError)
    assert not tls.server.seen


@pytest.mark.parametrize("tls", [False], indirect=True)
def test_trust_can_be_blind(open_transport: Open, tls: Tls) -> None:
    assert open_transport(tls.server.url, verify=False).send(LOOK).status == 200


@pytest.mark.parametrize("tls", [True], indirect=True)
def test_a_client_without_a_certificate_is_turned_away(open_transport: Open, tls: Tls) -> None:
    with pytest.raises(TransportError):
        open_transport(tls.server.url, verify=tls.authority).send(LOOK)
    assert not tls.server.seen


def test_a_name_that_the_certificate_does_not_tell(open_transport: Open, authority: trustme.CA, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example.com").configure_cert(context)
    with (
        HttpServer(lambda seen: (200, {}, b"{}"), context) as server,
        pytest.raises(TransportError, match="not trusted"),
    ):
        open_transport(server.url, verify=files(authority, tmp_path)[0]).send(LOOK)


def test_a_server_without_encryption(open_transport: Open) -> None:
    with HttpServer(lambda seen: (200, {}, b"{}")) as server, pytest.raises(TransportError):
        open_transport(server.url.replace("http", "https")).send(LOOK)
