"""What clients of Cosdata are expected to do, as a program: ``cosdata_suite.py MODULE RELEASE URL PASSWORD``.

It runs in front of an official release, or of ours as the release ``ours`` (``embedded`` without a server), and writes
as JSON what became of each case, and which public functions of the client nobody called. It imports nothing of
QuiverDB, so that it runs unchanged in front of any client, or server.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

OURS = ("ours", "embedded")
OBJECTS, MODULES, SDK, CLIENT = ("0.2.2", "0.2.5", *OURS), ("0.1.5", *OURS), ("0.2.5", *OURS), ("0.2.2", *OURS)
OFFICIAL = ("0.1.5", "0.2.2", "0.2.5")
SERVED = ("0.2.2", "0.2.5", "ours")
CASES: dict[str, tuple[tuple[str, ...], Callable[[World], None]]] = {}
TEXTS = ("red fox", "blue fox jumps over", "a lazy dog", "fox fox fox", "the Running of dogs", "")


def case(*releases: str) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Name the releases that a case is about."""

    def note(function: Callable[[World], None]) -> Callable[[World], None]:
        CASES[function.__name__] = releases, function
        return function

    return note


class World:
    """A client, and collections for it that no other case uses."""

    def __init__(self, package: ModuleType, release: str, url: str, password: str) -> None:
        self.package, self.release, self.url, self.password = package, release, url, password
        self.client = self.connect()
        self._made = 0

    def connect(self, **others: Any) -> Any:
        if self.release == "embedded":
            return self.package.Client(":memory:")
        return self.package.Client(**{"host": self.url, "password": self.password, **others})

    def name(self) -> str:
        self._made += 1
        return f"{self.release.replace('.', '_')}_{self._made}"

    def collection(self, dimension: int = 4, **options: Any) -> Any:
        return self.client.create_collection(self.name(), dimension, **options)

    def mixed(self) -> Any:
        """A collection with all kinds of vectors and indexes, and a few of each."""
        made = self.collection(
            dense_vector={"enabled": True, "dimension": 4},
            sparse_vector={"enabled": True},
            tf_idf_options={"enabled": True},
        )
        made.create_index()
        made.create_sparse_index("sparse")
        made.create_tf_idf_index("texts")
        with made.transaction() as transaction:
            transaction.batch_upsert_vectors(some_vectors())
        return made

    def mixed_by_name(self) -> str:
        """The same in the style of modules."""
        name, client = self.name(), self.client
        client.collections.create(
            name, 4, sparse_vector={"enabled": True}, tf_idf_options={"enabled": True}, store_raw_text=True
        )
        client.indexes.create_dense(name, "dense")
        client.indexes.create_sparse(name, "sparse")
        client.indexes.create_tf_idf(name, "texts")
        with client.transactions.transaction(name) as transaction:
            transaction.upsert(some_vectors())
        return name


def dense(count: int, dimension: int = 4, seed: int = 1) -> list[list[float]]:
    chance = random.Random(seed)
    return [[chance.uniform(-1, 1) for _ in range(dimension)] for _ in range(count)]


def some_vectors() -> list[dict[str, Any]]:
    return [
        {
            "id": f"v{number}",
            "document_id": f"doc{number // 2}",
            "dense_values": values,
            "sparse_indices": [1, 10 + number],
            "sparse_values": [(number + 1) / 8, 0.5],
            "text": text,
        }
        for number, (values, text) in enumerate(zip(dense(len(TEXTS)), TEXTS, strict=True))
    ]


def cosines(query: list[float], vectors: list[list[float]], ids: str = "v{}") -> list[tuple[str, float]]:
    """The ids of all vectors and their cosines with one, greatest first."""

    def cosine(vector: list[float]) -> float:
        return math.fsum(map(math.prod, zip(query, vector, strict=True))) / math.hypot(*query) / math.hypot(*vector)

    found = [(ids.format(number), cosine(vector)) for number, vector in enumerate(vectors)]
    return sorted(found, key=lambda pair: -pair[1])


def check_hits(answer: Any, expected: list[tuple[str, float]]) -> None:
    found = [(hit["id"], hit["score"]) for hit in answer["results"]]
    assert [id for id, _ in found] == [id for id, _ in expected], (found, expected)
    for (_, score), (id, wanted) in zip(found, expected, strict=True):
        assert math.isclose(score, wanted, abs_tol=1e-4), (id, score, wanted)


def ids(answer: Any) -> list[str]:
    scores = [hit["score"] for hit in answer["results"]]
    assert scores == sorted(scores, reverse=True), scores
    return [hit["id"] for hit in answer["results"]]


