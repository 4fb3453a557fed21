"""Searches of every kind find what the formulas say, in the present state and in versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from cosdata_interference import Interfering
from cosdata_model import (
    METRICS,
    SMALLER_IS_NEARER,
    Collection,
    assert_found,
    best,
    dense_scores,
    fused,
    sparse_scores,
    text_scores,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import served

from quiverdb.cosdata.errors import NotFoundError
from quiverdb.cosdata.service.service import Service
from quiverdb.database import Database
from quiverdb.engine.database import EngineDatabase
from quiverdb.remote.database import RemoteDatabase

SIZE = 4
WORDS = ["red", "green", "blue", "running", "runs", "foxes", "the", "snake_case"]
SCHEMA = {
    "fields": [{"name": "lang", "values": ["de", "en"]}, {"name": "year", "values": [2023, 2024, 2025]}],
    "supported_conditions": [{"op": "and", "field_names": ["lang", "year"]}],
}

Make = Callable[..., Collection]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served")) as server:
        yield f"qdrant://127.0.0.1:{server.port}"


@pytest.fixture(scope="module", params=["memory", "disk", "remote"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    match request.param:
        case "memory":
            opened: Database = EngineDatabase.open(":memory:")
        case "disk":
            opened = EngineDatabase.open(tmp_path_factory.mktemp("database"))
        case _:
            opened = RemoteDatabase.open(request.getfixturevalue("server"))
    with opened:
        yield opened


@pytest.fixture(scope="module")
def memory() -> Iterator[Database]:
    with EngineDatabase.open(":memory:") as database:
        yield database


def collection(database: Database, dimension: int = SIZE, **options: Any) -> Collection:
    """Make a collection of a name that nobody has."""
    name = f"c{len(database.collection_names())}"
    return Collection(Service.of(database).call, name, dimension, **options)


def some_vectors(count: int, seed: int, first: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "id": f"v{first + place}",
            "document_id": f"d{place % 3}" if place % 2 else None,
            "dense_values": rng.normal(size=SIZE).astype("f4").tolist(),
            "sparse_indices": (found := np.sort(rng.choice(12, 3, replace=False)).tolist()),
            "sparse_values": rng.normal(size=len(found)).astype("f4").tolist(),
            "text": " ".join(rng.choice(WORDS, rng.integers(0, 7))),
            "metadata": {"lang": str(rng.choice(["de", "en"])), "year": int(rng.choice([2023, 2024, 2025]))},
        }
        for place in range(count)
    ]


def changed(database: Database, metric: str = "cosine", **options: Any) -> Collection:
    """Make a collection with three versions, between which vectors came, changed and went."""
    made = collection(database, metadata_schema=SCHEMA, **options)
    made.index_all(metric)
    made.upsert(*some_vectors(12, 1))
    made.mark()
    made.upsert(*some_vectors(4, 2, first=8), *some_vectors(3, 3, first=20))
    made.delete("v0")
    made.delete("v21")
    made.mark()
    made.upsert(*some_vectors(2, 4))
    made.delete("v9")
    made.upsert({"id": "v5", "text": "red foxes"})
    made.mark()
    made.delete("v1")
    made.upsert(*some_vectors(2, 5, first=30))
    return made


# Kinds of searches


@pytest.mark.parametrize("metric", METRICS)
def test_dense(database: Database, metric: str) -> None:
    made = changed(database, metric)
    for query in np.random.default_rng(7).normal(size=(3, SIZE)).astype("f4"):
        for version, state in made.states():
            scores = dense_scores(state, metric, query)
            for top_k in (1, 5, 100):
                results = made.ask("search_dense", query_vector=query.tolist(), top_k=top_k, **version)["results"]
                assert_found(results, scores, top_k, smaller=metric in SMALLER_IS_NEARER)


def test_sparse(database: Database) -> None:
    made = changed(database)
    for terms in ({1: 1.0, 5: -0.5, 7: 2.0}, {0: 0.5, 11: 3.0}, {999: 1.0}, {}):
        for version, state in made.states():
            for shape in (
                terms,
                [[i, v] for i, v in terms.items()],
                [{"index": i, "value": v} for i, v in terms.items()],
            ):
                results = made.ask("search_sparse", query_terms=shape, top_k=6, **version)["results"]
                assert_found(results, sparse_scores(state, terms), 6)


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.4, 1.0), (2.0, 0.0)])
def test_text(database: Database, k1: float, b: float) -> None:
    made = collection(database)
    made.index_text(k1, b)
    made.upsert(*some_vectors(12, 1))
    made.mark()
    made.upsert(*some_vectors(6, 2, first=8), {"id": "empty", "text": ""}, {"id": "stopwords", "text": "the"})
    made.delete("v3")
    made.mark()
    made.delete("v4")
    for query in ("red", "running foxes", "runs runs Blue", "the", "", "snake_case missing", "missing"):
        for version, state in made.states():
            for top_k in (2, 100):
                results = made.ask("search_text", query=query, top_k=top_k, **version)["results"]
                assert_found(results, text_scores(state, query, k1, b), top_k)


def test_a_text_without_any_token_in_its_version(memory: Database) -> None:
    made = collection(memory)
    made.index_text()
    made.upsert({"id": "a", "text": "the"})
    made.mark()
    made.upsert({"id": "a", "text": "red"})
    assert made.ask("search_text", query="red", version=1) == {"results": []}
    assert_found(made.ask("search_text", query="red")["results"], text_scores(made.present, "red"), 10)


SIDES: dict[str, tuple[str, Any]] = {
    "query_vector": ("dense", [0.3, -1.0, 0.5, 0.2]),
    "query_terms": ("sparse", [[1, 1.0], [5, -0.5], [7, 2.0]]),
    "query_text": ("text", "running red foxes"),
}


def side(made: Collection, name: str, top_k: int, version: dict[str, Any]) -> list[str]:
    kind, value = SIDES[name]
    argument = "query" if kind == "text" else name
    results = made.ask(f"search_{kind}", **{argument: value}, top_k=top_k, **version)["results"]
    return [result["id"] for result in results]


@pytest.mark.parametrize(
    "names",
    [
        ("query_vector", "query_terms"),
        ("query_vector", "query_text"),
        ("query_terms", "query_text"),
        ("query_vector", "query_terms", "query_text"),
    ],
)
def test_hybrid(database: Database, names: tuple[str, ...]) -> None:
    made = changed(database)
    for version, _ in made.states():
        for top_k in (1, 3, 100):
            for constant in ({}, {"fusion_constant_k": 0.5}):
                query = {name: SIDES[name][1] for name in names}
                results = made.ask("search_hybrid", **query, **constant, top_k=top_k, **version)["results"]
                sides = [side(made, name, 3 * top_k, version) for name in names]
                expected = best(fused(sides, constant.get("fusion_constant_k", 60.0)), top_k)
                assert [result["id"] for result in results] == [id for id, _ in expected]
                assert [result["score"] for result in results] == pytest.approx([score for _, score in expected])


# Batches


def test_batches_answer_as_single_searches(database: Database) -> None:
    made = changed(database, store_raw_text=True)
    vectors = np.random.default_rng(3).normal(size=(4, SIZE)).astype("f4").tolist()
    german = {"Is": {"field_name": "lang", "field_value": "de", "operator": "Equal"}}
    hybrid = [
        {"query_vector": vectors[0], "query_text": "red"},
        {"query_terms": {"1": 1.0}, "query_text": "blue", "fusion_constant_k": 2, "top_k": 2},
    ]
    batches: list[tuple[str, str, list[Any], list[dict[str, Any]]]] = [
        (
            "dense",
            "queries",
            [{"vector": vectors[0]}, {"vector": vectors[1], "filter": german}, {"vector": vectors[2], "top_k": 1}],
            [
                {"query_vector": vectors[0]},
                {"query_vector": vectors[1], "filter": german},
                {"query_vector": vectors[2], "top_k": 1},
            ],
        ),
        (
            "sparse",
            "query_terms_list",
            [[[1, 1.0]], [], {"2": 1.0}],
            [{"query_terms": q} for q in ([[1, 1]], [], {2: 1})],
        ),
        ("text", "queries", ["red", "the", "running foxes"], [{"query": q} for q in ("red", "the", "running foxes")]),
        ("hybrid", "queries", hybrid, hybrid),
    ]
    for version, _ in made.states():
        for kind, listed, batch, alone in batches:
            shared = {"top_k": 4, "return_raw_text": True, **version}
            together = made.ask(f"batch_search_{kind}", **{listed: batch}, **shared)
            singly = [made.ask(f"search_{kind}", **{**shared, **query}) for query in alone]
            assert together == {"responses": singly}
            assert made.ask(f"batch_search_{kind}", **{listed: []}, **shared) == {"responses": []}


class Counting:
    """A database that counts how often it is asked."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queries: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def query(self, name: str, queries: Any) -> Any:
        self.queries.append(len(queries))
        return self.database.query(name, queries)


