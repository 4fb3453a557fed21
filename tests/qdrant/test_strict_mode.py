"""Strict mode: each limit just met and just exceeded, and nothing changed by what it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quiverdb.engine import memory, rates, strict
from quiverdb.errors import LimitError, RateLimitedError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.errors import unexpected_response
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

COUNT = 6
SPARSE = models.SparseVector(indices=[1, 2, 3], values=[1.0, 1.0, 1.0])
FUSION = models.FusionQuery(fusion=models.Fusion.RRF)
EXACT = models.SearchParams(exact=True)


def equals(key: str, value: Any) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def must(*conditions: Any) -> models.Filter:
    return models.Filter(must=list(conditions))


def search(client: QdrantClient, **options: Any) -> Any:
    return client.query_points("c", [0.0, 1.0], using="a", **options)


def point(id: int, **payload: Any) -> models.PointStruct:
    return models.PointStruct(id=id, vector={"a": [float(id), 1.0]}, payload={"word": "x", "number": id, **payload})


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """Six points of 8 bytes of vectors each."""
    with QdrantClient(":memory:") as made:
        made.create_collection(
            "c",
            {
                "a": models.VectorParams(size=2, distance=models.Distance.EUCLID),
                "scan": models.VectorParams(
                    size=2, distance=models.Distance.DOT, hnsw_config=models.HnswConfigDiff(m=0)
                ),
            },
            {"s": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )
        made.upsert("c", [point(id) for id in range(COUNT)])
        yield made


def limit(client: QdrantClient, **limits: Any) -> None:
    assert client.update_collection("c", strict_mode_config=models.StrictModeConfig(enabled=True, **limits))


def state(client: QdrantClient) -> Any:
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(enabled=False))
    info = client.get_collection("c")
    return client.scroll("c", limit=100, with_vectors=True), info.payload_schema, info.points_count


def refused(call: Callable[[], Any], code: int = 400) -> str:
    with pytest.raises(UnexpectedResponse) as caught:
        call()
    assert caught.value.status_code == code
    return str(caught.value.structured()["status"]["error"])


@dataclass
class Case:
    """Limits, a request that just keeps within them, one that just does not, and part of the answer to that."""

    limits: dict[str, Any]
    kept: Callable[[QdrantClient], Any]
    broken: Callable[[QdrantClient], Any]
    text: str
    prepare: Callable[[QdrantClient], Any] = field(default=lambda _: None)


def index(key: str, schema: Any) -> Callable[[QdrantClient], Any]:
    return lambda client: client.create_payload_index("c", key, schema)


WORD, NUMBER = must(equals("word", "x")), must(equals("number", 1))
READ, UPDATE = {"unindexed_filtering_retrieve": False}, {"unindexed_filtering_update": False}
CASES: dict[str, Case] = {
    "limit": Case(
        {"max_query_limit": 3},
        lambda c: search(c, limit=3),
        lambda c: search(c, limit=4),
        'Bad request: Limit exceeded 4 > 3 for "limit". Help: Reduce the "limit" parameter to or below 3.',
    ),
    "limit of a prefetch": Case(
        {"max_query_limit": 3},
        lambda c: c.query_points("c", FUSION, prefetch=models.Prefetch(query=[0, 1], using="a", limit=3), limit=3),
        lambda c: c.query_points("c", FUSION, prefetch=models.Prefetch(query=[0, 1], using="a", limit=4), limit=3),
        "4 > 3",
    ),
    "limit of groups": Case(
        {"max_query_limit": 6},
        lambda c: c.query_points_groups("c", "word", [0.0, 1.0], using="a", limit=2, group_size=3),
        lambda c: c.query_points_groups("c", "word", [0.0, 1.0], using="a", limit=2, group_size=4),
        "8 > 6",
    ),
    "limit of a page": Case(
        {"max_query_limit": 3}, lambda c: c.scroll("c", limit=3), lambda c: c.scroll("c"), "10 > 3"
    ),
    "limit of a facet": Case(
        {"max_query_limit": 3},
        lambda c: c.facet("c", "word", limit=3),
        lambda c: c.facet("c", "word", limit=4),
        "4 > 3",
    ),
    "limit of pairs": Case(
        {"max_query_limit": 6},
        lambda c: c.search_matrix_pairs("c", sample=3, limit=2, using="a"),
        lambda c: c.search_matrix_pairs("c", sample=3, limit=3, using="a"),
        "9 > 6",
    ),
    "timeout": Case(
        {"max_timeout": 5}, lambda c: search(c, timeout=5), lambda c: search(c, timeout=6), '6 > 5 for "timeout"'
    ),
    "ef": Case(
        {"search_max_hnsw_ef": 10},
        lambda c: search(c, search_params=models.SearchParams(hnsw_ef=10)),
        lambda c: search(c, search_params=models.SearchParams(hnsw_ef=11)),
        '11 > 10 for "hnsw_ef"',
    ),
    "oversampling": Case(
        {"search_max_oversampling": 1.5},
        lambda c: search(
            c, search_params=models.SearchParams(quantization=models.QuantizationSearchParams(oversampling=1.5))
        ),
        lambda c: search(
            c, search_params=models.SearchParams(quantization=models.QuantizationSearchParams(oversampling=1.6))
        ),
        '1.6 > 1.5 for "oversampling"',
    ),
    "batch of searches": Case(
        {"search_max_batchsize": 2},
        lambda c: c.query_batch_points("c", [models.QueryRequest()] * 2),
        lambda c: c.query_batch_points("c", [models.QueryRequest()] * 3),
        '3 > 2 for "search batch size"',
    ),
    "exact": Case(
        {"search_allow_exact": False},
        search,
        lambda c: search(c, search_params=EXACT),
        "Bad request: Exact search disabled!. Help: Set exact=false.",
    ),
    "exact prefetch": Case(
        {"search_allow_exact": False},
        lambda c: c.query_points("c", FUSION, prefetch=models.Prefetch(query=[0, 1], using="a")),
        lambda c: c.query_points("c", FUSION, prefetch=models.Prefetch(query=[0, 1], using="a", params=EXACT)),
        "Exact search disabled!",
    ),
    "exact count": Case(
        {"search_allow_exact": False}, lambda c: c.count("c", exact=False), lambda c: c.count("c"), "Exact search"
    ),
    "exact facet": Case(
        {"search_allow_exact": False},
        lambda c: c.facet("c", "word"),
        lambda c: c.facet("c", "word", exact=True),
        "Exact search",
    ),
    "scan": Case(
        {"search_allow_exact": False},
        search,
        lambda c: c.query_points("c", [0.0, 1.0], using="scan"),
        "Request is forbidden on 'scan' because vector indexing is disabled (hnsw_config.m = 0)",
    ),
    "conditions": Case(
        {"filter_max_conditions": 3},
        lambda c: c.count("c", must(WORD, models.NestedCondition(nested=models.Nested(key="n", filter=WORD)), *[
            equals("word", "x")])),
        lambda c: c.count("c", must(WORD, models.NestedCondition(nested=models.Nested(key="n", filter=WORD)), *[
            equals("word", "x"), models.HasIdCondition(has_id=[1])])),
        "Filter condition limit reached (4 > 3)",
    ),
    "size of a condition": Case(
        {"condition_max_size": 3},
        lambda c: c.count("c", must(models.FieldCondition(key="number", match=models.MatchAny(any=[1, 2, 3])))),
        lambda c: c.count("c", must(models.FieldCondition(key="number", match=models.MatchAny(any=[1, 2, 3, 4])))),
        "Condition size limit reached (4 > 3)",
    ),
    "size of a list of ids": Case(
        {"condition_max_size": 3},
        lambda c: c.count("c", must(must(models.HasIdCondition(has_id=[1, 2, 3])))),
        lambda c: c.count("c", must(must(models.HasIdCondition(has_id=[1, 2, 3, 4])))),
        "Condition size limit reached (4 > 3)",
    ),
    "conditions of a write": Case(
        {"filter_max_conditions": 1},
        lambda c: c.delete("c", must(equals("number", 99))),
        lambda c: c.delete("c", must(equals("number", 1), equals("word", "x"))),
        "Filter condition limit reached (2 > 1)",
    ),
    "conditions of a corpus": Case(
        {"filter_max_conditions": 0},
        search,
        lambda c: c.query_points(
            "c", SPARSE, using="s", search_params=models.SearchParams(idf=models.IdfCorpusParams(corpus=WORD))
        ),
        "Filter condition limit reached (1 > 0)",
    ),
    "substring": Case(
        {},
        lambda c: c.count("c", must(models.FieldCondition(key="word", match=models.MatchPrefix(prefix="x")))),
        lambda c: c.count("c", must(models.FieldCondition(key="word", match=models.MatchSubstring(substring="x")))),
        "Substring matching is not allowed",
    ),
    "points of an upsert": Case(
        {"upsert_max_batchsize": 2},
        lambda c: c.upsert("c", [point(0), point(1)]),
        lambda c: c.upsert("c", [point(7), point(8), point(9)]),
        '3 > 2 for "upsert limit"',
    ),
    "points of an upsert in a batch": Case(
        {"upsert_max_batchsize": 2},
        lambda c: c.batch_update_points(
            "c", [models.UpsertOperation(upsert=models.PointsList(points=[point(0), point(1)]))] * 2
        ),
        lambda c: c.batch_update_points(
            "c",
            [
                models.DeleteOperation(delete=models.PointIdsList(points=[1])),
                models.UpsertOperation(upsert=models.PointsList(points=[point(7), point(8), point(9)])),
            ],
        ),
        '3 > 2 for "upsert limit"',
    ),
    "points of an update": Case(
        {"upsert_max_batchsize": 1},
        lambda c: c.update_vectors("c", [models.PointVectors(id=1, vector={"a": [1.0, 1.0]})]),
        lambda c: c.update_vectors("c", [models.PointVectors(id=id, vector={"a": [5.0, 1.0]}) for id in (1, 2)]),
        '2 > 1 for "update limit"',
    ),
    "points": Case(
        {"max_points_count": COUNT + 1},
        lambda c: c.upsert("c", [point(6)]),
        lambda c: c.upsert("c", [point(7)]),
        f"Max points count limit of {COUNT + 1} reached!",
    ),
    "bytes of vectors": Case(
        {"max_collection_vector_size_bytes": 8 * COUNT + 1},
        lambda c: c.upsert("c", [point(6)]),
        lambda c: c.upsert("c", [point(7)]),
        "Max vector storage size limit of",
    ),
    "bytes of sparse vectors": Case(
        {"max_collection_vector_size_bytes": 8 * COUNT + 1},
        lambda c: c.update_vectors("c", [models.PointVectors(id=1, vector={"s": SPARSE})]),
        lambda c: c.update_vectors("c", [models.PointVectors(id=2, vector={"s": SPARSE})]),
        "Max vector storage size limit of",
    ),
    "bytes of payloads": Case(
        {"max_collection_payload_size_bytes": 300},
        lambda c: c.set_payload("c", {"long": "x" * 300}, [1]),
        lambda c: c.set_payload("c", {"long": "y"}, [1]),
        "Max payload storage size limit of 0.000286102MB reached!",
    ),
    "payload index": Case(
        {"max_payload_index_count": 1},
        index("word", "keyword"),
        index("number", "integer"),
        "Collection already has the maximum number of payload indices (1)",
    ),
    "length of sparse vectors": Case(
        {"sparse_config": {"s": {"max_length": 3}}},
        lambda c: c.upsert("c", [models.PointStruct(id=1, vector={"s": SPARSE})]),
        lambda c: c.upsert(
            "c", [models.PointStruct(id=1, vector={"s": models.SparseVector(indices=[1, 2, 3, 4], values=[1.0] * 4)})]
        ),
        "Bad request: Sparse vector 's' has a limit of 3 indices, but 4 were provided!",
    ),
    "index of a filter": Case(
        READ,
        lambda c: c.count("c", WORD),
        lambda c: c.count("c", NUMBER),
        'Index required but not found for "number" of one of the following types: [integer]. '
        "Help: Create an index for this key or use a different filter.",
        index("word", "keyword"),
    ),
    "index of a prefetch": Case(
        READ,
        lambda c: c.query_points("c", FUSION, prefetch=models.Prefetch(query=[0, 1], using="a", filter=WORD)),
        lambda c: c.query_points("c", FUSION, prefetch=models.Prefetch(query=[0, 1], using="a", filter=NUMBER)),
        'Index required but not found for "number"',
        index("word", "keyword"),
    ),
    "fitting index": Case(
        READ,
        lambda c: c.count("c", must(models.FieldCondition(key="number", range=models.Range(gt=1)))),
        lambda c: c.count("c", NUMBER),
        "[integer]",
        index("number", models.IntegerIndexParams(type="integer", lookup=False, range=True)),
    ),
    "index of a nested filter": Case(
        READ,
        lambda c: c.count("c", must(models.NestedCondition(nested=models.Nested(key="n", filter=WORD)))),
        lambda c: c.count("c", must(models.NestedCondition(nested=models.Nested(key="m", filter=WORD)))),
        '"m[].word"',
        index("n[].word", "keyword"),
    ),
    "index of an order": Case(
        READ,
        lambda c: c.scroll("c", order_by="number"),
        lambda c: c.scroll("c", order_by="word"),
        "No range index for `order_by` key: `word`",
        lambda c: [index("number", "integer")(c), index("word", "keyword")(c)],
    ),
    "index of an ordering query": Case(
        READ,
        lambda c: c.query_points("c", models.OrderByQuery(order_by="number")),
        lambda c: c.query_points("c", models.OrderByQuery(order_by="word")),
        "No range index for `order_by` key: `word`",
        index("number", "integer"),
    ),
    "index of a facet": Case(
        READ,
        lambda c: c.facet("c", "word"),
        lambda c: c.facet("c", "number"),
        "No appropriate index for faceting: `number`",
        lambda c: [index("word", "keyword")(c), index("number", "float")(c)],
    ),
    "index of groups": Case(
        READ,
        lambda c: c.query_points_groups("c", "word", [0.0, 1.0], using="a"),
        lambda c: c.query_points_groups("c", "number", [0.0, 1.0], using="a"),
        'Index required but not found for "number"',
        index("word", "keyword"),
    ),
    "index of a formula": Case(
        READ,
        lambda c: c.query_points(
            "c",
            models.FormulaQuery(formula=models.SumExpression(sum=["$score", "number"])),
            prefetch=models.Prefetch(query=[0, 1], using="a"),
        ),
        lambda c: c.query_points(
            "c",
            models.FormulaQuery(formula=models.SumExpression(sum=["$score", "other"]), defaults={"other": 1}),
            prefetch=models.Prefetch(query=[0, 1], using="a"),
        ),
        'Index required but not found for "other" of one of the following types: [float, integer]',
        index("number", "integer"),
    ),
    "index of a write": Case(
        UPDATE,
        lambda c: c.set_payload("c", {"number": 0}, must(equals("word", "y"))),
        lambda c: c.set_payload("c", {"number": 0}, NUMBER),
        'Index required but not found for "number"',
        index("word", "keyword"),
    ),
    "index of a deletion": Case(
        UPDATE | READ,
        lambda c: c.delete("c", must(equals("word", "y"))),
        lambda c: c.delete("c", models.FilterSelector(filter=NUMBER)),
        'Index required but not found for "number"',
        index("word", "keyword"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_limits(client: QdrantClient, name: str) -> None:
    case = CASES[name]
    case.prepare(client)
    limit(client, **case.limits)
    case.kept(client)
    assert case.text in refused(lambda: case.broken(client))
    kept = state(client)
    limit(client, **case.limits)
    refused(lambda: case.broken(client))
    assert state(client) == kept
    case.broken(client)  # which was fine but for the limits


@pytest.mark.parametrize("enabled", [False, None])
@pytest.mark.parametrize("name", CASES)
def test_limits_do_nothing_unless_enabled(client: QdrantClient, name: str, enabled: bool | None) -> None:
    case = CASES[name]
    case.prepare(client)
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(enabled=enabled, **case.limits))
    case.kept(client)
    case.broken(client)


def test_writes_that_make_room_pass(client: QdrantClient) -> None:
    limit(
        client, max_points_count=1, max_collection_vector_size_bytes=1, max_collection_payload_size_bytes=1,
        max_resident_memory_percent=1,
    )  # fmt: skip
    client.delete_payload("c", ["word"], [1])
    client.clear_payload("c", [1])
    client.delete_vectors("c", ["a"], [2])
    client.delete("c", [0, 1])
    assert client.count("c").count == COUNT - 2


@pytest.mark.parametrize(
    ("schema", "condition", "types"),
    [
        ("keyword", equals("k", "x"), None),
        ("text", equals("k", "x"), "[keyword]"),
        ("keyword", equals("k", "550e8400-e29b-41d4-a716-446655440000"), None),
        ("uuid", equals("k", "550e8400-e29b-41d4-a716-446655440000"), None),
        ("uuid", equals("k", "x"), "[keyword]"),
        (None, equals("k", "550e8400-e29b-41d4-a716-446655440000"), "[keyword, uuid]"),
        ("bool", equals("k", True), None),
        ("integer", equals("k", True), "[bool]"),
        ("integer", models.FieldCondition(key="k", match=models.MatchAny(any=[1])), None),
        ("keyword", models.FieldCondition(key="k", match=models.MatchAny(any=[1])), "[integer]"),
        (None, models.FieldCondition(key="k", match=models.MatchAny(any=[])), None),
        ("keyword", models.FieldCondition(key="k", match=models.MatchExcept(**{"except": ["x"]})), None),
        ("text", models.FieldCondition(key="k", match=models.MatchText(text="x")), None),
        ("keyword", models.FieldCondition(key="k", match=models.MatchTextAny(text_any="x")), "[text]"),
        ("text", models.FieldCondition(key="k", match=models.MatchPhrase(phrase="x")),
         "[text (with phrase_matching: true)]"),
        (models.TextIndexParams(type="text", phrase_matching=True),
         models.FieldCondition(key="k", match=models.MatchPhrase(phrase="x")), None),
        ("keyword", models.FieldCondition(key="k", match=models.MatchPrefix(prefix="x")),
         "[keyword (with prefix: true)]"),
        (models.KeywordIndexParams(type="keyword", prefix=True),
         models.FieldCondition(key="k", match=models.MatchPrefix(prefix="x")), None),
        ("float", models.FieldCondition(key="k", range=models.Range(gt=1)), None),
        ("integer", models.FieldCondition(key="k", range=models.Range(gt=1)), None),
        ("datetime", models.FieldCondition(key="k", range=models.Range(gt=1)), "[float, integer]"),
        ("datetime", models.FieldCondition(key="k", range=models.DatetimeRange(gt="2024-01-01T00:00:00Z")), None),
        ("integer", models.FieldCondition(key="k", range=models.DatetimeRange(gt="2024-01-01T00:00:00Z")),
         "[datetime]"),
        ("geo", models.FieldCondition(
            key="k", geo_radius=models.GeoRadius(center=models.GeoPoint(lon=0, lat=0), radius=1)), None),
        ("float", models.FieldCondition(
            key="k", geo_radius=models.GeoRadius(center=models.GeoPoint(lon=0, lat=0), radius=1)), "[geo]"),
        ("geo", models.IsEmptyCondition(is_empty=models.PayloadField(key="k")), None),
        ("bool", models.FieldCondition(key="k", values_count=models.ValuesCount(gt=1)), None),
        (None, models.IsNullCondition(is_null=models.PayloadField(key="k")),
         "[bool, datetime, float, geo, integer, keyword, text, uuid]"),
        (None, models.HasIdCondition(has_id=[1]), None),
        (None, models.HasVectorCondition(has_vector="a"), None),
    ],
)  # fmt: skip
def test_conditions_need_a_fitting_index(client: QdrantClient, schema: Any, condition: Any, types: str | None) -> None:
    if schema is not None:
        client.create_payload_index("c", "k", schema)
    limit(client, **READ)
    for filter in (must(condition), models.Filter(should=[must(condition)]), models.Filter(must_not=[condition])):
        if types is None:
            client.count("c", filter)
        else:
            assert f'not found for "k" of one of the following types: {types}.' in refused(
                lambda filter=filter: client.count("c", filter)
            )


def test_tenants_may_be_scanned(client: QdrantClient) -> None:
    client.create_payload_index("c", "word", models.KeywordIndexParams(type="keyword", is_tenant=True))
    hnsw = models.VectorParamsDiff(hnsw_config=models.HnswConfigDiff(payload_m=8))
    client.update_collection("c", vectors_config={"scan": hnsw})
    limit(client, search_allow_exact=False)
    client.query_points("c", [0.0, 1.0], using="scan", query_filter=WORD)
    assert "m = 0" in refused(lambda: client.query_points("c", [0.0, 1.0], using="scan", query_filter=NUMBER))


def test_lengths_of_multivectors() -> None:
    limits = models.StrictModeConfig(enabled=True, multivector_config={"m": {"max_vectors": 2}})
    checked = strict.Strict(_spec(limits))
    for rows in (2, 3):
        points = strict.Points([1], {"m": [np.ones((rows, 4), "f4")]})
        if rows == 2:
            checked._check_lengths(points)
        else:
            with pytest.raises(LimitError, match="Multivector 'm' has a limit of 2 vectors, but 3 were provided!"):
                checked._check_lengths(points)


def test_multivectors_are_limited_by_rows_and_bytes() -> None:
    """Each row takes 8 bytes."""
    rows = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    params = {"m": models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=rows)}

    def upsert(id: int, count: int) -> None:
        client.upsert("c", [models.PointStruct(id=id, vector={"m": [[1.0, 0.0]] * count})])

    with QdrantClient(":memory:") as client:
        client.create_collection("c", params)
        limit(client, multivector_config={"m": {"max_vectors": 2}}, max_collection_vector_size_bytes=33)
        upsert(1, 2)
        assert "Multivector 'm' has a limit of 2 vectors, but 3 were provided!" in refused(lambda: upsert(2, 3))
        upsert(2, 2)
        upsert(3, 1)
        assert "Max vector storage size" in refused(lambda: upsert(4, 1))
        assert client.count("c").count == 3


def _spec(limits: models.StrictModeConfig) -> Any:
    from quiverdb.qdrant.request.collections import collection_spec

    return collection_spec(strict_mode=limits).strict_mode


def test_memory(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(client, max_resident_memory_percent=50)
    for used, passes in ((49, True), (None, True), (50, False)):
        monkeypatch.setattr(strict, "resident_percent", lambda used=used: used)
        if passes:
            client.upsert("c", [point(1)])
        else:
            assert "at 50% of total memory" in refused(lambda: client.upsert("c", [point(1)]))
            assert "at 50% of total memory" in refused(lambda: client.set_payload("c", {"a": 1}, [1]))


def test_the_memory_of_this_process_is_a_part_of_all() -> None:
    used = memory.resident_percent()
    assert used is None or 0 <= used < 100


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [1000.0]
    monkeypatch.setattr(rates.Bucket.__init__, "__defaults__", (lambda: now[0],))
    return now


def waiting(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ResourceExhaustedResponse) as caught:
        call()
    return caught.value.retry_after_s, caught.value.message


def test_reads_per_minute(client: QdrantClient, clock: list[float]) -> None:
    limit(client, read_rate_limit=4)
    for _ in range(4):
        search(client)
    wait, message = waiting(lambda: search(client))
    assert wait == 15
    assert message.startswith("Rate limiting exceeded: Read rate limit exceeded: Operation requires 1 tokens but only")
    clock[0] += 14.0
    assert waiting(lambda: search(client))[0] == 1
    clock[0] += 1.0
    search(client)
    client.upsert("c", [point(1)])
    assert client.get_collection("c").points_count == COUNT
    client.update_collection("c", metadata={"other": "settings"})
    assert waiting(lambda: search(client))[0] == 15
    clock[0] += 1e6
    for _ in range(4):
        search(client)
    waiting(lambda: search(client))


READS: dict[str, tuple[int, Callable[[QdrantClient], Any]]] = {
    "search": (1, search),
    "filtered search": (3, lambda c: search(c, query_filter=must(equals("word", "x"), equals("number", 1)))),
    "recommend": (
        3,
        lambda c: c.query_points(
            "c",
            models.RecommendQuery(
                recommend=models.RecommendInput(positive=[1, 2], negative=[3], strategy="best_score")
            ),
            using="a",
        ),
    ),
    "prefetches": (
        5,
        lambda c: c.query_points(
            "c",
            FUSION,
            prefetch=[models.Prefetch(query=[0, 1], using="a", filter=WORD), models.Prefetch(query=1, using="a")],
            query_filter=WORD,
        ),
    ),
    "sparse": (3, lambda c: c.query_points("c", SPARSE, using="s")),
    "batch": (2, lambda c: c.query_batch_points("c", [models.QueryRequest()] * 2)),
    "page": (2, lambda c: c.scroll("c", WORD)),
    "ids": (3, lambda c: c.retrieve("c", [1, 2, 3])),
    "count": (2, lambda c: c.count("c", WORD)),
    "facet": (1, lambda c: c.facet("c", "word")),
    "groups": (1, lambda c: c.query_points_groups("c", "word", [0.0, 1.0], using="a")),
    "matrix": (4, lambda c: c.search_matrix_offsets("c", sample=4, using="a")),
}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", READS)
def test_what_reads_cost(client: QdrantClient, name: str) -> None:
    cost, call = READS[name]
    limit(client, read_rate_limit=cost)
    call(client)
    waiting(lambda: call(client))
    if cost > 1:
        limit(client, read_rate_limit=cost - 1)
        with pytest.raises(UnexpectedResponse, match="split it") as caught:
            call(client)
        assert caught.value.status_code == 429


WRITES: dict[str, tuple[int, Callable[[QdrantClient], Any]]] = {
    "upsert": (2, lambda c: c.upsert("c", [point(1, new=1), point(9)])),
    "ids": (3, lambda c: c.delete("c", [1, 2, 99])),
    "filter": (COUNT, lambda c: c.set_payload("c", {"new": 1}, WORD)),
    "empty": (1, lambda c: c.delete("c", must(equals("word", "none")))),
    "index": (1, index("word", "keyword")),
    "batch": (
        4,
        lambda c: c.batch_update_points(
            "c",
            [
                models.UpsertOperation(upsert=models.PointsList(points=[point(20), point(21)])),
                models.ClearPayloadOperation(clear_payload=models.PointIdsList(points=[1, 2])),
            ],
        ),
    ),
}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", WRITES)
def test_what_writes_cost(client: QdrantClient, name: str) -> None:
    cost, call = WRITES[name]
    before = state(client)
    if cost > 1:
        limit(client, write_rate_limit=cost - 1)
        with pytest.raises(UnexpectedResponse, match="Write rate limit exceeded") as caught:
            call(client)
        assert caught.value.status_code == 429
        assert state(client) == before
    limit(client, write_rate_limit=cost)
    call(client)
    search(client)
    waiting(lambda: client.upsert("c", [point(1)]))


def test_uploads_wait_their_turn(client: QdrantClient, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("quiverdb.qdrant._upload.time.sleep", sleep)
    limit(client, write_rate_limit=2)
    client.upload_points("c", [point(id) for id in range(100, 106)], batch_size=2)
    assert slept == [60.0, 60.0]
    assert client.count("c").count == COUNT + 6
    with pytest.raises(UnexpectedResponse, match="split it"):
        client.upload_points("c", [point(id) for id in range(3)], batch_size=3)


def test_every_call_with_a_deadline_is_checked(client: QdrantClient) -> None:
    limit(client, max_timeout=5)
    free = {
        "create_collection", "recreate_collection", "update_collection", "delete_collection", "create_shard_key",
        "cluster_collection_update",
        "update_collection_aliases", "delete_shard_key",
    }  # fmt: skip
    arguments: dict[str, Any] = {"collection_name": "c", "timeout": 6}
    checked = 0
    for name, _ in inspect.getmembers(QdrantClient, inspect.isfunction):
        method = getattr(client, name)
        parameters = inspect.signature(method).parameters
        if name.startswith("_") or not {"collection_name", "timeout"} <= parameters.keys() or name in free:
            continue
        required = {key for key, value in parameters.items() if value.default is inspect.Parameter.empty}
        given = dict.fromkeys(required - {"collection_name"}, "x")
        assert '6 > 5 for "timeout"' in refused(lambda method=method, given=given: method(**given, **arguments)), name
        checked += 1
    assert checked >= 20


@pytest.mark.parametrize(
    "limits",
    [
        {"max_query_limit": 0}, {"max_timeout": 0}, {"read_rate_limit": 0}, {"write_rate_limit": -1},
        {"max_points_count": 0}, {"search_max_hnsw_ef": -1}, {"max_resident_memory_percent": 101},
        {"upsert_max_batchsize": -5}, {"search_max_oversampling": -0.1},
    ],
)  # fmt: skip
def test_senseless_limits_are_refused(client: QdrantClient, limits: dict[str, Any]) -> None:
    before = client.get_collection("c")
    assert next(iter(limits)) in refused(lambda: limit(client, **limits), 422)
    assert client.get_collection("c") == before


def test_limits_outlive_the_client(tmp_path: Path) -> None:
    with QdrantClient(path=tmp_path) as client:
        limits = models.StrictModeConfig(enabled=True, max_query_limit=2)
        params = models.VectorParams(size=2, distance=models.Distance.DOT)
        client.create_collection("c", params, strict_mode_config=limits)
        assert "3 > 2" in refused(lambda: client.scroll("c", limit=3))
    with QdrantClient(path=tmp_path) as client:
        assert "3 > 2" in refused(lambda: client.scroll("c", limit=3))


def test_what_a_server_answers() -> None:
    response = unexpected_response(RateLimitedError("slowly", retry_after=1.2))
    assert response is not None
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")
    assert "retry-after" not in (unexpected_response(RateLimitedError("never", retry_after=None)) or response).headers
