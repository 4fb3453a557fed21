"""Clients of httpx and httpx2 can be brought along, and are made where options ask for them."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import httpx
import httpx2
import pytest
from tests.support.small_servers import HttpServer

from quiverdb.errors import InvalidInputError
from quiverdb.remote.http import AsyncHttpTransport, HttpTransport
from quiverdb.remote.http_clients import AsyncClient, Client
from quiverdb.remote.pool import AsyncPool, Pool
from quiverdb.remote.settings import resolve
from quiverdb.wire.http_message import Request

ASK = Request("POST", "/collections/c/points/count", (), b"{}")


def answer(library: Any) -> Any:
    """Return a transport of httpx or httpx2 that answers without a network."""

    def handle(request: Any) -> Any:
        told = [request.method, str(request.url), request.headers["api-key"], request.content.decode()]
        return library.Response(200, json=told, headers={"X-Told": "yes"})

    return library.MockTransport(handle)


EXPECTED = ["POST", "https://db.example.com:6333/collections/c/points/count", "k", "{}"]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_client_that_is_given_carries_the_requests(library: Any) -> None:
    with library.Client(transport=answer(library)) as client:
        with HttpTransport(resolve("https://db.example.com", api_key="k", http_client=client)) as transport:
            reply = transport.send(ASK)
        assert json.loads(reply.body) == EXPECTED
        assert reply.headers["x-told"] == "yes"
        assert not client.is_closed  # it belongs to whoever made it


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_an_asynchronous_client_that_is_given(library: Any) -> None:
    async def ask() -> None:
        async with library.AsyncClient(transport=answer(library)) as client:
            settings = resolve("https://db.example.com", api_key="k", http_client=client)
            async with AsyncHttpTransport(settings) as transport:
                assert json.loads((await transport.send(ASK)).body) == EXPECTED
            assert not client.is_closed

    asyncio.run(ask())


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_client_of_the_wrong_kind_is_refused(library: Any) -> None:
    with library.Client() as client, pytest.raises(InvalidInputError, match="asynchronous"):
        AsyncHttpTransport(resolve(http_client=client))
    with pytest.raises(InvalidInputError, match="synchronous"):
        HttpTransport(resolve(http_client=library.AsyncClient()))
    with pytest.raises(InvalidInputError, match="http_client"):
        HttpTransport(resolve(http_client=object()))


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_options_of_a_library_make_a_client_of_it(library: Any) -> None:
    settings = resolve("https://db.example.com", api_key="k", transport=answer(library))
    with HttpTransport(settings) as transport:
        assert json.loads(transport.send(ASK).body) == EXPECTED


def test_http_2() -> None:
    """Without TLS a client of HTTP/2 falls back to HTTP/1.1, so this tells that one was made."""
    with (
        HttpServer(lambda seen: (200, {}, b"{}")) as server,
        HttpTransport(resolve(server.url, http2=True)) as transport,
    ):
        assert isinstance(transport._over, Client)
        assert transport.send(ASK).status == 200


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch


def test_a_proxy_of_the_environment_is_used(no_proxies: pytest.MonkeyPatch) -> None:
    with HttpServer(lambda seen: (200, {}, seen.target.encode())) as proxy:
        no_proxies.setenv("http_proxy", proxy.url)
        with HttpTransport(resolve("http://db.example.com")) as transport:
            assert transport.send(ASK).body == b"http://db.example.com:6333/collections/c/points/count"


def test_a_proxy_is_passed_by_where_the_environment_says_so(no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("http_proxy", "http://127.0.0.1:1")
    no_proxies.setenv("no_proxy", "127.0.0.1")
    with HttpServer(lambda seen: (200, {}, b"direct")) as server, HttpTransport(resolve(server.url)) as transport:
        assert transport.send(ASK).body == b"direct"


def test_ordinary_connections_are_the_cheap_ones(no_proxies: pytest.MonkeyPatch) -> None:
    assert isinstance(HttpTransport(resolve("http://localhost"))._over, Pool)
    assert isinstance(AsyncHttpTransport(resolve("http://localhost"))._over, AsyncPool)
    assert isinstance(AsyncHttpTransport(resolve("http://localhost", trust_env=False))._over, AsyncClient)