@contextmanager
def refused(*words: str, kind: type[Exception] = Exception) -> Iterator[None]:
    """Expect that the client raises an error that says this."""
    told = None
    try:
        yield
    except kind as error:
        told = str(error)
    assert told is not None, f"nothing was raised that says {words}"
    assert all(word in told for word in words), told


# --- logins


@case(*OFFICIAL)
def a_client_logs_in(world: World) -> None:
    client = world.connect(verify=False, username="admin")
    assert len(client.auth.token) == 43
    assert client._get_headers()["Authorization"] == f"Bearer {client.auth.token}"
    assert client.auth.login() == client.auth.token
    assert client.base_url == f"{world.url}/vectordb"


@case(*OFFICIAL)
def a_wrong_login_is_refused(world: World) -> None:
    for wrong in ({"password": "wrong"}, {"username": "root"}):
        with refused("Wrong Credentials!"):
            world.connect(**wrong)


@case(*OFFICIAL)
def a_token_that_is_none_is_refused(world: World) -> None:
    client = world.connect()
    client.auth.token = "guess"
    with refused("Invalid auth token!"):
        client.collections.list() if world.release == "0.1.5" else client.list_collections()


# --- collections


@case(*OBJECTS)
def collections_are_created_and_described(world: World) -> None:
    name = world.name()
    made = world.client.create_collection(name, dimension=8, description="some words")
    assert made.name == name
    info = made.get_info()
    assert (info["name"], info["description"], info["vectors_count"]) == (name, "some words", 0)
    assert info["dense_vector"] == {"enabled": True, "dimension": 8}
    assert info["sparse_vector"] == info["tf_idf_options"] == {"enabled": False}
    assert info["store_raw_text"] is False
    assert world.client.get_collection(name).get_info()["dense_vector"]["dimension"] == 8
    assert world.client.create_collection(world.name()).get_info()["dense_vector"]["dimension"] == 1024


@case(*OBJECTS)
def collections_are_listed(world: World) -> None:
    made = world.collection(description="listed")
    [found] = [one for one in world.client.list_collections() if one["name"] == made.name]
    assert (found["description"], found["dense_vector"]["dimension"]) == ("listed", 4)
    assert made.name in [one.name for one in world.client.collections()]


@case(*OBJECTS)
def collections_are_deleted(world: World) -> None:
    made = world.collection()
    assert made.delete() is None
    assert made.name not in [one["name"] for one in world.client.list_collections()]
    for gone in (lambda: world.client.get_collection(made.name), made.delete, made.load, made.unload):
        with refused("Collection Not Found!"):
            gone()


@case(*OBJECTS)
def names_of_collections_are_taken_once_and_not_empty(world: World) -> None:
    made = world.collection()
    with refused(f"Collection with name '{made.name}' already exists"):
        world.client.create_collection(made.name)
    with refused("name must be a non-empty string"):
        world.client.create_collection("")
    with refused(""):
        world.client.get_collection("")


@case(*OBJECTS)
def collections_are_loaded_and_unloaded(world: World) -> None:
    made = world.mixed()
    made.load()
    made.unload()
    assert ids(made.search.dense(dense(1)[0], top_k=1)) == ["v0"]


@case(*SDK)
def loaded_collections_are_listed(world: World) -> None:
    made = world.collection()
    loaded = type(made).loaded
    made.load()
    assert made.name in loaded(world.client)
    made.unload()
    assert made.name not in loaded(world.client)


# --- indexes


@case(*OBJECTS)
def a_dense_index_is_created_once_and_deleted(world: World) -> None:
    made = world.collection()
    index = made.create_index(
        distance_metric="dot_product", num_layers=5, max_cache_size=10, ef_construction=64, ef_search=32,
        neighbors_count=8, level_0_neighbors_count=16,
    )  # fmt: skip
    assert (index.name, index.index_type) == (f"{made.name}_index", "dense")
    with refused("Index of type 'dense' already exists"):
        made.create_index()
    index.delete()
    with refused("not found"):
        index.delete()
    assert made.create_index().name == index.name


@case("0.2.2", "0.2.5")
def an_index_is_got_by_name(world: World) -> None:
    made = world.collection()
    made.create_index()
    made.get_index(f"{made.name}_index").delete()
    made.create_index()