def test_a_batch_is_asked_at_once(memory: Database) -> None:
    made = changed(memory)
    counting = Counting(memory)
    asked = Collection.__new__(Collection)
    asked._call, asked.name = Service(counting).call, made.name  # type: ignore[arg-type]
    asked.ask("batch_search_dense", queries=[{"vector": [1.0] * SIZE}] * 5)
    asked.ask("batch_search_hybrid", queries=[{"query_vector": [1.0] * SIZE, "query_text": "red"}] * 3)
    assert counting.queries == [5, 6]


# What a result says


def test_results(database: Database) -> None:
    for raw in (False, True):
        made = collection(database, store_raw_text=raw)
        made.index_all()
        same = {"dense_values": [1.0, 0, 0, 0], "sparse_indices": [1], "sparse_values": [1.0], "text": "Red FOX"}
        made.upsert({"id": 1, **same}, {"id": "b", "document_id": "doc", **same}, {"id": "a", **same})
        number = made.mark()
        made.upsert({"id": "b", **same, "text": "blue"})
        made.upsert({"id": "b", "document_id": "doc", **same})
        asked: dict[str, dict[str, Any]] = {
            "search_dense": {"query_vector": [1, 0, 0, 0]},
            "search_sparse": {"query_terms": [[1, 1]]},
            "search_text": {"query": "fox"},
            "search_hybrid": {"query_terms": [[1, 1]], "query_text": "fox"},
        }
        for operation, query in asked.items():
            for version in ({}, {"version": number}):
                for shown in ({}, {"return_raw_text": True}, {"return_raw_text": False}):
                    results = made.ask(operation, **query, **version, **shown)["results"]
                    text = "Red FOX" if raw and shown.get("return_raw_text") else None
                    assert [(result["id"], result["document_id"]) for result in results] == [
                        ("1", None),
                        ("a", None),
                        ("b", "doc"),
                    ]
                    for result in results:
                        assert result.keys() == {"id", "document_id", "score", "text"}
                        assert result["text"] == text
                        assert type(result["score"]) is float


