"""What an asynchronous client puts together from several requests goes over its own connections."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import multiprocessing
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import numpy as np
import pytest
from serving import Served, served
from small_servers import HttpServer, Seen

from quiverdb.errors import ClosedError
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, models
from quiverdb.remote.headers import headers

VECTORS = np.random.default_rng(1).random((300, 4), np.float32)
PARAMS = models.VectorParams(size=4, distance=models.Distance.DOT)
DONE = b'{"result": {"operation_id": 1, "status": "completed"}, "status": "ok", "time": 0.0}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server


def answer(seen: Seen) -> Any:
    """Answer what makes a collection and stores points."""
    if seen.method == "GET":
        return 200, {}, b'{"result": {"exists": false}, "status": "ok", "time": 0.0}'
    return 200, {}, DONE if "/points" in seen.target else b'{"result": true, "status": "ok", "time": 0.0}'


async def use(client: AsyncQdrantClient) -> None:
    """Call methods that ask for several things, and an upload."""
    if not await client.collection_exists("docs"):
        await client.create_collection("docs", PARAMS)
    await client.recreate_collection("docs", PARAMS)
    await client.upload_collection("docs", VECTORS, ids=range(300), parallel=3)


def test_tokens_may_be_awaited_for() -> None:
    loops = set()

    async def provide() -> str:
        loops.add(id(asyncio.get_running_loop()))
        return "secret"

    async def main(url: str) -> int:
        with pytest.warns(UserWarning, match="insecure"):
            client = AsyncQdrantClient(url=url, auth_token_provider=provide, check_compatibility=False)
        await use(client)
        await client.close()
        return id(asyncio.get_running_loop())

    with HttpServer(answer) as server:
        assert {asyncio.run(main(server.url))} == loops
        assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer secret"}
        assert len(server.seen) == 2 + 3 + 5 - 1


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_an_http_client_that_is_given_sends_everything(library: Any) -> None:
    async def main(url: str) -> None:
        async with (
            library.AsyncClient(headers={"x-custom": "1"}) as http_client,
            AsyncQdrantClient(url=url, http_client=http_client, check_compatibility=False) as client,
        ):
            await use(client)

    with HttpServer(answer) as server:
        asyncio.run(main(server.url))
        assert {seen.headers["x-custom"] for seen in server.seen} == {"1"}


def test_headers_of_the_context_go_along() -> None:
    async def main(url: str) -> None:
        async with AsyncQdrantClient(url=url, check_compatibility=False) as client:
            with headers({"x-custom": "1"}):
                await use(client)

    with HttpServer(answer) as server:
        asyncio.run(main(server.url))
        assert {seen.headers["x-custom"] for seen in server.seen} == {"1"}
        assert (
            sum(len(json.loads(seen.body)["batch"]["ids"]) for seen in server.seen if "/points" in seen.target) == 300
        )


def test_middleware_sees_what_methods_are_put_together_from(server: Served) -> None:
    paths: list[str] = []

    async def watch(request: Any, call_next: Any) -> Any:
        paths.append(request.url.path)
        return await call_next(request)

    async def main() -> None:
        async with AsyncQdrantClient(url=server.url) as client:
            client.http.client.add_middleware(watch)
            await client.recreate_collection("watched", PARAMS)

    asyncio.run(main())
    assert set(paths) == {"/collections/watched"}


def test_uploads_that_nobody_awaits_outlive_their_loop(server: Served) -> None:
    async def main() -> None:
        made.append(AsyncQdrantClient(url=server.url))
        made[0].upload_collection("outlived", VECTORS, ids=range(300), wait=True)

    made: list[AsyncQdrantClient] = []
    with QdrantClient(url=server.url) as client:
        client.create_collection("outlived", PARAMS)
        asyncio.run(main())
        asyncio.run(made[0].close())
        assert client.count("outlived").count == 300


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the connection in use
def test_a_loop_that_ends_too_early_ends_its_requests() -> None:
    """With a token that may have to be awaited for, there is no sending without the loop."""
    gate = threading.Event()

    def slow(_: Seen) -> Any:
        gate.wait(5)
        return 200, {}, DONE

    async def main(url: str) -> None:
        with pytest.warns(UserWarning, match="insecure"):
            client = AsyncQdrantClient(url=url, auth_token_provider=lambda: "secret", check_compatibility=False)
        made.append(client)
        client.upload_collection("docs", VECTORS)
        begun.extend(client._begun)
        await asyncio.sleep(0.2)

    made: list[AsyncQdrantClient] = []
    begun: list[Any] = []
    with HttpServer(slow) as server:
        asyncio.run(main(server.url))
        with pytest.raises(ClosedError, match="event loop ended"):
            begun[0].result(10)
        gate.set()
        asyncio.run(made.pop().close())
        gc.collect()


# --- copies and forks


def test_a_client_in_front_of_a_server_can_be_copied_and_pickled(server: Served) -> None:
    with QdrantClient(url=server.url, timeout=7) as client:
        for again in (pickle.loads(pickle.dumps(client)), copy.copy(client), copy.deepcopy(client)):
            assert again is not client
            assert again.init_options == client.init_options
            with again:
                assert again.info().version == client.info().version
        assert client.info().version
    twin = AsyncQdrantClient(url=server.url)
    again = pickle.loads(pickle.dumps(twin))

    async def main() -> None:
        async with twin, again:
            assert await again.info() == await twin.info()

    asyncio.run(main())
    with QdrantClient(":memory:") as embedded:
        assert copy.copy(embedded).get_collections() == embedded.get_collections()
        with pytest.raises(TypeError):
            pickle.dumps(embedded)


def in_child(client: Any, results: Any) -> None:
    async def ask() -> int:
        await client.upload_collection("forked", VECTORS[100:], ids=range(100, 300), wait=True)
        return (await client.count("forked")).count

    if isinstance(client, AsyncQdrantClient):
        results.put(asyncio.run(ask()))
    else:
        client.upload_collection("forked", VECTORS[:100], ids=range(100), wait=True, parallel=2)
        results.put(client.count("forked").count)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_can_use_a_client(server: Served, method: str) -> None:
    context = multiprocessing.get_context(method)
    results = context.Queue()
    with QdrantClient(url=server.url) as client:
        client.delete_collection("forked")
        client.create_collection("forked", PARAMS)
        twin = AsyncQdrantClient(url=server.url)

        async def begin() -> None:
            await twin.upload_collection("forked", VECTORS[:1], ids=[0])

        asyncio.run(begin())
        for given, expected in ((client, 100), (twin, 300)):
            child = context.Process(target=in_child, args=(given, results))
            child.start()
            assert results.get(timeout=30) == expected
            child.join(30)
            assert child.exitcode == 0
        assert client.count("forked").count == 300
        asyncio.run(twin.close())


def test_a_client_can_be_closed_twice_and_used_no_more(server: Served, tmp_path: Path) -> None:
    client = QdrantClient(url=server.url)
    with client:
        client.get_collections()
    client.close()
    for call in (
        lambda: client.get_collections(),
        lambda: client.upload_collection("docs", VECTORS),
        lambda: client.migrate(QdrantClient(":memory:")),
        lambda: client.http,
    ):
        with pytest.raises(ClosedError):
            call()
    assert "closed" in repr(client)

    async def main() -> None:
        twin = AsyncQdrantClient(url=server.url)
        async with twin:
            await twin.get_collections()
        await twin.close()
        assert "closed" in repr(twin)
        for call in (twin.get_collections, lambda: twin.upload_collection("docs", VECTORS)):
            with pytest.raises(ClosedError):
                await call()

    asyncio.run(main())