@case(*OBJECTS)
def sparse_and_text_indexes_are_created_and_deleted(world: World) -> None:
    made = world.collection(sparse_vector={"enabled": True}, tf_idf_options={"enabled": True})
    sparse = made.create_sparse_index("s", quantization=128, sample_threshold=10)
    text = made.create_tf_idf_index("t", sample_threshold=10, k1=1.5, b=0.5)
    assert (sparse.name, sparse.index_type) == ("s", "sparse")
    assert (text.name, text.index_type) == ("t", "tf_idf")
    for index in (sparse, text):
        index.delete()
        with refused("not found"):
            index.delete()


@case(*OBJECTS)
def searches_need_their_index(world: World) -> None:
    made = world.collection(sparse_vector={"enabled": True}, tf_idf_options={"enabled": True})
    for search in (
        lambda: made.search.dense([1, 0, 0, 0]),
        lambda: made.search.sparse([[1, 1.0]]),
        lambda: made.search.text("fox"),
    ):
        with refused("Required index not found"):
            search()


# --- transactions


@case(*OBJECTS)
def a_transaction_is_seen_when_it_is_committed_and_not_before(world: World) -> None:
    made = world.collection()
    made.create_index()
    transaction = made.create_transaction()
    assert transaction.transaction_id.startswith("0x")
    assert len(transaction.transaction_id) == 10
    transaction.upsert_vector({"id": "a", "dense_values": [1, 0, 0, 0]})
    transaction.batch_upsert_vectors([{"id": "b", "dense_values": [0, 1, 0, 0]}])
    assert not made.vectors.exists("a")
    assert ids(made.search.dense([1, 0, 0, 0])) == []
    assert transaction.commit() is None
    assert made.vectors.exists("a")
    check_hits(made.search.dense([1, 0, 0, 0]), [("a", 1.0), ("b", 0.0)])


@case(*OBJECTS)
def many_vectors_go_in_batches_of_200_on_several_threads(world: World) -> None:
    made = world.collection(16)
    made.create_index()
    values = dense(1050, 16, seed=2)
    with made.transaction() as transaction:
        assert transaction.batch_size == 200
        transaction.batch_upsert_vectors(
            [{"id": f"v{number}", "dense_values": vector} for number, vector in enumerate(values)], max_workers=8
        )
    assert world.client.get_collection(made.name).get_info()["vectors_count"] == 1050
    check_hits(made.search.dense(values[7], top_k=5), cosines(values[7], values)[:5])


@case(*OBJECTS)
def an_error_aborts_a_transaction_and_leaves_nothing(world: World) -> None:
    made = world.collection()
    with refused("by the user"), made.transaction() as transaction:
        transaction.batch_upsert_vectors([{"id": "a", "dense_values": [1, 0, 0, 0]}])
        raise RuntimeError("by the user")
    assert not made.vectors.exists("a")
    with made.transaction() as transaction:  # the next one may begin
        transaction.upsert_vector({"id": "b", "dense_values": [1, 0, 0, 0]})
    assert made.vectors.exists("b")


@case(*OBJECTS)
def a_transaction_ends_once(world: World) -> None:
    made = world.collection()
    for end in ("commit", "abort"):
        transaction = made.create_transaction()
        id = transaction.transaction_id
        getattr(transaction, end)()
        transaction.transaction_id = id  # as if the client had not noted that it ended
        for again in (transaction.commit, transaction.abort, partial(transaction.upsert_vector, {"id": "a"})):
            with refused("Transaction Not Found!"):
                again()


@case(*OBJECTS)
def a_collection_has_one_transaction_at_a_time(world: World) -> None:
    made = world.collection()
    transaction = made.create_transaction()
    with refused("There is an on-going transaction!"):
        made.create_transaction()
    transaction.abort()
    made.create_transaction().abort()


@case(*OBJECTS)
def a_stranger_cannot_end_a_transaction(world: World) -> None:
    made = world.collection()
    transaction = made.create_transaction()
    transaction.upsert_vector({"id": "a", "dense_values": [1, 0, 0, 0]})
    id = transaction.transaction_id
    for end in (transaction.commit, transaction.abort):
        transaction.transaction_id = "0x00000000"
        with refused("Transaction Not Found!"):
            end()
    transaction.transaction_id = id
    transaction.commit()
    assert made.vectors.exists("a")


@case(*OBJECTS)
def wrong_vectors_are_refused_and_the_transaction_goes_on(world: World) -> None:
    made = world.collection()
    made.create_index()
    transaction = made.create_transaction()
    for wrong, *told in (
        ({"id": "a", "dense_values": [1.0]}, "dimension", "4", "1"),
        ({"id": "a", "unknown": 1}, "unknown field `unknown`, expected one of"),
        ({"id": "a", "metadata": {"x": 1.5}}, "values of metadata are strings or integers"),
        ({"id": "a", "sparse_indices": [1, 2], "sparse_values": [0.5]}, "differ in length"),
        ({"dense_values": [1, 0, 0, 0]}, "an id is a string or an integer"),
    ):
        with refused(*told):
            transaction.upsert_vector(wrong)
    transaction.upsert_vector({"id": "b", "dense_values": [1, 0, 0, 0]})
    transaction.commit()
    assert [made.vectors.exists(id) for id in ("a", "b")] == [False, True]


