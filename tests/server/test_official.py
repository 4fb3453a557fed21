"""Clients over REST get the answers that the embedded client gives; the server is a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import qdrant_client
from compatibility import CASES, Direct, answer
from qdrant_client.http.exceptions import UnexpectedResponse
from serving import Served, served

from quiverdb.qdrant import QdrantClient

HERE = {"DEFAULT_BATCH_SIZE", "close", "get_embedding_size", "init_options", "migrate", "recreate_collection"} | {
    name
    for name in CASES
    if name.startswith(("list_", "grpc_", "http")) and name.endswith(("models", "points", "http"))
}
"""What the official client does without its server."""
ASKED = sorted(CASES.keys() - HERE - {"grpc_collections"})


class Awaited:
    """An asynchronous client whose answers are awaited at once, in one event loop."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.inner = qdrant_client.AsyncQdrantClient(url=url, timeout=60, check_compatibility=False)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = value(*args, **kwargs)
            return self.loop.run_until_complete(answer) if asyncio.iscoroutine(answer) else answer

        return call

    def close(self) -> None:
        self.loop.run_until_complete(self.inner.close())
        self.loop.close()


def synchronous(url: str) -> Any:
    return qdrant_client.QdrantClient(url=url, timeout=60, check_compatibility=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module", params=[synchronous, Awaited])
def client(server: Served, request: pytest.FixtureRequest) -> Iterator[Any]:
    made = request.param(server.url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def embedded() -> Iterator[Any]:
    made = Direct(QdrantClient, None)
    yield made
    made.close()


@pytest.mark.parametrize("name", ASKED)
def test_every_method_is_answered_as_by_the_embedded_client(client: Any, embedded: Any, name: str) -> None:
    case = CASES[name]
    got = answer(client, case)
    if case.elsewhere:
        assert isinstance(got.error, UnexpectedResponse)
        assert got.error.status_code == 405
    elif case.expect is not None:
        assert got.error is None, got
        assert case.expect(got.value), got
    else:
        assert got.equals(answer(embedded, case)), (str(got), str(answer(embedded, case)))