def test_ten_results_unless_told_otherwise(memory: Database) -> None:
    made = collection(memory)
    made.index_all()
    made.upsert(*some_vectors(40, 1))
    assert len(made.ask("search_dense", query_vector=[1, 0, 0, 0])["results"]) == 10
    assert len(made.ask("search_dense", query_vector=[1, 0, 0, 0], top_k=None)["results"]) == 10
    assert len(made.ask("search_dense", query_vector=[1, 0, 0, 0], top_k=np.int64(12))["results"]) == 12


# Filters

values = {"lang": ["de", "en"], "year": [2023, 2024, 2025]}
predicates = st.sampled_from([(name, value) for name in values for value in values[name]]).flatmap(
    lambda pair: st.sampled_from(["Equal", "NotEqual"]).map(
        lambda operator: {"field_name": pair[0], "field_value": pair[1], "operator": operator}
    )
)
filters = st.one_of(
    predicates.map(lambda one: {"Is": one}),
    st.tuples(st.sampled_from(["And", "Or"]), st.lists(predicates, min_size=1, max_size=3)).map(lambda p: {p[0]: p[1]}),
)


def passes(filter: dict[str, Any], metadata: dict[str, Any]) -> bool:
    [(kind, inner)] = filter.items()
    held = [
        (metadata.get(p["field_name"]) == p["field_value"]) is (p["operator"] == "Equal")
        for p in ([inner] if kind == "Is" else inner)
    ]
    return any(held) if kind == "Or" else all(held)


@pytest.fixture(scope="module")
def filtered(memory: Database) -> Collection:
    made = changed(memory)
    made.upsert({"id": "bare", "dense_values": [0.5, 0.5, 0.5, 0.5]})
    return made


@settings(max_examples=100, deadline=None)
@given(filter=filters)
def test_filters(filtered: Collection, filter: dict[str, Any]) -> None:
    query = [0.1, -0.4, 1.0, 0.3]
    for version, state in filtered.states():
        scores = dense_scores(state, "cosine", query, lambda metadata: passes(filter, metadata))
        alone = filtered.ask("search_dense", query_vector=query, filter=filter, top_k=8, **version)["results"]
        assert_found(alone, scores, 8)
        batch = [{"vector": query}, {"vector": query, "filter": filter}]
        both = filtered.ask("batch_search_dense", queries=batch, top_k=8, **version)["responses"]
        assert_found(both[0]["results"], dense_scores(state, "cosine", query), 8)
        assert both[1]["results"] == alone


