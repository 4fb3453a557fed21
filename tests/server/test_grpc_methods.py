"""The official clients over gRPC: every method answers as the embedded client does on the same data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import qdrant_client
from compatibility import CASES, Answer, answer, opened
from serving import Served, served

OF_THE_CLIENT = {"DEFAULT_BATCH_SIZE", "close", "get_embedding_size", "grpc_collections", "grpc_points", "http"}
"""Names that tell nothing of a server, besides the models that a client knows."""
NAMES = sorted(name for name in CASES.keys() - OF_THE_CLIENT if not name.endswith(("_models", "_options")))


class Remote:
    """The official client of a server, and a server to copy to."""

    kind: Any = qdrant_client.QdrantClient

    def __init__(self, server: Served, spare: Served, runner: asyncio.Runner) -> None:
        self.inner = self.kind(url=server.url, grpc_port=server.grpc_port, prefer_grpc=True, timeout=30)
        self.spare, self.runner = spare, runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def another(self) -> Any:
        return type(self)(self.spare, self.spare, self.runner)

    def close(self) -> None:
        self.inner.close()


class AsyncRemote(Remote):
    """The official asynchronous client of a server, whose answers are awaited at once."""

    kind = qdrant_client.AsyncQdrantClient

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            async def awaited() -> Any:
                answered = method(*args, **kwargs)
                return await answered if asyncio.iscoroutine(answered) else answered

            return self.runner.run(awaited())

        return call

    def close(self) -> None:
        self.runner.run(self.inner.close())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    with served(tmp_path_factory.mktemp("one")) as one, served(tmp_path_factory.mktemp("two")) as two:
        yield one, two


@pytest.fixture(scope="module", params=[Remote, AsyncRemote])
def client(request: pytest.FixtureRequest, servers: tuple[Served, Served]) -> Iterator[Any]:
    with asyncio.Runner() as runner:
        client = request.param(*servers, runner)
        yield client
        client.close()


@pytest.fixture(scope="module")
def embedded() -> Iterator[dict[str, Answer]]:
    with opened("memory") as client:
        yield {name: answer(client, CASES[name]) for name in NAMES}


@pytest.mark.filterwarnings("ignore:`recreate_collection` method is deprecated")
@pytest.mark.parametrize("name", NAMES)
def test_methods(name: str, client: Any, embedded: dict[str, Answer]) -> None:
    if name not in vars(client.kind):
        pytest.skip("the asynchronous client only declares it")
    case, want = CASES[name], embedded[name]
    got = answer(client, case)
    if case.elsewhere:
        assert got.error is not None
    elif case.expect is not None:
        assert got.error is None, got
        assert case.expect(got.value), got
    elif want.error is not None:
        assert isinstance(got.error, grpc.RpcError), got
    else:
        assert got.equals(want), f"{got}\ninstead of {want}"