@case(*SERVED)
def too_much_at_once_is_refused_and_the_transaction_goes_on(world: World) -> None:
    made = world.collection(tf_idf_options={"enabled": True})
    with made.transaction() as transaction:
        with refused("8388608 bytes"):
            transaction.upsert_vector({"id": "a", "text": "x" * (9 << 20)})
        transaction.upsert_vector({"id": "b", "text": "x" * (7 << 20)})
    assert [made.vectors.exists(id) for id in ("a", "b")] == [False, True]


@case(*OBJECTS)
def an_upsert_updates(world: World) -> None:
    made = world.collection()
    made.create_index()
    for values in ([1, 0, 0, 0], [0, 1, 0, 0]):
        with made.transaction() as transaction:
            transaction.upsert_vector({"id": "a", "dense_values": values})
    assert made.vectors.get("a").dense_values == [0, 1, 0, 0]
    check_hits(made.search.dense([0, 1, 0, 0]), [("a", 1.0)])


@case(*SDK)
def a_transaction_tells_its_status(world: World) -> None:
    made = world.collection()
    transaction = made.create_transaction()
    transaction.upsert_vector({"id": "a", "dense_values": [1, 0, 0, 0]})
    transaction.upsert_vector({"id": "b", "dense_values": [0, 1, 0, 0]})
    before = transaction.get_status()
    assert (before["status"], before["message"]) == ("not_started", "Indexing has not started yet.")
    transaction.commit()
    after = transaction.get_status()
    assert (after["status"], after["stats"]["records_upserted"]) == ("complete", 2)
    assert after["stats"]["percentage_complete"] == 100
    assert transaction.poll_completion() == ("complete", True)
    assert transaction.poll_completion("complete", max_attempts=1, sleep_interval=0.0) == ("complete", True)


@case("0.2.5")
def a_status_that_never_comes_is_waited_for_in_vain(world: World) -> None:
    transaction = world.collection().create_transaction()
    assert transaction.poll_completion(max_attempts=2, sleep_interval=0.01) == ("unknown", False)
    transaction.abort()


@case(*SDK)
def vectors_are_deleted_in_a_transaction(world: World) -> None:
    made = world.mixed()
    with made.transaction() as transaction:
        transaction.delete_vector("v0")
        transaction.delete_vector("not there")
        assert made.vectors.exists("v0")
    assert not made.vectors.exists("v0")
    assert "v0" not in ids(made.search.dense(dense(1)[0]))
    assert "v0" not in ids(made.search.text("fox"))


@case(*SDK)
def the_last_of_several_changes_counts(world: World) -> None:
    made = world.collection()
    with made.transaction() as transaction:
        transaction.upsert_vector({"id": "a", "dense_values": [1, 0, 0, 0]})
        transaction.delete_vector("a")
        transaction.delete_vector("b")
        transaction.upsert_vector({"id": "b", "dense_values": [1, 0, 0, 0]})
    assert [made.vectors.exists(id) for id in ("a", "b")] == [False, True]


# --- streaming


@case(*SDK)
def streamed_vectors_are_there_at_once(world: World) -> None:
    made = world.collection()
    made.create_index()
    one = {"id": "a", "dense_values": [1, 0, 0, 0], "metadata": {"color": "red", "size": 3}}
    assert not made.stream_upsert(one)
    assert not made.stream_upsert([{"id": "b", "dense_values": [0, 1, 0, 0]}, {"id": "c", "values": [0, 0, 1, 0]}])
    check_hits(made.search.dense([1, 0, 0, 0], top_k=1), [("a", 1.0)])
    assert made.vectors.get("c").dense_values == [0, 0, 1, 0]
    assert not made.stream_delete("a")
    assert not made.vectors.exists("a")
    assert not made.stream_delete("a")
    with refused("unknown field"):
        made.stream_upsert({"id": "d", "unknown": 1})


# --- searches


