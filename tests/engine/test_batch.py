"""Queries in a batch get the answers that they get alone, whether they are searched together or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from quiverdb.engine.batch import _key
from quiverdb.engine.collection import Collection
from quiverdb.engine.database import EngineDatabase
from quiverdb.engine.index.codes import Recipe
from quiverdb.engine.index.hnsw import Graph
from quiverdb.engine.planner import Plan
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import CollectionSpec, Distance, VectorSpec
from quiverdb.model.filter import Filter, MatchValue, Range
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.query import Mmr, Nearest, PointRef, Query, Sample, SearchParams
from quiverdb.model.result import Hit
from quiverdb.model.write import Upsert

COUNT, TAIL, SIZE = 600, 40, 8
SPEC = VectorSpec(SIZE, Distance.COSINE)


@pytest.fixture(scope="module")
def collection() -> Iterator[Collection]:
    """A collection of which a graph covers all points but a tail."""
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("c", CollectionSpec({"": SPEC}))
        rows = np.random.default_rng(0).normal(size=(COUNT, SIZE)).astype("f4")
        payloads = [{"n": number} for number in range(COUNT)]
        database.write("c", [Upsert(Points(list(range(COUNT)), {"": DenseColumn(rows)}, payloads))])
        found = database._find("c")
        stored = found.view.dense("")[: COUNT - TAIL]
        found.view.graphs[""] = Graph.build(SPEC, Recipe(16, 100), np.ascontiguousarray(stored))  # type: ignore[index]
        yield found


def plain(hits: list[Hit]) -> list[tuple[object, float, object]]:
    return [(hit.id, round(hit.score, 5), hit.payload) for hit in hits]


def vectors(count: int) -> list[Nearest]:
    return [Nearest(row) for row in np.random.default_rng(1).normal(size=(count, SIZE)).astype("f4")]


@pytest.mark.parametrize("params", [SearchParams(), SearchParams(indexed_only=True), SearchParams(exact=True)])
def test_answers_are_those_of_single_queries(collection: Collection, params: SearchParams) -> None:
    some = Filter(must=(Range("n", lt=400.0),))
    shared = {"params": params, "with_payload": True}
    queries = [Query(kind, limit=5, **shared) for kind in vectors(9)]
    queries += [
        Query(kind, limit=5, filter=some, offset=number % 2, **shared) for number, kind in enumerate(vectors(6))
    ]
    queries += [Query(kind, limit=5, score_threshold=0.5, **shared) for kind in vectors(3)]
    queries += [Query(Nearest(PointRef(3)), limit=5), Query(limit=4), Query(Nearest(vectors(1)[0].vector, Mmr()))]
    queries = [queries[place] for place in np.random.default_rng(2).permutation(len(queries))]
    for hits, query in zip(collection.query(queries), queries, strict=True):
        assert plain(hits) == plain(collection.query([query])[0])


def test_the_graph_and_its_tail_are_searched(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = collection.query([Query(kind, limit=9, params=SearchParams(exact=True)) for kind in vectors(30)])
    monkeypatch.setattr("quiverdb.engine.vectors.plan", lambda **_: Plan(300, 60))
    walks: list[int] = []
    search = Graph.search

    def counted(graph: Graph, query: np.ndarray, *rest: object) -> object:
        walks.append(len(query) if query.ndim > 1 else 1)
        return search(graph, query, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Graph, "search", counted)
    queries = [Query(kind, limit=9) for kind in vectors(30)]
    together = collection.query(queries)
    alone = [collection.query([query])[0] for query in queries]
    assert walks == [30] + [1] * 30
    assert list(map(plain, together)) == list(map(plain, alone)) == list(map(plain, truth))
    assert any(hit.id >= COUNT - TAIL for hits in together for hit in hits)


def test_only_plain_searches_are_made_together() -> None:
    first, second = vectors(2)
    assert _key(Query(first)) == _key(Query(second, with_payload=True, score_threshold=0.5))
    assert _key(Query(first)) != _key(Query(second, limit=11))
    assert _key(Query(first)) != _key(Query(second, params=SearchParams(ef=7)))
    assert _key(Query(first)) != _key(Query(second, filter=Filter()))
    for other in (Query(), Query(Sample()), Query(Nearest(PointRef(1))), Query(first, prefetch=(Query(),))):
        assert _key(other) is None


def test_a_wrong_vector_is_refused_and_no_queries_have_no_answers(collection: Collection) -> None:
    wrong = Query(Nearest(np.ones(SIZE + 1, "f4")))
    with pytest.raises(InvalidInputError, match="expected dim"):
        collection.query([Query(vectors(1)[0]), wrong])
    assert collection.query([]) == []


@pytest.mark.parametrize("values", [(1, True), (True, 1)])
def test_filters_that_python_takes_for_equal_are_answered_apart(values: tuple[int | bool, int | bool]) -> None:
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("c", CollectionSpec({"": SPEC}))
        rows = np.ones((2, SIZE), np.float32)
        database.write("c", [Upsert(Points([0, 1], {"": DenseColumn(rows)}, [{"x": 1}, {"x": True}]))])
        queries = [Query(Nearest(rows[0]), filter=Filter(must=(MatchValue("x", value),))) for value in values]
        assert [[hit.id for hit in hits] for hits in database.query("c", queries)] == [
            [int(value is True)] for value in values
        ]


def test_numbers_too_large_for_a_filter_are_refused_alike(collection: Collection) -> None:
    query = Query(Nearest(np.ones(SIZE, np.float32)), filter=Filter(must=(MatchValue("n", 1 << 70),)))
    for count in (1, 2):
        with pytest.raises(InvalidInputError, match="64 bits"):
            collection.query([query] * count)
