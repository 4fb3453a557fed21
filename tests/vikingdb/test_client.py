"""The client wherever it works, now and on an event loop."""

from __future__ import annotations

import asyncio
import gc
import inspect
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.small_servers import Answer, HttpServer, Seen, unused_port
from tests.support.vikingdb_official import envelope

import quiverdb
from quiverdb.errors import ClosedError, InvalidInputError, UnsupportedError
from quiverdb.vikingdb import IAM, APIKey, RequestOptions, RetryConfig, vector
from quiverdb.vikingdb.exceptions import VikingConnectionException, VikingException
from quiverdb.vikingdb.vector import (
    AsyncVikingDB,
    Field,
    SearchByVectorRequest,
    UpsertDataRequest,
    VectorIndex,
    VikingDB,
    VikingVector,
    filters,
)

ROOT = Path(__file__).parents[2]
NOT_REPEATED = RetryConfig(max_attempts=1)


class Now:
    """An asynchronous client that is waited for, with the calls of the other."""

    def __init__(self, made: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._made, self._loop = made, loop

    def __getattr__(self, name: str) -> Any:
        return self._waited(getattr(self._made, name))

    def _waited(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            value = self._loop.run_until_complete(value)
        if callable(value):
            return lambda *arguments, **named: self._waited(value(*arguments, **named))
        return Now(value, self._loop) if type(value).__name__.startswith("Async") else value


@pytest.fixture(params=["memory", "path", "database", "async"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "database":
        with quiverdb.open(":memory:") as database, VikingDB(database=database) as made:
            yield made
    elif request.param == "async":
        with asyncio.Runner() as runner:
            made = AsyncVikingDB(path=tmp_path / "data")
            yield Now(made, runner.get_loop())
            runner.run(made.close())
    else:
        with VikingDB(":memory:") if request.param == "memory" else VikingDB(path=tmp_path / "data") as made:
            yield made


def create(client: Any) -> None:
    client.create_collection(
        collection_name="shop",
        fields=[
            Field("id", "int64", is_primary_key=True),
            Field("color", "string"),
            {"FieldName": "price", "FieldType": "float32"},
            Field("v", "vector", dim=4),
        ],
    )
    client.create_index(collection_name="shop", index_name="near", vector_index=VectorIndex("flat", "ip", "float"))


def rows(count: int) -> list[dict[str, Any]]:
    eye = np.eye(4, dtype="f4")
    return [
        {"id": n + 1, "color": ("red", "blue")[n % 2], "price": n / 4, "v": eye[n % 4] * (n + 1)} for n in range(count)
    ]


def test_a_collection_lives_from_its_creation_to_its_end(client: Any) -> None:
    create(client)
    shop = client.collection(collection_name="shop")
    near = client.index(collection_name="shop", index_name="near")
    answer = shop.upsert(UpsertDataRequest(data=rows(6)), request_options=RequestOptions(request_id="mine"))
    assert (answer.request_id, answer.ids, answer.code) == ("mine", [1, 2, 3, 4, 5, 6], "Success")
    assert shop.update({"data": [{"id": 2, "price": 92.65}]}).result.ids == [2]
    fetched = shop.fetch({"ids": [2, 9]}).result
    assert (fetched.items[0].fields["price"], fetched.ids_not_exist) == (92.65, [9])
    assert near.fetch(ids=[1]).result.items[0].dense_vector == [1.0, 0.0, 0.0, 0.0]
    query = np.array([1, 0, 0, 0], "f4")
    for request, named in (
        (SearchByVectorRequest(dense_vector=query, limit=1), {}),
        ({"dense_vector": query, "limit": 1}, {}),
        (None, {"dense_vector": [1.0, 0, 0, 0], "limit": 1}),
        ({"dense_vector": query}, {"limit": 1}),
    ):
        (hit,) = near.search_by_vector(request, **named).result.data
        assert (hit.id, hit.score) == (5, 5.0)
    blue = filters.and_(filters.must("color", "blue"), filters.range_("price", lt=90))
    assert {hit.id for hit in near.search_by_vector(dense_vector=query, filter=blue, limit=9).result.data} == {4, 6}
    assert len(near.search_by_random().result.data) == 6
    assert near.search_by_id(id=1, limit=1).result.data
    assert near.search_by_scalar(field="price", order="desc", limit=1).result.data[0].id == 2
    assert near.aggregate(op="count", field="color").result.agg == {"red": 3, "blue": 3}
    assert near.sort(ids=[1, 5, 9], query_vector=query).result.ids_not_exist == [9]
    shop.delete(ids=[1])
    shop.delete({"delete_all": True})
    assert near.search_by_random().result.data == []
    client.update_collection(collection_name="shop", fields=[Field("size", "int64")])
    assert "size" in {field["FieldName"] for field in client.get_collection(collection_name="shop").result["Fields"]}
    assert client.list_indexes(collection_name="shop").result["TotalCount"] == 1
    client.disable_index(collection_name="shop", index_name="near")
    client.enable_index(collection_name="shop", index_name="near")
    client.update_index(collection_name="shop", index_name="near", scalar_index=["color"])
    described = client.get_index({"CollectionName": "shop"}, index_name="near").result
    assert [field["FieldName"] for field in described["ScalarIndex"]] == ["color"]
    with pytest.raises(VikingException) as caught:
        client.delete_collection(collection_name="shop")
    assert caught.value.code.startswith("OperationDenied")
    client.delete_index(collection_name="shop", index_name="near")
    client.delete_collection(collection_name="shop")
    assert client.list_collections().result["TotalCount"] == 0


def test_many_rows_are_stored_in_parts(client: Any) -> None:
    create(client)
    shop = client.collection(collection_name="shop")
    answers = shop.upsert_many(iter(rows(250)))
    assert [len(answer.ids) for answer in answers] == [100, 100, 50]
    bad = [*rows(120), {"id": 500, "v": [1, 2, 3, 4], "unheard": 1}]
    with pytest.raises(VikingException) as caught:
        shop.upsert_many(bad, batch_size=50)
    assert caught.value.__notes__ == ["100 rows were stored before"]
    shop.upsert_many(bad, batch_size=50, ignore_unknown_fields=True)


def test_errors_are_those_of_the_api(client: Any) -> None:
    with pytest.raises(VikingException) as caught:
        client.collection(collection_name="none").fetch(ids=[1], request_options=RequestOptions(request_id="r"))
    error = caught.value
    assert (error.code, error.status_code, error.request_id) == ("NotFound.VikingdbCollection", 404, "r")


def test_plain_requests_are_carried_out(client: Any) -> None:
    create(client)
    body = {"collection_name": "shop", "data": [{"id": 7, "v": [1, 2, 3, 4]}]}
    for api in ("VectorDataUpsert", "upsert", "/api/vikingdb/data/upsert"):
        assert client.request(api, body)["result"]["ids"] == [7]
    found = client.json_exception("VectorDataFetchInCollection", None, '{"collection_name":"shop","ids":[7]}')
    assert found["result"]["fetch"][0]["id"] == 7
    with pytest.raises(InvalidInputError, match="no JSON"):
        client.json_exception("VectorDataFetchInCollection", None, "{")
    with pytest.raises(UnsupportedError, match="POST /api/other"):
        client.request("/api/other", {})


def test_embedded_clients_are_always_there(client: Any) -> None:
    assert client.ping() is None


def test_models_make_vectors_and_order_documents(client: Any) -> None:
    data = [{"text": "a"}, vector.EmbeddingData(text="a")]
    made = client.embedding().embedding(data=data, dense_model={"name": "bge-m3"}, sparse_model={"name": "bge-m3"})
    first, second = made.result.data
    assert first == second
    assert len(first.dense) == 1024
    query = [{"text": "red shoes"}]
    documents = [[{"text": "blue hat"}], [{"text": "red shoes"}]]
    ordered = client.rerank().rerank(model_name="any", data=documents, query=query).result.data
    assert ordered[0].id == 1


def test_a_closed_client_stays_closed(client: Any) -> None:
    shop = client.collection(collection_name="shop")
    client.close()
    client.close()
    for call in (
        client.ping,
        client.list_collections,
        lambda: shop.fetch(ids=[1]),
        lambda: client.request("upsert", {}),
    ):
        with pytest.raises(ClosedError, match="is closed"):
            call()


# --- where


def test_what_is_stored_is_there_again(tmp_path: Path) -> None:
    with VikingDB(path=tmp_path) as client:
        create(client)
        client.collection(collection_name="shop").upsert(data=rows(2))
        with VikingDB(path=str(tmp_path)) as other:  # which shares the folder
            assert len(other.collection(collection_name="shop").fetch(ids=[1, 2]).result.items) == 2
    with VikingDB(path=tmp_path) as client:
        assert len(client.collection(collection_name="shop").fetch(ids=[1, 2]).result.items) == 2


def test_a_given_database_stays_open() -> None:
    with quiverdb.open(":memory:") as database:
        with VikingDB(database=database) as client:
            create(client)
        with VikingDB(database=database) as client:
            assert client.list_collections().result["TotalCount"] == 1
        assert database.collection_names() == ["shop"]


def test_memory_is_each_client_s_own() -> None:
    with VikingDB(":memory:") as one, VikingDB(path=":memory:") as other:
        create(one)
        assert other.list_collections().result["TotalCount"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"endpoint": "http://a", "host": "b"},
        {"endpoint": ":memory:", "path": "p"},
        {"host": "a", "path": "p"},
        {"endpoint": "ftp://a"},
        {"host": ""},
        {"host": "a", "scheme": "gopher"},
        {"host": "a", "timeout": 0},
        {"host": "a", "region": ""},
        {"host": "a", "pool_maxsize": 0},
        {"host": "a", "auth": APIKey("k"), "sts_token": "t"},
        {"host": "a", "sts_token": "t"},
        {"host": "a", "control_endpoint": "ftp://a"},
    ],
)
@pytest.mark.parametrize("kind", [VikingDB, AsyncVikingDB])
def test_arguments_that_contradict_each_other_are_refused(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        kind(**wrong)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"endpoint": "https://a.example.com"}, "https://a.example.com"),
        ({"endpoint": "a.example.com:99", "scheme": "http"}, "http://a.example.com:99"),
        ({"host": "a.example.com"}, "https://a.example.com"),
        (
            {"host": "127.0.0.1:9527", "scheme": "http", "auth": IAM("a", "b"), "sts_token": "t"},
            "http://127.0.0.1:9527",
        ),
        ({"host": "http://127.0.0.1:9527"}, "http://127.0.0.1:9527"),
    ],
)
def test_both_styles_name_a_server_and_ask_nothing(given: dict[str, Any], url: str) -> None:
    for kind in (VikingDB, AsyncVikingDB):
        assert repr(kind(**given)) == f"<{kind.__name__} at {url}>"


