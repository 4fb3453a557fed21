"""Every kind of query, alone and over prefetches several levels deep, against Qdrant's own core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from edge import EdgeCollection
from edge_query import edge_answer
from pair import seeds
from query_world import ALL, COUNT, NAMES, SIZES, Author, Both, vector
from rows import Row, assert_ranked, rows
from targets import NAME, outcome

from quiverdb.qdrant import models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    made = Both()
    yield made
    made.close()


def compare(both: Both, request: models.QueryRequest, others: dict[str, EdgeCollection] | None = None) -> list[Row]:
    """Ask both; the oracle without a limit, so that equal scores may stand in any order."""
    whole = request.model_copy(update={"limit": ALL, "offset": None})
    want = outcome(lambda: edge_answer(both.oracle, whole, others))
    got = outcome(lambda: rows(both.client.query_batch_points(NAME, [request])[0].points))
    assert got.refusal == want.refusal, f"{got.reason} / {want.reason}"
    if want.refusal:
        return []
    assert_ranked(got.value, want.value, limit=request.limit, offset=request.offset or 0)
    return got.value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", seeds(4))
def test_kinds_over_one_vector(both: Both, name: str, seed: int) -> None:
    author = Author(100 + seed, (name,))
    for _ in range(20):
        compare(both, author.request(0))


@pytest.mark.parametrize("seed", seeds(24))
def test_kinds_over_prefetches(both: Both, seed: int) -> None:
    author = Author(1000 + seed)
    for depth in (1, 1, 1, 2, 2, 2, 3, 4):
        compare(both, author.request(depth))


@pytest.fixture
def other(both: Both) -> Iterator[EdgeCollection]:
    """Another collection, on both sides, whose vector ``x`` has the size of ``w``, and ``y`` another."""
    config = {
        "x": models.VectorParams(size=SIZES["w"], distance=models.Distance.DOT),
        "y": models.VectorParams(size=2, distance=models.Distance.DOT),
    }
    both.client.create_collection("other", config)
    oracle = EdgeCollection(config)
    random = np.random.default_rng(3)
    points = [
        models.PointStruct(id=i, vector={"x": random.normal(size=SIZES["w"]).tolist(), "y": [1.0, float(i)]})
        for i in range(10)
    ]
    points.append(models.PointStruct(id=10, vector={"y": [0.0, 1.0]}))
    both.client.upsert("other", points)
    oracle.upsert(points)
    yield oracle
    oracle.close()
    both.client.delete_collection("other")


def looked_up() -> list[Any]:
    """Queries whose examples are points."""
    pair = models.ContextPair(positive=1, negative=2)
    item = models.FeedbackItem(example=4, score=0.5)
    naive = models.NaiveFeedbackStrategy(naive=models.NaiveFeedbackStrategyParams(a=1, b=1, c=1))
    feedback = models.RelevanceFeedbackInput(target=3, feedback=[item], strategy=naive)
    kinds = [
        3,
        models.NearestQuery(nearest=3),
        models.DiscoverQuery(discover=models.DiscoverInput(target=3, context=pair)),
        models.ContextQuery(context=pair),
        models.RelevanceFeedbackQuery(relevance_feedback=feedback),
    ]
    for strategy in models.RecommendStrategy:
        given = models.RecommendInput(positive=[1, 2], negative=[3], strategy=strategy)
        kinds.append(models.RecommendQuery(recommend=given))
    return kinds


@pytest.mark.parametrize("query", looked_up(), ids=lambda query: type(query).__name__)
def test_lookup_from(both: Both, other: EdgeCollection, query: Any) -> None:
    """Vectors come from elsewhere; only points of the queried collection itself are left out."""
    for place in (
        models.LookupLocation(collection="other", vector="x"),
        models.LookupLocation(collection=NAME, vector="w"),
        models.LookupLocation(collection=NAME),
    ):
        request = models.QueryRequest(query=query, using="w", lookup_from=place, limit=ALL)
        found = {hit.id for hit in compare(both, request, {"other": other})}
        assert (3 in found) == (place.collection == "other" or isinstance(query, models.ContextQuery))
        prefetch = models.Prefetch(query=query, using="w", lookup_from=place, limit=20)
        fused = models.QueryRequest(query=models.FusionQuery(fusion=models.Fusion.RRF), prefetch=prefetch, limit=ALL)
        if type(query).__name__ != "ContextQuery":
            compare(both, fused, {"other": other})


@pytest.mark.parametrize("query", looked_up(), ids=lambda query: type(query).__name__)
@pytest.mark.parametrize(
    ("place", "status", "reason"),
    [
        (models.LookupLocation(collection="other", vector="y"), 400, "expected dim: 3, got 2"),
        (models.LookupLocation(collection="other", vector="z"), 400, "z"),
        (models.LookupLocation(collection="other"), 400, "w"),
        (models.LookupLocation(collection="nowhere", vector="x"), 404, "nowhere"),
    ],
)
def test_lookup_from_the_wrong_place(
    both: Both, other: EdgeCollection, query: Any, place: models.LookupLocation, status: int, reason: str
) -> None:
    with pytest.raises(UnexpectedResponse, match=reason) as caught:
        both.client.query_points(NAME, query, using="w", lookup_from=place)
    assert caught.value.status_code == status


def test_examples_that_are_missing(both: Both, other: EdgeCollection) -> None:
    """A point that is not there is an error; one without the vector too, but a recommendation passes over it."""
    place = models.LookupLocation(collection="other", vector="x")

    def ask(query: Any) -> list[Row]:
        return rows(both.client.query_points(NAME, query, using="w", lookup_from=place, limit=ALL).points)

    def recommend(strategy: Any, *positive: int, negative: tuple[int, ...] = ()) -> Any:
        given = models.RecommendInput(positive=list(positive), negative=list(negative), strategy=strategy)
        return models.RecommendQuery(recommend=given)

    for query in (99, recommend("best_score", 99), recommend("average_vector", 1, 99)):
        with pytest.raises(UnexpectedResponse, match="No point with id 99 found") as caught:
            ask(query)
        assert caught.value.status_code == 404
    with pytest.raises(UnexpectedResponse, match="point with id 10 has no vector") as caught:
        ask(10)
    assert caught.value.status_code == 404
    for strategy in models.RecommendStrategy:
        assert ask(recommend(strategy, 1, 10, negative=(10,))) == ask(recommend(strategy, 1))
    assert ask(recommend("best_score", 10)) == []
    with pytest.raises(UnexpectedResponse, match="needs a positive example") as caught:
        ask(recommend("average_vector", 10))
    assert caught.value.status_code == 400


def test_points_with_several_values_count_several_times_in_a_fusion(both: Both) -> None:
    prefetch = [
        models.Prefetch(query=models.OrderByQuery(order_by=models.OrderBy(key="many", start_from=0)), limit=2 * ALL),
        models.Prefetch(query=vector(np.random.default_rng(0), "v"), using="v", limit=5),
    ]
    dbsf = models.FusionQuery(fusion=models.Fusion.DBSF)
    request = models.QueryRequest(query=dbsf, prefetch=prefetch, limit=ALL)
    hits = rows(both.client.query_batch_points(NAME, [request])[0].points)
    want = edge_answer(both.oracle, request)
    assert {hit.id: hit.score for hit in hits} == pytest.approx({hit.id: hit.score for hit in want}, abs=1e-4)
    assert [hit.order_value for hit in hits] == [hit.order_value for hit in want]  # they come before scores
    assert sum(hit.score for hit in hits) == pytest.approx(0.5 * 2 * COUNT + 2.5, abs=1e-3)
    rrf = models.FusionQuery(fusion=models.Fusion.RRF)
    hits = rows(both.client.query_points(NAME, rrf, prefetch=prefetch, limit=ALL).points)
    total = sum(1 / (place + 2) for place in range(2 * COUNT)) + sum(1 / (place + 2) for place in range(5))
    assert sum(hit.score for hit in hits) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("method", ["fusion", "rrf"])
def test_a_fusion_score_may_equal_the_threshold(both: Both, method: str) -> None:
    """Unlike that of a vector, where the threshold itself does not pass."""
    query = models.FusionQuery(fusion=models.Fusion.RRF) if method == "fusion" else models.RrfQuery(rrf=models.Rrf(k=2))
    prefetch = models.Prefetch(query=vector(np.random.default_rng(0), "v"), using="v", limit=5)
    request = models.QueryRequest(query=query, prefetch=prefetch, limit=ALL, score_threshold=0.25)
    assert [hit.score for hit in compare(both, request)] == pytest.approx([1 / 2, 1 / 3, 1 / 4])


def test_sample_over_prefetches(both: Both) -> None:
    """Only with prefetches does the offset of a sample count."""
    query, chosen = models.SampleQuery(sample=models.Sample.RANDOM), models.Prefetch(limit=6)
    for offset in (0, 2):
        hits = both.client.query_points(NAME, query, prefetch=chosen, offset=offset, limit=ALL).points
        assert len({hit.id for hit in hits}) == len(hits) == 6 - offset
        assert {hit.id for hit in hits} <= set(range(6))
        assert {hit.score for hit in hits} == {1.0}
        assert len(both.client.query_points(NAME, query, offset=offset, limit=ALL).points) == COUNT


def test_wrong_examples_are_refused(both: Both) -> None:
    sparse = models.SparseVector(indices=[1], values=[1.0])
    nan = [float("nan")] * SIZES["w"]

    def recommend(*positive: Any, strategy: Any = None) -> Any:
        return models.RecommendQuery(recommend=models.RecommendInput(positive=list(positive), strategy=strategy))

    for strategy in models.RecommendStrategy:
        for wrong in ([1.0], sparse, nan):
            with pytest.raises(UnexpectedResponse) as caught:
                both.client.query_points(NAME, recommend([1.0] * SIZES["w"], wrong, strategy=strategy), using="w")
            assert caught.value.status_code == 400
        with pytest.raises(UnexpectedResponse, match="unknown") as caught:
            both.client.query_points(NAME, recommend(1, strategy=strategy), using="unknown")
        assert caught.value.status_code == 400