@case(*OBJECTS)
def dense_vectors_are_found(world: World) -> None:
    made, values = world.mixed(), dense(len(TEXTS))
    expected = cosines(values[2], values)
    answer = made.search.dense(values[2])
    check_hits(answer, expected)
    documents = {hit["id"]: hit["document_id"] for hit in answer["results"]}
    assert documents == {f"v{number}": f"doc{number // 2}" for number in range(len(TEXTS))}
    assert {hit["text"] for hit in answer["results"]} == {None}
    check_hits(made.search.dense(values[2], top_k=2, return_raw_text=True), expected[:2])
    batch = made.search.batch_dense([{"vector": values[0]}, {"vector": values[1]}], top_k=3)
    for query, found in zip(values[:2], batch["responses"], strict=True):
        check_hits(found, cosines(query, values)[:3])
    with refused("dimension"):
        made.search.dense([1.0])


@case(*OBJECTS)
def sparse_vectors_are_found(world: World) -> None:
    made = world.mixed()
    expected = [(f"v{number}", (number + 1) / 8) for number in reversed(range(len(TEXTS)))]
    check_hits(made.search.sparse([[1, 1.0]]), expected)
    check_hits(made.search.sparse([[12, 2.0], [999, 1.0]], early_terminate_threshold=0.5), [("v2", 1.0)])
    check_hits(made.search.sparse([{"index": 12, "value": 2.0}], top_k=1), [("v2", 1.0)])
    batch = made.search.batch_sparse([[[1, 1.0]], [{"index": 10, "value": 1.0}]], top_k=2)
    check_hits(batch["responses"][0], expected[:2])
    check_hits(batch["responses"][1], [("v0", 0.5)])


@case(*OBJECTS)
def texts_are_found(world: World) -> None:
    made = world.mixed()
    assert ids(made.search.text("foxes")) == ["v3", "v0", "v1"]
    assert ids(made.search.text("run")) == ["v4"]
    assert ids(made.search.text("the")) == []
    assert ids(made.search.text("dog", top_k=1)) in (["v2"], ["v4"])
    batch = made.search.batch_text(["fox", "lazy"], top_k=2)
    assert [ids(one) for one in batch["responses"]] == [["v3", "v0"], ["v2"]]


@case(*SDK)
def two_kinds_are_searched_together(world: World) -> None:
    made, values = world.mixed(), dense(len(TEXTS))
    order = [id for id, _ in cosines(values[0], values)]
    texts = ids(made.search.text("fox"))
    scores = {id: 1 / (rank + 60) for rank, id in enumerate(order[:9])}
    for rank, id in enumerate(texts):
        scores[id] = scores.get(id, 0) + 1 / (rank + 60)
    expected = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    query = {"query_vector": values[0], "query_text": "fox", "top_k": 3, "fusion_constant_k": 60.0}
    check_hits(made.search.hybrid_search(query), expected)
    sparse = made.search.hybrid_search({"query_vector": values[0], "query_terms": [[1, 1.0]], "top_k": 2})
    assert len(sparse["results"]) == 2
    with refused("did not match any variant"):
        made.search.hybrid_search({"query_vector": values[0]})
    batch = made.search.batch_tf_idf_search(["fox", "lazy"], top_k=1)
    assert [ids(one) for one in batch["responses"]] == [["v3"], ["v2"]]


# --- vectors


@case(*OBJECTS)
def vectors_are_read(world: World) -> None:
    made, [first, *_] = world.mixed(), some_vectors()
    found = made.vectors.get("v0")
    assert (found.id, found.document_id, found.text) == ("v0", "doc0", None)
    assert max(abs(a - b) for a, b in zip(found.dense_values, first["dense_values"], strict=True)) < 1e-6
    assert (found.sparse_indices, found.sparse_values) == ([1, 10], [0.125, 0.5])
    assert [one.id for one in made.vectors.get_by_document_id("doc1")] == ["v2", "v3"]
    assert made.vectors.get_by_document_id("none") == []
    assert [made.vectors.exists(id) for id in ("v0", "none")] == [True, False]
    with refused("Vector Not Found!"):
        made.vectors.get("none")


@case(*SDK)
def neighbors_are_found(world: World) -> None:
    made, values = world.mixed(), dense(len(TEXTS))
    found = made.neighbors("v0")
    assert [(one["id"]) for one in found] == [id for id, _ in cosines(values[0], values)[1:]]


# --- versions


@case(*OBJECTS)
def versions_are_told_of(world: World) -> None:
    made = world.mixed()
    current = made.versions.get_current()
    number = current["version_number"] if isinstance(current, dict) else current.version_number
    count = current["vector_count"] if isinstance(current, dict) else current.vector_count
    assert (number, count) == (1, len(TEXTS))
    listed = made.versions.list()
    assert listed["current_version"] == listed["current_hash"] == number
    assert [one["version_number"] for one in listed["versions"]] == [number]


