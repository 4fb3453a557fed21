"""The asynchronous client: the twin of the synchronous one, which never holds up the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import importlib.util
import inspect
import os
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quiverdb.errors import ClosedError
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

TOOLS = Path(__file__).parents[2] / "tools"
DOT = models.VectorParams(size=2, distance=models.Distance.DOT)
PLAIN = {name for name in dir(QdrantClient) if name.startswith("upload_")}
"""Methods that begin at once and return what can be awaited."""


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def run(main: Callable[[AsyncQdrantClient], Coroutine[Any, Any, Any]]) -> Any:
    async def opened() -> Any:
        async with AsyncQdrantClient(":memory:") as client:
            return await main(client)

    return asyncio.run(opened())


def row(number: int) -> models.PointStruct:
    return models.PointStruct(id=number, vector=[1.0, float(number)], payload={"n": number})


# --- the twin


def test_the_generated_file_is_current() -> None:
    spec = importlib.util.spec_from_file_location("gen_async", TOOLS / "gen_async.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_text() == tool.generate(), "run python tools/gen_async.py"


def test_both_clients_have_the_same_public_names() -> None:
    assert public(AsyncQdrantClient) == public(QdrantClient)


@pytest.mark.parametrize("name", sorted(public(QdrantClient)))
def test_twins_look_alike(name: str) -> None:
    ours, theirs = (inspect.getattr_static(kind, name) for kind in (AsyncQdrantClient, QdrantClient))
    if isinstance(theirs, property) or not callable(getattr(QdrantClient, name)):
        assert type(ours) is type(theirs)
        return
    if isinstance(theirs, classmethod):
        assert isinstance(ours, classmethod)
    ours, theirs = getattr(AsyncQdrantClient, name), getattr(QdrantClient, name)
    assert inspect.iscoroutinefunction(ours) == (name not in PLAIN)
    assert inspect.signature(ours).parameters == inspect.signature(theirs).parameters
    assert name == "close" or inspect.getdoc(ours) == inspect.getdoc(theirs)


def test_constructors_take_the_same_arguments() -> None:
    assert inspect.signature(AsyncQdrantClient).parameters == inspect.signature(QdrantClient).parameters


# --- calls


def test_answers_are_those_of_the_synchronous_client() -> None:
    async def main(client: AsyncQdrantClient) -> Any:
        assert await client.create_collection("a", DOT)
        await client.upsert("a", [row(n) for n in range(20)])
        found = await client.query_points("a", [0.0, 1.0], limit=3, with_payload=True)
        records, following = await client.scroll("a", limit=4)
        with pytest.raises(UnexpectedResponse) as caught:
            await client.get_collection("b")
        assert caught.value.status_code == 404
        return [point.id for point in found.points], [record.id for record in records], following

    assert run(main) == ([19, 18, 17], [0, 1, 2, 3], 4)


def test_options_and_clients_convert_into_each_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncQdrantClient(path=tmp_path) as client:
            await client.create_collection("a", DOT)
            with QdrantClient(**client.init_options) as twin:
                assert twin.collection_exists("a")
                async with AsyncQdrantClient(**twin.init_options) as third:
                    assert await third.collection_exists("a")

    asyncio.run(main())


def test_many_calls_at_once() -> None:
    async def main(client: AsyncQdrantClient) -> None:
        await client.create_collection("a", DOT)
        await asyncio.gather(*(client.upsert("a", [row(n)]) for n in range(60)))
        counts = await asyncio.gather(*(client.count("a") for _ in range(60)))
        assert {count.count for count in counts} == {60}

    run(main)


def test_context_variables_reach_the_work() -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    seen = []

    async def main(client: AsyncQdrantClient) -> None:
        await client.create_collection("a", DOT)
        variable.set("inside")
        await client.upload_points("a", [row(1)], progress=lambda *_: seen.append(variable.get()))

    run(main)
    assert seen == ["inside"]


def test_uploads_begin_unawaited_and_later_calls_wait_for_them() -> None:
    """The official asynchronous client has them as plain functions."""
    go = threading.Event()

    def rows() -> Any:
        go.wait(10)
        yield from (row(n) for n in range(50))

    async def main(client: AsyncQdrantClient) -> int:
        await client.create_collection("a", DOT)
        client.upload_points("a", rows())
        count = asyncio.ensure_future(client.count("a"))
        await asyncio.sleep(0.01)
        assert not count.done()
        go.set()
        return (await count).count

    assert run(main) == 50


def test_uploads_can_be_awaited_by_run() -> None:
    client = AsyncQdrantClient(":memory:")
    asyncio.run(client.create_collection("a", DOT))
    asyncio.run(client.upload_collection("a", np.ones((3, 2)), ids=[1, 2, 3]))
    assert asyncio.run(client.count("a")).count == 3, "one client serves several event loops"
    asyncio.run(client.close())


def test_several_loops_at_once() -> None:
    client = AsyncQdrantClient(":memory:")
    asyncio.run(client.create_collection("a", DOT))

    async def fill(first: int) -> None:
        await asyncio.gather(*(client.upsert("a", [row(n)]) for n in range(first, first + 20)))

    threads = [threading.Thread(target=lambda first=first: asyncio.run(fill(first))) for first in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(client.count("a")).count == 60
    asyncio.run(client.close())


# --- the event loop stays free


async def beats_during(work: Callable[[], Any]) -> int:
    """Count how often the event loop comes round while work goes on."""
    beats, task = 0, asyncio.ensure_future(work())
    while not task.done():
        await asyncio.sleep(0.001)
        beats += 1
    await task
    return beats


def test_the_loop_beats_while_the_client_works(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).random((6_000, 32))
    points = [models.PointStruct(id=n, vector=v.tolist(), payload={"n": n}) for n, v in enumerate(vectors)]
    params = models.VectorParams(size=32, distance=models.Distance.COSINE)

    async def main() -> None:
        async with AsyncQdrantClient(path=tmp_path) as client:
            await client.create_collection("a", params)

            async def blocking() -> None:
                client._sync.upsert("a", points)
                client._sync.scroll("a", limit=len(points), with_vectors=True)

            control = await beats_during(blocking)
            upsert = await beats_during(lambda: client.upsert("a", points))
            scroll = await beats_during(lambda: client.scroll("a", limit=len(points), with_vectors=True))
            assert control <= 2
            assert min(upsert, scroll) > 2 * control + 2

    asyncio.run(main())


# --- ends


def test_a_cancelled_call_leaves_the_database_whole() -> None:
    async def main(client: AsyncQdrantClient) -> None:
        await client.create_collection("a", DOT)
        tasks = [asyncio.ensure_future(client.upsert("a", [row(n), row(1000 + n)])) for n in range(40)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert any(isinstance(result, asyncio.CancelledError) for result in done)
        ids = {record.id for record in (await client.scroll("a", limit=100))[0]}
        assert {n for n in ids if n < 1000} == {n - 1000 for n in ids if n >= 1000}, "batches are whole"
        await client.upsert("a", [row(1)])

    run(main)


def test_close_lets_calls_end_and_refuses_new_ones() -> None:
    async def main() -> None:
        client = AsyncQdrantClient(":memory:")
        await client.create_collection("a", DOT)
        running = [asyncio.ensure_future(client.upsert("a", [row(n)])) for n in range(10)]
        await asyncio.sleep(0)
        await asyncio.gather(client.close(), client.close())
        assert {result.status for result in await asyncio.gather(*running)} == {models.UpdateStatus.COMPLETED}
        await client.close()
        for call in (client.count("a"), client.info()):
            with pytest.raises(ClosedError, match="make a new client"):
                await call
        with pytest.raises(ClosedError):
            client.upload_points("a", [row(1)])
        assert "closed" in repr(client)

    asyncio.run(main())


def pool_threads() -> int:
    return sum(thread.name.startswith("quiverdb-async") for thread in threading.enumerate())


def test_threads_are_few_and_end_with_the_client() -> None:
    before = pool_threads()

    async def main(client: AsyncQdrantClient) -> int:
        await asyncio.gather(*(client.get_collections() for _ in range(50)))
        return pool_threads() - before

    assert 1 <= run(main) <= 8
    assert pool_threads() == before


def test_a_client_that_nobody_closed_is_reported_and_leaves_no_threads(tmp_path: Path) -> None:
    before = pool_threads()
    client = AsyncQdrantClient(path=tmp_path)
    asyncio.run(client.get_collections())
    kept = [client]
    del client
    with pytest.warns(ResourceWarning, match="never closed"):
        kept.clear()
    end = time.monotonic() + 10
    while pool_threads() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert pool_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_leaves_the_client_behind() -> None:
    client = AsyncQdrantClient(":memory:")
    asyncio.run(client.get_collections())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking beside threads is what is tested
        child = os.fork()
    if not child:
        code = 1
        try:
            asyncio.run(client.get_collections())
        except ClosedError:
            asyncio.run(client.close())
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    asyncio.run(client.close())
