"""The asynchronous client: the twin of the synchronous one, which never holds up the event loop."""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cosdata_recorder import Recorder, async_recorded

from quiverdb.cosdata import AsyncClient, Client, ConflictError, ValidationError
from quiverdb.cosdata._connection import AsyncConnection, Connection
from quiverdb.errors import ClosedError

TOOL = Path(__file__).parents[2] / "tools" / "gen_cosdata_async.py"
SOURCES = ("auth", "client", "collections", "indexes", "search", "transactions", "vectors", "versions")
SPECIAL = {"__enter__": "__aenter__"}


def twins() -> dict[str, tuple[type, type]]:
    found = {}
    for source in SOURCES:
        ours = importlib.import_module(f"quiverdb.cosdata._{source}")
        theirs = importlib.import_module(f"quiverdb.cosdata._async.{source}")
        kinds = [kind for kind in vars(ours).values() if inspect.isclass(kind) and kind.__module__ == ours.__name__]
        found |= {kind.__name__: (kind, getattr(theirs, f"Async{kind.__name__}")) for kind in kinds}
    return found


def members() -> list[tuple[str, str]]:
    return [
        (name, member) for name, (kind, _) in twins().items() for member in vars(kind) if not member.startswith("_")
    ]


def names(kind: type) -> set[str]:
    return {SPECIAL.get(name, name) for name in vars(kind) if not name.startswith("_") or "enter" in name}


def test_the_generated_files_are_current() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_twins_have_the_same_names() -> None:
    assert len(twins()) > 12
    for ours, theirs in twins().values():
        assert names(ours) == names(theirs)


def asked(function: Any) -> bool:
    """Tell whether a method asks the backend, as its twin shows by what it returns."""
    return inspect.iscoroutinefunction(inspect.unwrap(function))


@pytest.mark.parametrize(("kind", "member"), members())
def test_twins_look_alike(kind: str, member: str) -> None:
    ours, theirs = (inspect.getattr_static(each, member) for each in twins()[kind])
    assert type(ours) is type(theirs)
    if isinstance(ours, property):
        ours, theirs = ours.fget, theirs.fget
    if isinstance(ours, classmethod):
        ours, theirs = ours.__func__, theirs.__func__
    if callable(ours) and not inspect.isclass(ours):
        mine, other = inspect.signature(ours), inspect.signature(theirs)
        assert [*mine.parameters] == [*other.parameters]
        for name, parameter in mine.parameters.items():
            assert other.parameters[name].default == parameter.default
            assert str(other.parameters[name].annotation).replace("Async", "") == str(parameter.annotation)
        assert inspect.getdoc(ours) == inspect.getdoc(theirs)


def test_constructors_take_the_same_arguments() -> None:
    for ours, theirs in [(Client, AsyncClient), (Connection, AsyncConnection)]:
        assert inspect.signature(ours).parameters == inspect.signature(theirs).parameters


def test_what_asks_the_backend_is_awaited() -> None:
    plain = {
        (kind, member)
        for kind, member in members()
        if inspect.isfunction(function := inspect.getattr_static(twins()[kind][1], member)) and not asked(function)
    }
    assert plain == {
        ("Changes", "collections"),
        ("Collection", "create_transaction"),
        ("Collection", "transaction"),
        ("Index", "create_transaction"),
        ("Index", "transaction"),
        ("JointTransaction", "collections"),
        ("Registry", "add"),
        ("Registry", "all"),
        ("Registry", "drop"),
        ("Registry", "find"),
        ("Transaction", "collections"),
        ("Transactions", "create"),
        ("Transactions", "transaction"),
    }


# --- on threads


def test_the_event_loop_goes_on() -> None:
    """A call that takes its time in the database does not hold up another one."""
    meeting = threading.Barrier(2, timeout=20)

    class Slow:
        def call(self, operation: str, arguments: Any) -> int:
            return meeting.wait()

        def close(self) -> None:
            """Nothing is held."""

    async def main() -> list[int]:
        async with AsyncClient(":memory:") as client:
            held, client._connection.backend._backend = client._connection.backend._backend, Slow()
            answers = await asyncio.gather(*(client._connection.call("anything") for _ in range(2)))
            held.close()
            return answers

    assert sorted(asyncio.run(main())) == [0, 1]


def test_several_tasks_store_at_once(tmp_path: Path) -> None:
    async def store(client: AsyncClient, name: str) -> int:
        await client.create_collection(name, dimension=2)
        async with client.transactions.create() as txn:
            await txn.upsert(name, [{"id": n, "values": [1.0, n]} for n in range(50)])
        return int((await client.collections.get(name)).vectors_count)

    async def main() -> list[int]:
        async with AsyncClient(path=tmp_path) as client:
            return await asyncio.gather(*(store(client, f"c{number}") for number in range(5)))

    assert asyncio.run(main()) == [50] * 5


def test_errors_are_those_of_the_api() -> None:
    async def main() -> None:
        async with AsyncClient(":memory:") as client:
            await client.create_collection("docs", dimension=2)
            with pytest.raises(ConflictError):
                await client.create_collection("docs", dimension=2)
            collection = await client.get_collection("docs")
            async with collection.transaction():
                with pytest.raises(ConflictError, match="on-going"):
                    await collection.create_transaction()
            with pytest.raises(ValidationError):
                async with collection.transaction() as txn:
                    await txn.upsert_vector({"id": "a", "dense_values": [1.0, float("nan")]})
            assert not await collection.vectors.exists("a")

    asyncio.run(main())


def test_closing() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with async_recorded(recorder) as client:
            await client.transactions.create("docs")
        assert recorder.operations == ["create_transaction", "abort"]
        assert repr(client) == "<AsyncClient http://recorder closed>"
        with pytest.raises(ClosedError):
            await client.list_collections()
        await client.close()

    asyncio.run(main())


def test_sessions() -> None:
    async def main() -> None:
        async with async_recorded(Recorder()) as client:
            assert await client.auth.token == "a token"
            assert await client.auth.login() == "another token"
            assert (await client._get_headers())["Authorization"] == "Bearer a token"

    asyncio.run(main())


def test_a_forgotten_client_of_a_folder_is_told_of(tmp_path: Path) -> None:
    AsyncClient(":memory:")
    gc.collect()
    forgotten = [AsyncClient(path=tmp_path)]
    with pytest.warns(ResourceWarning, match="never closed"):
        forgotten.clear()