@case(*CLIENT)
def a_version_is_found_by_its_hash(world: World) -> None:
    made = world.mixed()
    current = made.versions.get_current()
    assert made.versions.get(current.hash) == current
    assert abs(current.created_at.timestamp() - current.timestamp) < 1
    with refused("Version Not Found!"):
        made.versions.get("999")


@case(*SDK)
def a_version_is_made_current(world: World) -> None:
    made = world.collection()
    made.stream_upsert({"id": "a", "dense_values": [1, 0, 0, 0]})
    answer = made.set_version("1")
    assert (answer["version_number"], answer["vector_count"]) == (1, 1)
    with refused("Version Not Found!"):
        made.set_version("999")


@case(*SDK)
def indexing_is_told_of(world: World) -> None:
    made = world.mixed()
    status = made.indexing_status()
    assert status["collection_name"] == made.name
    assert status["total_transactions"] == status["completed_transactions"] == 1
    assert status["in_progress_transactions"] == status["not_started_transactions"] == 0
    assert status["total_records_indexed_completed"] == len(TEXTS)


# --- what only client 0.2.2 has


@case(*CLIENT)
def an_index_is_asked(world: World) -> None:
    made, values = world.collection(), dense(3)
    index = made.create_index()
    with made.transaction() as transaction:
        transaction.batch_upsert_vectors([{"id": f"v{n}", "dense_values": vector} for n, vector in enumerate(values)])
    check_hits(index.query(values[1], nn_count=2, return_raw_text=False), cosines(values[1], values)[:2])
    assert index.fetch_vector("v1")["id"] == "v1"
    with refused("Vector Not Found!"):
        index.fetch_vector(99)


@case(*OURS)
def an_index_has_transactions(world: World) -> None:
    made = world.collection()
    index = made.create_index()
    transaction = index.create_transaction()
    transaction.upsert_vector({"id": "a", "dense_values": [1, 0, 0, 0]})
    transaction.commit()
    assert index.transaction(lambda one: one.upsert_vector({"id": "b", "dense_values": [0, 1, 0, 0]})) is None
    assert [made.vectors.exists(id) for id in ("a", "b")] == [True, True]
    with refused("by the user"):
        index.transaction(lambda _: fail("by the user"))
    made.create_transaction().abort()


@case("0.2.2")
def an_official_index_has_no_transactions(world: World) -> None:
    index = world.collection().create_index()
    for begin in (index.create_transaction, lambda: index.transaction(fail)):
        with refused("no attribute 'client'", kind=AttributeError):
            begin()


def fail(reason: str) -> None:
    raise RuntimeError(reason)


@case("0.2.2")
def what_nobody_imports_works_as_far_as_it_can(world: World) -> None:
    api = importlib.import_module("cosdata.api.indexes")
    made = world.collection(sparse_vector={"enabled": True}, tf_idf_options={"enabled": True})
    check_indexes(api.Indexes(world.client), made.name)
    transactions = importlib.import_module("cosdata.api.transactions").Transactions(world.client)
    with refused("positional argument", kind=TypeError):
        transactions.create(made.name)
    with refused("positional argument", kind=TypeError), transactions.transaction(made.name):
        fail("it cannot begin")


# --- the style of modules


@case(*MODULES)
def collections_of_the_module_style(world: World) -> None:
    collections, name = world.client.collections, world.name()
    made = collections.create(name, dimension=8, description="words", store_raw_text=True)
    assert (made.name, made.description, made.store_raw_text) == (name, "words", True)
    assert made.dense_vector == {"enabled": True, "dimension": 8}
    assert made.config == {"max_vectors": None, "replication_factor": None}
    assert collections.get(name).dense_vector["dimension"] == 8
    assert collections.load(name).name == name
    assert "successfully unloaded" in collections.unload(name)
    assert name in [one.name for one in collections.list()]
    with refused("already exists"):
        collections.create(name)
    assert collections.delete(name) is None
    for gone in (collections.get, collections.delete, collections.load, collections.unload):
        with refused("Collection Not Found!"):
            gone(name)


def check_indexes(indexes: Any, name: str) -> None:
    made = indexes.create_dense(name, "d", distance_metric="euclidean", quantization_type="auto", ef_search=99)
    assert made.name == "d"
    indexes.create_sparse(name, "s", quantization=32)
    indexes.create_tf_idf(name, "t", k1=1.5)
    found = {one["type"]: one for one in indexes.get(name)["indexes"]}
    assert found.keys() == {"dense", "sparse", "tf_idf"}
    assert (found["dense"]["algorithm"], found["dense"]["distance_metric"]) == ("HNSW", "Euclidean")
    assert found["dense"]["params"]["ef_search"] == 99
    for kind in found:
        indexes.delete(name, kind)
        with refused("not found"):
            indexes.delete(name, kind)
    assert indexes.get(name)["indexes"] == []