def test_the_former_name_warns() -> None:
    with pytest.warns(FutureWarning, match="VikingDB"):
        VikingVector(host="127.0.0.1:1", scheme="http", region="r", auth=IAM(ak="a", sk="b"))


def pong(seen: Seen) -> Answer:
    return envelope({"fetch": []})


def test_a_ping_comes_first_if_asked_for() -> None:
    with HttpServer(pong) as server:
        with VikingDB(server.url, ping=True):
            assert [seen.target for seen in server.seen] == ["/api/vikingdb/Ping"]

        async def main() -> None:
            async with AsyncVikingDB(server.url, ping=True) as client:
                await client.collection(collection_name="c").fetch(ids=[1])
                await client.collection(collection_name="c").fetch(ids=[1])

        server.seen.clear()
        asyncio.run(main())
        assert [seen.target.rpartition("/")[2] for seen in server.seen] == ["Ping", *["fetch_in_collection"] * 2]
    with pytest.raises(VikingConnectionException):
        VikingDB(f"http://127.0.0.1:{unused_port()}", ping=True, retry=NOT_REPEATED)


def test_rows_with_their_primary_key_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quiverdb.remote.retry.time.sleep", lambda seconds: None)
    script = [(500, {}, b"{}"), envelope({"token_usage": {}})]
    with HttpServer(lambda seen: script[min(len(server.seen), 2) - 1]) as server, VikingDB(server.url) as client:
        known = client.collection(collection_name="c", primary_key="id")
        known.upsert(data=[{"id": 1}])
        assert len(server.seen) == 2
        for collection, row in ((known, {"title": "a"}), (client.collection(collection_name="c"), {"id": 1})):
            server.seen.clear()
            with pytest.raises(VikingException):
                collection.upsert(data=[row])
            assert len(server.seen) == 1