def test_filters_over_a_database(database: Database) -> None:
    made = changed(database)
    filter = {
        "Or": [
            {"field_name": "lang", "field_value": "de", "operator": "NotEqual"},
            {"field_name": "year", "field_value": 2024, "operator": "Equal"},
        ]
    }
    for version, state in made.states():
        scores = dense_scores(state, "cosine", [1, 0, 0, 0], lambda metadata: passes(filter, metadata))
        results = made.ask("search_dense", query_vector=[1, 0, 0, 0], filter=filter, **version)["results"]
        assert_found(results, scores, 10)


# Versions

vectors = st.fixed_dictionaries(
    {"id": st.sampled_from("abcdef")},
    optional={
        "dense_values": st.lists(st.sampled_from([-1.0, 0.5, 2.0]), min_size=SIZE, max_size=SIZE),
        "text": st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join),
        "metadata": st.fixed_dictionaries({"lang": st.sampled_from(["de", "en"])}),
    },
).map(lambda vector: {**vector, "sparse_indices": [3, ord(vector["id"])], "sparse_values": [0.5, 1.0]})
steps = st.lists(
    st.one_of(
        st.lists(vectors, min_size=1, max_size=3).map(lambda some: ("upsert", some)),
        st.sampled_from("abcdef").map(lambda id: ("delete", [id])),
        st.just(("mark", [])),
        st.tuples(st.sampled_from(["switch", "forget"]), st.integers(0, 5)),
    ),
    max_size=14,
)
QUERIES: dict[str, dict[str, Any]] = {
    "search_dense": {"query_vector": [1.0, -0.5, 0.25, 0.1]},
    "search_sparse": {"query_terms": {3: 1.0, ord("a"): 0.25, ord("b"): 0.5}},
    "search_text": {"query": "red running foxes"},
    "search_hybrid": {"query_vector": [1.0, -0.5, 0.25, 0.1], "query_text": "blue green"},
}


@settings(max_examples=25, deadline=None)
@given(steps)
def test_a_version_is_searched_like_a_collection_that_holds_it(memory: Database, steps: list[tuple[str, Any]]) -> None:
    made = collection(memory)
    made.index_all()
    for step, argument in steps:
        if isinstance(argument, list):
            getattr(made, step)(*argument)
        elif made.versions:
            getattr(made, step)(sorted(made.versions)[argument % len(made.versions)])
    for version, state in made.states():
        fresh = collection(memory)
        fresh.index_all()
        if state:
            fresh.upsert(*state.values())
        for operation, query in QUERIES.items():
            found = made.ask(operation, **query, **version)
            expected = fresh.ask(operation, **query)
            assert [result["id"] for result in found["results"]] == [result["id"] for result in expected["results"]]
            assert [result["score"] for result in found["results"]] == pytest.approx(
                [result["score"] for result in expected["results"]], rel=1e-5
            )


# Neighbours


@pytest.mark.parametrize("metric", METRICS)
def test_neighbors(database: Database, metric: str) -> None:
    made = changed(database, metric)
    made.upsert({"id": 7, "dense_values": [1.0, 2.0, 3.0, 4.0]})
    for id in ("v4", "7", 7):
        found = made.ask("vector_neighbors", id=id)
        scores = dense_scores(made.present, metric, made.present[str(id)]["dense_values"])
        del scores[str(id)]
        assert all(one.keys() == {"id", "score"} for one in found)
        assert_found(found, scores, 10, smaller=metric in SMALLER_IS_NEARER)


def test_neighbors_of_nothing(database: Database) -> None:
    made = changed(database)
    for id in ("v9", "missing", "v5"):
        with pytest.raises(NotFoundError, match=f"^Vector Not Found! There is no '{id}' with dense values$") as caught:
            made.ask("vector_neighbors", id=id)
        assert caught.value.status == 400


# Writers beside readers


@pytest.mark.parametrize("operation", QUERIES)
def test_a_version_stays_the_same_while_others_write(memory: Database, operation: str) -> None:
    made = changed(memory)
    named, (_, expected_state) = max(made.versions), made.states()[-1]
    present = made.ask("create_version")["version_number"]
    count = 0

    def commit() -> None:
        nonlocal count
        count += 1
        made.upsert(*some_vectors(3, 100 + count, first=count))

    for version in (named, present):
        expected = made.ask(operation, **QUERIES[operation], version=version)
        for times in (1, 2, 5):
            disturbed = Service(Interfering(memory, commit, times))  # type: ignore[arg-type]
            got = disturbed.call(operation, {"collection": made.name, **QUERIES[operation], "version": version})
            assert got == expected
    assert expected_state