@case(*MODULES)
def indexes_of_the_module_style(world: World) -> None:
    name = world.name()
    world.client.collections.create(name, 4, sparse_vector={"enabled": True}, tf_idf_options={"enabled": True})
    check_indexes(world.client.indexes, name)


@case(*MODULES)
def transactions_of_the_module_style(world: World) -> None:
    client, name = world.client, world.name()
    client.collections.create(name, 4, sparse_vector={"enabled": True}, tf_idf_options={"enabled": True})
    transaction = client.transactions.create(name)
    with refused("There is an on-going transaction!"):
        client.transactions.create(name)
    vectors = [{"id": f"v{number}", "dense_values": vector} for number, vector in enumerate(dense(250))]
    assert transaction.upsert(vectors) is transaction
    transaction.add_vector("w", [1, 0, 0, 0], [1], [0.5], "red fox", "doc")
    transaction.delete_vector("v0").delete_vector("not there")
    transaction.commit()
    assert client.collections.get(name)
    assert [client.vectors.exists(name, id) for id in ("v0", "v249", "w")] == [False, True, True]
    found = client.vectors.get(name, "w")
    assert (found.document_id, found.sparse_indices, found.sparse_values) == ("doc", [1], [0.5])
    other = client.transactions.create(name)
    other.add_vector("x", dense_values=[1, 0, 0, 0])
    other.abort()
    assert not client.vectors.exists(name, "x")
    with refused("by the user"), client.transactions.transaction(name) as third:
        third.upsert([{"id": "x", "dense_values": [1, 0, 0, 0]}])
        fail("by the user")
    assert not client.vectors.exists(name, "x")


@case(*MODULES)
def searches_of_the_module_style(world: World) -> None:
    name, values = world.mixed_by_name(), dense(len(TEXTS))
    search, expected = world.client.search, cosines(values[0], values)
    answer = search.dense(name, values[0], return_raw_text=True)
    check_hits(answer, expected)
    assert [hit["text"] for hit in answer["results"]] == [TEXTS[int(id[1:])] for id, _ in expected]
    check_hits(search.batch_dense(name, [{"vector": values[0]}], top_k=2)["responses"][0], expected[:2])
    check_hits(search.sparse(name, [[12, 2.0]], top_k=1), [("v2", 1.0)])
    check_hits(search.batch_sparse(name, [[[12, 2.0]]])["responses"][0], [("v2", 1.0)])
    assert ids(search.text(name, "fox")) == ["v3", "v0", "v1"]
    assert [ids(one) for one in search.batch_text(name, ["fox", "lazy"])["responses"]] == [["v3", "v0", "v1"], ["v2"]]


@case(*MODULES)
def vectors_of_the_module_style(world: World) -> None:
    name, vectors = world.mixed_by_name(), world.client.vectors
    assert (vectors.get(name, "v0").id, vectors.get(name, "v0").text) == ("v0", "red fox")
    assert [one.id for one in vectors.get_by_document_id(name, "doc1")] == ["v2", "v3"]
    assert [vectors.exists(name, id) for id in ("v0", "none")] == [True, False]


@case(*MODULES)
def versions_of_the_module_style(world: World) -> None:
    name, versions = world.mixed_by_name(), world.client.versions
    current = versions.get_current(name)
    assert (current.version_number, current.vector_count) == (1, len(TEXTS))
    assert abs(current.created_at.timestamp() - current.timestamp) < 1
    assert versions.get(name, current.hash) == current
    listed = versions.list(name)
    assert [one["hash"] for one in listed["versions"]] == [listed["current_hash"]] == [current.hash]


# --- what the scripts of the official repository do


@case(*OBJECTS)
def a_thousand_dense_vectors(world: World) -> None:
    client, values = world.client, dense(1000, 768, seed=3)
    name = world.name()
    made = client.create_collection(name=name, dimension=768, description="Test collection for vector database")
    assert name in [one["name"] for one in client.list_collections()]
    index = made.create_index(distance_metric="cosine", num_layers=10, max_cache_size=1000, ef_construction=128,
                              ef_search=64, neighbors_count=32, level_0_neighbors_count=64)  # fmt: skip
    vectors = [
        {"id": f"v{number}", "dense_values": vector, "document_id": f"doc_{number // 10}"}
        for number, vector in enumerate(values)
    ]
    with made.transaction() as transaction:
        transaction.batch_upsert_vectors(vectors)
    assert made.vectors.exists("v999")
    check_hits(made.search.dense(query_vector=values[5], top_k=5), cosines(values[5], values)[:5])
    assert len(made.vectors.get_by_document_id("doc_7")) == 10
    current = made.versions.get_current()
    assert (current["vector_count"] if isinstance(current, dict) else current.vector_count) == 1000
    index.delete()
    made.delete()