def test_threads_share_a_client() -> None:
    with HttpServer(pong) as server, VikingDB(server.url) as client:
        shop = client.collection(collection_name="c")
        threads = [threading.Thread(target=lambda: [shop.fetch(ids=[1]) for _ in range(20)]) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(server.seen), server.connections <= 5) == (100, True)


def test_a_forgotten_client_of_a_folder_is_told_of(tmp_path: Path) -> None:
    for kind in (VikingDB, AsyncVikingDB):
        forgotten = [kind(path=tmp_path)]
        with pytest.warns(ResourceWarning, match="was never closed"):
            forgotten.clear()
    VikingDB(":memory:")
    gc.collect()


# --- on an event loop


def test_the_generated_files_are_current() -> None:
    tool = ROOT / "tools" / "gen_vikingdb_async.py"
    done = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


TWINS = ["VikingDB", "CollectionClient", "IndexClient", "EmbeddingClient", "RerankClient"]


@pytest.mark.parametrize("name", TWINS)
def test_twins_look_alike(name: str) -> None:
    ours, theirs = getattr(vector, name), getattr(vector, f"Async{name}")
    special = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
    public = {member for member in dir(ours) if not member.startswith("_") or member in special.values()}
    twins = {special.get(member, member): member for member in dir(theirs)}
    assert public <= twins.keys()
    for member in public:
        one, other = getattr(ours, member), getattr(theirs, twins[member])
        if callable(one):
            assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)


def test_tasks_ask_at_once_and_the_event_loop_goes_on() -> None:
    together = threading.Barrier(10, timeout=10)

    def answer(seen: Seen) -> Answer:
        together.wait()
        return pong(seen)

    async def main(ask: Callable[[AsyncVikingDB], Any], client: AsyncVikingDB) -> list[Any]:
        async with client:
            return await asyncio.gather(*(ask(client) for _ in range(10)))

    with HttpServer(answer) as server:
        found = asyncio.run(
            main(lambda made: made.collection(collection_name="c").fetch(ids=[1]), AsyncVikingDB(server.url))
        )
    assert len(found) == 10
    found = asyncio.run(main(lambda made: made.list_collections(), AsyncVikingDB(":memory:")))
    assert len(found) == 10