@case(*OBJECTS)
def a_thousand_sparse_vectors(world: World) -> None:
    chance = random.Random(4)
    made = world.client.create_collection(
        world.name(), 768, dense_vector={"enabled": False, "dimension": 768}, sparse_vector={"enabled": True}
    )
    made.create_sparse_index("sparse_index", quantization=64, sample_threshold=1000)
    vectors = []
    for number in range(1000):
        indices = sorted(chance.sample(range(10_000), 20))
        values = [round(chance.random(), 6) for _ in indices]
        vectors.append({"id": f"v{number}", "sparse_indices": indices, "sparse_values": values})
    with made.transaction() as transaction:
        transaction.batch_upsert_vectors(vectors)
    query = dict(zip(vectors[3]["sparse_indices"], vectors[3]["sparse_values"], strict=True))
    products = {
        one["id"]: sum(
            query.get(index, 0) * value
            for index, value in zip(one["sparse_indices"], one["sparse_values"], strict=True)
        )
        for one in vectors
    }
    expected = sorted(products.items(), key=lambda pair: -pair[1])[:5]
    check_hits(made.search.sparse([[index, value] for index, value in query.items()], top_k=5), expected)


@case(*OBJECTS)
def a_thousand_texts(world: World) -> None:
    chance = random.Random(5)
    words = ["apple", "banana", "cherry", "grape", "lemon", "mango", "olive", "peach", "plum", "quince"]
    made = world.client.create_collection(
        world.name(), 768, dense_vector={"enabled": False, "dimension": 768}, tf_idf_options={"enabled": True}
    )
    index = made.create_tf_idf_index("tf_idf_index", sample_threshold=1000, k1=1.2, b=0.75)
    texts = [" ".join(chance.choices(words, k=chance.randint(5, 30))) for _ in range(1000)]
    with made.transaction() as transaction:
        transaction.batch_upsert_vectors([{"id": f"v{number}", "text": text} for number, text in enumerate(texts)])
    for word in words[:5]:
        found = ids(made.search.text(word, top_k=10))
        assert len(found) == 10
        assert all(word in texts[int(id[1:])] for id in found)
    index.delete()
    with refused("Required index not found"):
        made.search.text("apple")


@case(*SDK)
def what_is_streamed_needs_no_index(world: World) -> None:
    made = world.client.create_collection(world.name(), dimension=768)
    vectors = [
        {"id": f"vec_{number}", "dense_values": vector, "metadata": {"category": "test", "number": number}}
        for number, vector in enumerate(dense(20, 768, seed=6))
    ]
    made.stream_upsert(vectors)
    assert all(made.vectors.exists(one["id"]) for one in vectors)
    made.stream_delete("vec_3")
    assert [one["id"] for one in vectors if not made.vectors.exists(one["id"])] == ["vec_3"]


def main(module: str, release: str, url: str, password: str) -> None:
    """Run the cases of a release, and write their errors, or null, by name."""
    package, called = importlib.import_module(module), set()

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            called.add(frame.f_code)

    outcome: dict[str, str | None] = {}
    sys.setprofile(note)
    world = World(package, release, url, password)
    for name, (releases, function) in CASES.items():
        if release in releases:
            try:
                function(world)
                outcome[name] = None
            except Exception:
                outcome[name] = traceback.format_exc()
    sys.setprofile(None)
    public = {code.co_qualname for code in set(public_functions(package)) - called}
    json.dump({"outcome": outcome, "uncalled": sorted(public)}, sys.stdout)


def public_functions(package: ModuleType) -> Iterator[Any]:
    """Yield the code of every public method of the modules of an official client."""
    for name, module in sys.modules.items():
        if name.startswith(f"{package.__name__}.api."):
            for _, kind in inspect.getmembers(module, inspect.isclass):
                if kind.__module__ == name:
                    yield from (
                        inspect.unwrap(method).__code__
                        for method_name, method in vars(kind).items()
                        if not method_name.startswith("_") and isinstance(method, FunctionType)
                    )


if __name__ == "__main__":
    main(*sys.argv[1:])
