"""Calls of every method of the Qdrant client with every option of it, as data: what a client sends must not differ.

They are written with the models of the official client.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from qdrant_client import models as m

NAME = "things"
U = "550e8400-e29b-41d4-a716-446655440000"
VECTOR = [0.5, -0.25, 0.125]
ROWS = [[0.5, 0.25], [1.0, -2.0]]
SPARSE = m.SparseVector(indices=[1, 7], values=[0.5, 2.0])
F4 = np.array([0.1, -0.2, 0.7], "f4")
DAY = datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
NAIVE = datetime(2024, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Call:
    """A method and its arguments by name.

    ``cloud`` sends texts as they are. ``rest`` and ``grpc`` tell why the official request is no measure there.
    """

    method: str
    arguments: Mapping[str, Any]
    about: str = ""
    cloud: bool = False
    rest: str = ""
    grpc: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.about}".strip()


def table(method: str, rows: Mapping[str, Mapping[str, Any]], **common: Any) -> list[Call]:
    """Calls of one method: what is common to all, and a row each."""
    return [Call(method, {**common, **row}, about) for about, row in rows.items()]


def each(method: str, argument: str, values: Iterable[Any], **common: Any) -> list[Call]:
    """Calls of one method that differ in one argument."""
    return [Call(method, {**common, argument: value}, f"{argument} {place}") for place, value in enumerate(values)]


# --- filters


def field(key: str = "k", **test: Any) -> m.FieldCondition:
    return m.FieldCondition(key=key, **test)


PARIS = m.GeoPoint(lon=2.35, lat=48.85)
RING = m.GeoLineString(points=[m.GeoPoint(lon=x, lat=y) for x, y in ((0, 0), (0, 9), (9, 9), (0, 0))])
RED = field(match=m.MatchValue(value="red"))

CONDITIONS: list[Any] = [
    RED,
    field(match=m.MatchValue(value=5)),
    field(match=m.MatchValue(value=True)),
    field(match=m.MatchValue(value=False)),
    field(match=m.MatchText(text="red fox")),
    field(match=m.MatchTextAny(text_any="red fox")),
    field(match=m.MatchPhrase(phrase="red fox")),
    field(match=m.MatchPrefix(prefix="re")),
    field(match=m.MatchSubstring(substring="ed")),
    field(match=m.MatchAny(any=["a", "b"])),
    field(match=m.MatchAny(any=[1, 2])),
    field(match=m.MatchExcept(**{"except": ["a", "b"]})),
    field(match=m.MatchExcept(**{"except": [1, 2]})),
    field(range=m.Range(lt=1, gt=-1.5)),
    field(range=m.Range(lte=0, gte=0.0)),
    field(range=m.DatetimeRange(lt=DAY, gt=NAIVE)),
    field(range=m.DatetimeRange(lte=DAY, gte=datetime(2024, 1, 2, tzinfo=UTC))),
    field(range=m.DatetimeRange(gte=date(2024, 1, 2))),
    field(geo_bounding_box=m.GeoBoundingBox(top_left=PARIS, bottom_right=m.GeoPoint(lon=3, lat=40))),
    field(geo_radius=m.GeoRadius(center=PARIS, radius=1000.5)),
    field(geo_polygon=m.GeoPolygon(exterior=RING)),
    field(geo_polygon=m.GeoPolygon(exterior=RING, interiors=[RING])),
    field(values_count=m.ValuesCount(lt=3, lte=2, gt=0, gte=1)),
    field(is_empty=True),
    field(is_empty=False),
    field(is_null=True),
    field(is_null=False),
    m.IsEmptyCondition(is_empty=m.PayloadField(key="a.b[]")),
    m.IsNullCondition(is_null=m.PayloadField(key="k")),
    m.HasIdCondition(has_id=[1, U, 2**64 - 1]),
    m.HasVectorCondition(has_vector="v"),
    m.HasVectorCondition(has_vector=""),
    m.NestedCondition(nested=m.Nested(key="a", filter=m.Filter(must=[RED], must_not=[field(is_null=True)]))),
    m.SliceCondition(slice=m.Slice(total=4, index=1)),
    m.Filter(should=[RED, m.Filter(must_not=[RED])]),
]

FILTERS: list[Any] = [
    m.Filter(),
    m.Filter(must=[]),
    m.Filter(must=RED),
    m.Filter(must=[RED], should=[RED, RED], must_not=[RED]),
    m.Filter(should=RED, must_not=RED),
    m.Filter(min_should=m.MinShould(conditions=[RED, m.HasIdCondition(has_id=[1])], min_count=1)),
    *(m.Filter(must=[condition]) for condition in CONDITIONS),
]
SOME = m.Filter(must=[RED])

# --- queries

PAIR = m.ContextPair(positive=1, negative=VECTOR)
EXAMPLES: list[Any] = [1, U, VECTOR, SPARSE]
FEEDBACK = m.RelevanceFeedbackInput(
    target=VECTOR,
    feedback=[m.FeedbackItem(example=1, score=0.75), m.FeedbackItem(example=VECTOR, score=0.0)],
    strategy=m.NaiveFeedbackStrategy(naive=m.NaiveFeedbackStrategyParams(a=1.0, b=0.5, c=0.25)),
)
DECAY = {"x": "n", "target": 5.0, "scale": 2.0, "midpoint": 0.25}
EXPRESSIONS: list[Any] = [
    1.5,
    "$score[0]",
    RED,
    m.HasIdCondition(has_id=[1]),
    SOME,
    m.SumExpression(sum=["$score", 1.0, m.MultExpression(mult=["n", 2.0])]),
    m.MaxExpression(max=["n", 1.0]),
    m.MinExpression(min=["n", 1.0]),
    m.NegExpression(neg="n"),
    m.AbsExpression(abs=m.NegExpression(neg="n")),
    m.DivExpression(div=m.DivParams(left="n", right=2.0, by_zero_default=0.0)),
    m.DivExpression(div=m.DivParams(left="n", right="d")),
    m.SqrtExpression(sqrt="n"),
    m.PowExpression(pow=m.PowParams(base="n", exponent=2.0)),
    m.ExpExpression(exp="n"),
    m.Log10Expression(log10="n"),
    m.LnExpression(ln="n"),
    m.AcoshExpression(acosh="n"),
    m.GeoDistance(geo_distance=m.GeoDistanceParams(origin=PARIS, to="place")),
    m.DatetimeExpression(datetime="2024-01-02T03:04:05Z"),
    m.DatetimeKeyExpression(datetime_key="when"),
    m.ExpDecayExpression(exp_decay=m.DecayParamsExpression(**DECAY)),
    m.GaussDecayExpression(gauss_decay=m.DecayParamsExpression(x="n")),
    m.LinDecayExpression(lin_decay=m.DecayParamsExpression(x="n", target=m.DatetimeKeyExpression(datetime_key="when"))),
]
DEFAULTS = {"n": 1, "d": 2.5, "when": "2024-01-02T03:04:05Z", "place": {"lon": 1.0, "lat": 2.0}, "b": True}
BRANCH = m.Prefetch(query=VECTOR, using="v", limit=5)
BRANCHES = [
    m.Prefetch(),
    BRANCH,
    m.Prefetch(
        prefetch=[BRANCH, m.Prefetch(prefetch=BRANCH, query=m.FusionQuery(fusion=m.Fusion.DBSF))],
        query=m.RrfQuery(rrf=m.Rrf(k=3, weights=[1.0, 0.5])),
        filter=SOME,
        limit=7,
        score_threshold=0.25,
    ),
    m.Prefetch(
        query=1,
        using="v",
        params=m.SearchParams(exact=True),
        lookup_from=m.LookupLocation(collection="other", vector="w", shard_key="a"),
    ),
    m.Prefetch(query=SPARSE, using="s"),
    m.Prefetch(query=m.OrderByQuery(order_by="n")),
]
QUERIES: list[Any] = [
    None,
    VECTOR,
    F4,
    F4.astype("f8"),
    ROWS,
    np.array(ROWS, "f4"),
    SPARSE,
    7,
    U,
    UUID(U),
    m.NearestQuery(nearest=VECTOR),
    m.NearestQuery(nearest=SPARSE),
    m.NearestQuery(nearest=ROWS),
    m.NearestQuery(nearest=U),
    m.NearestQuery(nearest=VECTOR, mmr=m.Mmr()),
    m.NearestQuery(nearest=VECTOR, mmr=m.Mmr(diversity=0.25, candidates_limit=50)),
    m.RecommendQuery(recommend=m.RecommendInput(positive=EXAMPLES)),
    *(
        m.RecommendQuery(recommend=m.RecommendInput(positive=[1], negative=EXAMPLES, strategy=strategy))
        for strategy in m.RecommendStrategy
    ),
    m.DiscoverQuery(discover=m.DiscoverInput(target=1, context=PAIR)),
    m.DiscoverQuery(discover=m.DiscoverInput(target=VECTOR, context=[PAIR, PAIR])),
    m.DiscoverQuery(discover=m.DiscoverInput(target=SPARSE, context=[])),
    m.ContextQuery(context=PAIR),
    m.ContextQuery(context=[PAIR, m.ContextPair(positive=U, negative=SPARSE)]),
    m.OrderByQuery(order_by="n"),
    m.OrderByQuery(order_by=m.OrderBy(key="n")),
    m.OrderByQuery(order_by=m.OrderBy(key="n", direction=m.Direction.DESC, start_from=5)),
    m.OrderByQuery(order_by=m.OrderBy(key="n", direction=m.Direction.ASC, start_from=5.5)),
    m.OrderByQuery(order_by=m.OrderBy(key="n", start_from=DAY)),
    m.FusionQuery(fusion=m.Fusion.RRF),
    m.FusionQuery(fusion=m.Fusion.DBSF),
    m.RrfQuery(rrf=m.Rrf()),
    m.RrfQuery(rrf=m.Rrf(k=60)),
    m.RrfQuery(rrf=m.Rrf(weights=[1.0, 2.0])),
    m.SampleQuery(sample=m.Sample.RANDOM),
    m.RelevanceFeedbackQuery(relevance_feedback=FEEDBACK),
    m.TextQuery(text="red fox"),
    m.TextQuery(text=m.TextQueryInput(query="red fox")),
    m.TextQuery(text=m.TextQueryInput(query="red fox", scoring=m.Bm25Scoring(bm25=m.Bm25Params(k=1.5, b=0.5)))),
    m.FormulaQuery(formula=m.SumExpression(sum=EXPRESSIONS), defaults=DEFAULTS),
    *(m.FormulaQuery(formula=expression) for expression in EXPRESSIONS),
]

# --- what the methods share

SHARD_KEYS: list[Any] = ["a", 5, ["a", "b"], ["a", 5], m.ShardKeyWithFallback(target="a", fallback=5)]
CONSISTENCIES: list[Any] = [2, *m.ReadConsistencyType]
ORDERINGS = list(m.WriteOrdering)
WITH_PAYLOAD: list[Any] = [
    True,
    False,
    ["a", "b.c"],
    ("a",),
    [],
    m.PayloadSelectorInclude(include=["a"]),
    m.PayloadSelectorExclude(exclude=["a"]),
]
WITH_VECTORS: list[Any] = [True, False, ["v"], ("v", "w"), []]
SEARCH_PARAMS = [
    m.SearchParams(),
    m.SearchParams(hnsw_ef=64, exact=False, indexed_only=True),
    m.SearchParams(quantization=m.QuantizationSearchParams(ignore=True, rescore=False, oversampling=1.5)),
    m.SearchParams(quantization=m.QuantizationSearchParams()),
    m.SearchParams(acorn=m.AcornSearchParams(enable=True, max_selectivity=0.25)),
    m.SearchParams(idf=m.IdfScope.GLOBAL),
    m.SearchParams(idf=m.IdfCorpusParams(corpus=SOME)),
]
LOOKUPS = [m.LookupLocation(collection="other"), m.LookupLocation(collection="o", vector="w", shard_key=["a", 2])]


def read(method: str, **needed: Any) -> list[Call]:
    """What all reading methods take."""
    common = {"collection_name": NAME, **needed}
    found = each(method, "shard_key_selector", SHARD_KEYS, **common) + each(method, "timeout", [1, 30], **common)
    return found if method == "count" else found + each(method, "consistency", CONSISTENCIES, **common)


def searched(method: str, **needed: Any) -> list[Call]:
    """What all methods take that query."""
    common = {"collection_name": NAME, **needed}
    options = {
        "query": QUERIES,
        "query_filter": FILTERS if method == "query_points" else [SOME],
        "search_params": SEARCH_PARAMS,
        "prefetch": [BRANCH, BRANCHES, []],
        "with_payload": WITH_PAYLOAD,
        "with_vectors": WITH_VECTORS,
        "lookup_from": LOOKUPS,
        "using": ["v", ""],
        "limit": [1],
        "score_threshold": [0, 0.25, -1.0],
    }
    return [
        Call(method, common),
        *itertools.chain(*(each(method, name, values, **common) for name, values in options.items())),
        *read(method, **needed),
    ]


REQUEST = m.QueryRequest(
    query=m.NearestQuery(nearest=VECTOR),
    using="v",
    prefetch=BRANCHES,
    filter=SOME,
    params=SEARCH_PARAMS[1],
    score_threshold=0.5,
    limit=3,
    offset=2,
    with_vector=["v"],
    with_payload=["a"],
    lookup_from=LOOKUPS[1],
    shard_key="a",
)
WITH_LOOKUPS: list[Any] = [
    "other",
    m.WithLookup(collection="other"),
    m.WithLookup(collection="other", with_payload=["a"], with_vectors=["v"]),
    m.WithLookup(collection="other", with_payload=False, with_vectors=True),
]
SEARCHES = [
    *searched("query_points"),
    *each("query_points", "offset", [0, 5], collection_name=NAME),
    *searched("query_points_groups", group_by="k"),
    *each("query_points_groups", "with_lookup", WITH_LOOKUPS, collection_name=NAME, group_by="a.b[]"),
    *each("query_points_groups", "group_size", [5], collection_name=NAME, group_by="k"),
    *table(
        "query_batch_points",
        {
            "none": {"requests": []},
            "all options": {"requests": [REQUEST, m.QueryRequest()]},
            "options": {"requests": [REQUEST], "timeout": 3, "consistency": m.ReadConsistencyType.QUORUM},
            **{
                f"query {place}": {"requests": [m.QueryRequest(query=query)]}
                for place, query in enumerate(QUERIES)
                if not isinstance(query, np.ndarray)
            },
        },
        collection_name=NAME,
    ),
    *(
        call
        for method in ("search_matrix_pairs", "search_matrix_offsets")
        for call in [
            Call(method, {"collection_name": NAME}),
            Call(method, {"collection_name": NAME, "query_filter": SOME, "limit": 2, "sample": 4, "using": "v"}, "all"),
            *read(method),
        ]
    ),
]
READS = [
    Call("retrieve", {"collection_name": NAME, "ids": [1, U, 2**64 - 1]}),
    Call("retrieve", {"collection_name": NAME, "ids": [UUID(U)]}, "UUID"),
    Call("retrieve", {"collection_name": NAME, "ids": (1, 2)}, "tuple"),
    *each("retrieve", "with_payload", WITH_PAYLOAD, collection_name=NAME, ids=[1]),
    *each("retrieve", "with_vectors", WITH_VECTORS, collection_name=NAME, ids=[1]),
    *read("retrieve", ids=[1]),
    Call("scroll", {"collection_name": NAME}),
    *each("scroll", "scroll_filter", FILTERS, collection_name=NAME),
    *each("scroll", "with_payload", WITH_PAYLOAD, collection_name=NAME),
    *each("scroll", "with_vectors", WITH_VECTORS, collection_name=NAME),
    *each("scroll", "offset", [0, 5, U], collection_name=NAME),
    *each(
        "scroll",
        "order_by",
        ["n", *(query.order_by for query in QUERIES if isinstance(query, m.OrderByQuery))],
        collection_name=NAME,
        limit=3,
    ),
    *read("scroll"),
    *table("count", {"": {}, "filtered": {"count_filter": SOME, "exact": False}}, collection_name=NAME),
    Call(
        "count",
        {"collection_name": NAME, "count_filter": m.Filter(must=[RED.model_copy(update={"range": m.Range(lt=5)})])},
        "of two tests",
        grpc="the official client leaves out all but one test of a condition",
    ),
    *read("count"),
    *table("facet", {"": {}, "all": {"facet_filter": SOME, "limit": 3, "exact": True}}, collection_name=NAME, key="k"),
    *read("facet", key="k"),
]

# --- points

PAYLOAD = {
    "s": "ü\u2028",
    "i": 2**53 + 1,
    "f": 1.0,
    "n": None,
    "t": True,
    "l": [1, [2.5, {"x": None}], []],
    "o": {"a": {"b": []}, "": {}},
}
VECTORS: list[Any] = [
    VECTOR,
    F4.tolist(),
    ROWS,
    {},
    {"v": VECTOR, "s": SPARSE, "m": ROWS},
    {"v": VECTOR, "s": m.SparseVector(indices=[], values=[])},
]
STRUCTS = [m.PointStruct(id=1, vector=VECTOR, payload=PAYLOAD), m.PointStruct(id=U, vector=VECTOR, payload={})]
BATCHES = [
    m.Batch(ids=[1, U], vectors=[VECTOR, VECTOR]),
    m.Batch(ids=[1, 2], vectors=[VECTOR, VECTOR], payloads=[PAYLOAD, {}]),
    m.Batch(ids=[1, 2], vectors=[ROWS, ROWS]),
    m.Batch(ids=[1, 2], vectors={"v": [VECTOR, VECTOR], "s": [SPARSE, SPARSE], "m": [ROWS, ROWS]}),
]
DOCUMENT = m.Document(text="red fox", model="Qdrant/bm25", options={"language": "english", "k": 1.5})
OBJECTS = [
    DOCUMENT,
    m.Document(text="red fox", model="a/b"),
    m.Image(image="https://example.com/a.png", model="a/b", options={"x": [1, None]}),
    m.InferenceObject(object={"a": 1}, model="a/b", options={"x": 1}),
]
SELECTORS: list[Any] = [
    [1, U],
    [UUID(U)],
    m.PointIdsList(points=[1, U]),
    m.PointIdsList(points=[1], shard_key="a"),
    SOME,
    m.FilterSelector(filter=SOME),
    m.FilterSelector(filter=SOME, shard_key=["a", 5]),
]


def changed(method: str, *, shards: bool = True, **needed: Any) -> list[Call]:
    """What all writing methods take."""
    common = {"collection_name": NAME, **needed}
    return [
        Call(method, common),
        *each(method, "wait", [False], **common),
        *each(method, "ordering", ORDERINGS, **common),
        *each(method, "timeout", [1, 30], **common),
        *(each(method, "shard_key_selector", SHARD_KEYS, **common) if shards else ()),
    ]


INSERTS: list[Any] = [
    *(m.PointsList(points=STRUCTS, **more) for more in ({}, {"shard_key": "a", "update_filter": SOME})),
    *(m.PointsBatch(batch=batch) for batch in BATCHES),
    m.PointsBatch(batch=BATCHES[0], shard_key=5, update_filter=SOME, update_mode=m.UpdateMode.INSERT_ONLY),
]
CHANGES: list[Any] = [
    *(m.UpsertOperation(upsert=points) for points in INSERTS),
    m.DeleteOperation(delete=m.PointIdsList(points=[1, U], shard_key="a")),
    m.DeleteOperation(delete=m.FilterSelector(filter=SOME, shard_key="a")),
    m.SetPayloadOperation(set_payload=m.SetPayload(payload=PAYLOAD, points=[1], key="a.b", shard_key="a")),
    m.SetPayloadOperation(set_payload=m.SetPayload(payload={}, filter=SOME)),
    m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(payload=PAYLOAD, points=[1], key="a.b", shard_key="a")),
    m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(payload=PAYLOAD, filter=SOME)),
    m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["a", "b.c"], points=[1], shard_key="a")),
    m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["a"], filter=SOME)),
    m.ClearPayloadOperation(clear_payload=m.PointIdsList(points=[1], shard_key="a")),
    m.ClearPayloadOperation(clear_payload=m.FilterSelector(filter=SOME)),
    m.UpdateVectorsOperation(
        update_vectors=m.UpdateVectors(
            points=[m.PointVectors(id=1, vector=vector) for vector in VECTORS], shard_key="a", update_filter=SOME
        )
    ),
    m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(points=[1], vector=["v"], shard_key="a")),
    m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(filter=SOME, vector=["v", ""])),
]
WRITES = [
    *changed("upsert", points=STRUCTS),
    *each(
        "upsert",
        "points",
        [
            *([m.PointStruct(id=1, vector=vector)] for vector in VECTORS),
            *BATCHES,
        ],
        collection_name=NAME,
    ),
    *each("upsert", "update_filter", [SOME], collection_name=NAME, points=STRUCTS),
    *each("upsert", "update_filter", [SOME], collection_name=NAME, points=BATCHES[0]),
    *each("upsert", "update_mode", m.UpdateMode, collection_name=NAME, points=STRUCTS),
    *changed("update_vectors", points=[m.PointVectors(id=1, vector=VECTOR)]),
    *each(
        "update_vectors",
        "points",
        [[m.PointVectors(id=place, vector=vector) for place in (1, U)] for vector in VECTORS],
        collection_name=NAME,
        update_filter=SOME,
    ),
    *changed("delete_vectors", vectors=["v"], points=[1]),
    *each("delete_vectors", "points", SELECTORS, collection_name=NAME, vectors=["v", ""]),
    *changed("delete", points_selector=[1]),
    *each("delete", "points_selector", SELECTORS, collection_name=NAME),
    *changed("set_payload", payload=PAYLOAD, points=[1]),
    *each("set_payload", "points", SELECTORS, collection_name=NAME, payload={"a": None}, key="a.b[0]"),
    *changed("overwrite_payload", payload=PAYLOAD, points=[1]),
    *each("overwrite_payload", "points", SELECTORS, collection_name=NAME, payload={}),
    *changed("delete_payload", keys=["a"], points=[1]),
    *each("delete_payload", "points", SELECTORS, collection_name=NAME, keys=["a", "b.c"]),
    *changed("clear_payload", points_selector=[1]),
    *each("clear_payload", "points_selector", SELECTORS, collection_name=NAME),
    *changed("batch_update_points", shards=False, update_operations=CHANGES),
    *each("batch_update_points", "update_operations", [[change] for change in CHANGES], collection_name=NAME),
]
TUNED = m.Document(text="red", model="Qdrant/bm25", options=m.Bm25Config(k=1.5, lowercase=False, language="none"))
FAILS = "the official client fails at options that are a Bm25Config"
INFERENCE = [
    Call(method, {"collection_name": NAME, argument: value}, "tuned", cloud=True, grpc=FAILS)
    for method, argument, value in (
        ("query_points", "query", TUNED),
        ("upsert", "points", [m.PointStruct(id=1, vector=TUNED)]),
    )
] + [
    replace(call, cloud=True)
    for call in [
        *each("query_points", "query", OBJECTS, collection_name=NAME),
        *each("query_points", "query", [m.NearestQuery(nearest=thing) for thing in OBJECTS], collection_name=NAME),
        *each("query_points", "prefetch", [m.Prefetch(query=thing) for thing in OBJECTS], collection_name=NAME),
        *each("query_points_groups", "query", OBJECTS, collection_name=NAME, group_by="k"),
        *each("query_batch_points", "requests", [[m.QueryRequest(query=OBJECTS[0])]], collection_name=NAME),
        *each(
            "upsert",
            "points",
            [
                *([m.PointStruct(id=1, vector=vector)] for thing in OBJECTS for vector in (thing, {"v": thing})),
                m.Batch(ids=[1, 2], vectors=[DOCUMENT, DOCUMENT]),
                m.Batch(ids=[1, 2], vectors={"v": [DOCUMENT, VECTOR]}),
            ],
            collection_name=NAME,
        ),
        *each(
            "update_vectors", "points", [[m.PointVectors(id=1, vector={"v": DOCUMENT})]], collection_name=NAME
        ),
    ]
]  # fmt: skip

# --- collections

DENSE = m.VectorParams(size=3, distance=m.Distance.COSINE)
HNSW = m.HnswConfigDiff(
    m=8,
    ef_construct=50,
    full_scan_threshold=100,
    max_indexing_threads=0,
    on_disk=True,
    memory=m.Memory.COLD,
    payload_m=4,
    inline_storage=True,
)
OPTIMIZERS = m.OptimizersConfigDiff(
    deleted_threshold=0.25,
    vacuum_min_vector_number=100,
    default_segment_number=0,
    max_segment_size=1000,
    memmap_threshold=2000,
    indexing_threshold=3000,
    flush_interval_sec=4,
    prevent_unoptimized=True,
)
THREADS = m.OptimizersConfigDiff(max_optimization_threads=2)
REPEATED = "the official client says it twice, the second time in a field for servers of former years"
QUANTIZATIONS: list[Any] = [
    m.ScalarQuantization(scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8)),
    m.ScalarQuantization(
        scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8, quantile=0.5, always_ram=True, memory=m.Memory.PINNED)
    ),
    *(
        m.ProductQuantization(product=m.ProductQuantizationConfig(compression=ratio, always_ram=False))
        for ratio in m.CompressionRatio
    ),
    m.ProductQuantization(
        product=m.ProductQuantizationConfig(compression=m.CompressionRatio.X4, memory=m.Memory.CACHED)
    ),
    m.BinaryQuantization(binary=m.BinaryQuantizationConfig()),
    *(
        m.BinaryQuantization(
            binary=m.BinaryQuantizationConfig(
                always_ram=True, memory=m.Memory.COLD, encoding=encoding, query_encoding=query
            )
        )
        for encoding in m.BinaryQuantizationEncoding
        for query in m.BinaryQuantizationQueryEncoding
    ),
    m.TurboQuantization(turbo=m.TurboQuantQuantizationConfig()),
    *(
        m.TurboQuantization(turbo=m.TurboQuantQuantizationConfig(bits=bits, always_ram=True, memory=m.Memory.PINNED))
        for bits in m.TurboQuantBitSize
    ),
]
STRICT = m.StrictModeConfig(
    enabled=True,
    max_query_limit=1,
    max_timeout=2,
    unindexed_filtering_retrieve=False,
    unindexed_filtering_update=True,
    search_max_hnsw_ef=3,
    search_allow_exact=False,
    search_max_oversampling=1.5,
    upsert_max_batchsize=4,
    search_max_batchsize=5,
    max_collection_vector_size_bytes=6,
    read_rate_limit=7,
    write_rate_limit=8,
    max_collection_payload_size_bytes=9,
    max_points_count=10,
    filter_max_conditions=11,
    condition_max_size=12,
    multivector_config={"m": m.StrictModeMultivector(max_vectors=13), "n": m.StrictModeMultivector()},
    sparse_config={"s": m.StrictModeSparse(max_length=14)},
    max_payload_index_count=15,
    max_resident_memory_percent=50,
)
MAX_SIM = m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM)
SPARSE_PARAMS = {
    "s": m.SparseVectorParams(),
    "i": m.SparseVectorParams(modifier=m.Modifier.IDF, index=m.SparseIndexParams()),
    "n": m.SparseVectorParams(
        modifier=m.Modifier.NONE,
        index=m.SparseIndexParams(
            full_scan_threshold=5, on_disk=True, memory=m.Memory.COLD, datatype=m.Datatype.FLOAT16
        ),
    ),
}
COLLECTION_OPTIONS: dict[str, Any] = {
    "hnsw_config": [m.HnswConfigDiff(), HNSW],
    "optimizers_config": [
        m.OptimizersConfigDiff(),
        OPTIMIZERS,
        m.OptimizersConfigDiff(max_optimization_threads=m.MaxOptimizationThreadsSetting.AUTO),
    ],
    "quantization_config": QUANTIZATIONS,
    "timeout": [1, 30],
    "sparse_vectors_config": [SPARSE_PARAMS, {}],
    "strict_mode_config": [m.StrictModeConfig(), STRICT],
    "metadata": [{}, PAYLOAD],
}
CREATE_OPTIONS: dict[str, Any] = {
    **COLLECTION_OPTIONS,
    "shard_number": [2],
    "sharding_method": list(m.ShardingMethod),
    "replication_factor": [2],
    "write_consistency_factor": [2],
    "on_disk_payload": [True, False],
    "wal_config": [
        m.WalConfigDiff(),
        m.WalConfigDiff(wal_capacity_mb=1, wal_segments_ahead=2, wal_retain_closed=3),
    ],
    "payload": [m.PayloadStorageParams(memory=memory) for memory in m.Memory],
    "id_tracker": [m.IdTrackerParams(memory=memory) for memory in m.Memory],
    "vectors_config": [
        {},
        {"v": DENSE, "": DENSE},
        *(m.VectorParams(size=3, distance=distance) for distance in m.Distance),
        *(m.VectorParams(size=3, distance=m.Distance.DOT, datatype=datatype) for datatype in m.Datatype),
        m.VectorParams(
            size=3,
            distance=m.Distance.DOT,
            hnsw_config=HNSW,
            quantization_config=QUANTIZATIONS[1],
            on_disk=True,
            memory=m.Memory.CACHED,
            multivector_config=MAX_SIM,
        ),
    ],
}
UPDATE_OPTIONS: dict[str, Any] = {
    **COLLECTION_OPTIONS,
    "quantization_config": [*QUANTIZATIONS, m.Disabled.DISABLED],
    "collection_params": [
        m.CollectionParamsDiff(),
        m.CollectionParamsDiff(
            replication_factor=1,
            write_consistency_factor=2,
            read_fan_out_factor=3,
            read_fan_out_delay_ms=4,
            on_disk_payload=False,
            payload=m.PayloadStorageParams(memory=m.Memory.COLD),
            id_tracker=m.IdTrackerParams(memory=m.Memory.COLD),
        ),
    ],
    "vectors_config": [
        {"v": m.VectorParamsDiff()},
        *(
            {"v": m.VectorParamsDiff(hnsw_config=HNSW, quantization_config=quantization)}
            for quantization in [*QUANTIZATIONS, m.Disabled.DISABLED]
        ),
        {"": m.VectorParamsDiff(on_disk=False, memory=m.Memory.PINNED)},
    ],
}
COMMON = {"on_disk": True, "memory": m.Memory.COLD, "enable_hnsw": False, "nested": "a[]"}
SCHEMAS: list[Any] = [
    *m.PayloadSchemaType,
    "keyword",
    m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD),
    m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True, prefix=True, **COMMON),
    m.IntegerIndexParams(type=m.IntegerIndexType.INTEGER),
    m.IntegerIndexParams(type=m.IntegerIndexType.INTEGER, lookup=True, range=False, is_principal=True, **COMMON),
    m.FloatIndexParams(type=m.FloatIndexType.FLOAT, is_principal=True, **COMMON),
    m.GeoIndexParams(type=m.GeoIndexType.GEO, **COMMON),
    m.BoolIndexParams(type=m.BoolIndexType.BOOL, **COMMON),
    m.DatetimeIndexParams(type=m.DatetimeIndexType.DATETIME, is_principal=True, **COMMON),
    m.UuidIndexParams(type=m.UuidIndexType.UUID, is_tenant=True, **COMMON),
    m.TextIndexParams(type=m.TextIndexType.TEXT),
    *(m.TextIndexParams(type=m.TextIndexType.TEXT, tokenizer=tokenizer) for tokenizer in m.TokenizerType),
    m.TextIndexParams(
        type=m.TextIndexType.TEXT,
        min_token_len=1,
        max_token_len=20,
        lowercase=False,
        ascii_folding=True,
        phrase_matching=True,
        stopwords=m.Language.ENGLISH,
        stemmer=m.SnowballParams(type=m.Snowball.SNOWBALL, language=m.SnowballLanguage.ENGLISH),
        scoring=True,
        **COMMON,
    ),
    m.TextIndexParams(
        type=m.TextIndexType.TEXT,
        stopwords=m.StopwordsSet(languages=[m.Language.ENGLISH, m.Language.GERMAN], custom=["x"]),
        stemmer=m.DisabledStemmerParams(type=m.NoStemmer.NONE),
        scoring=m.TextScoringParams(type=m.TextScoringType.BM25),
    ),
    m.TextIndexParams(type=m.TextIndexType.TEXT, stopwords=m.StopwordsSet(), scoring=False),
]
VECTOR_NAMES: list[Any] = [
    m.DenseVectorNameConfig(dense=m.DenseVectorConfig(size=3, distance=m.Distance.DOT)),
    *(
        m.DenseVectorNameConfig(
            dense=m.DenseVectorConfig(size=3, distance=m.Distance.EUCLID, multivector_config=MAX_SIM, datatype=datatype)
        )
        for datatype in m.VectorStorageDatatype
    ),
    m.SparseVectorNameConfig(sparse=m.SparseVectorConfig()),
    m.SparseVectorNameConfig(
        sparse=m.SparseVectorConfig(modifier=m.Modifier.IDF, datatype=m.VectorStorageDatatype.UINT8)
    ),
]
ALIASES: list[Any] = [
    m.CreateAliasOperation(create_alias=m.CreateAlias(collection_name=NAME, alias_name="a")),
    m.RenameAliasOperation(rename_alias=m.RenameAlias(old_alias_name="a", new_alias_name="b")),
    m.DeleteAliasOperation(delete_alias=m.DeleteAlias(alias_name="b")),
]
COLLECTIONS = [
    *(
        call
        for method in ("create_collection", "recreate_collection")
        for name, values in CREATE_OPTIONS.items()
        for call in each(
            method,
            name,
            values,
            collection_name=NAME,
            **({} if name == "vectors_config" else {"vectors_config": DENSE}),
        )
    ),
    *(
        Call(method, {"collection_name": NAME, "optimizers_config": THREADS}, "threads", grpc=REPEATED)
        for method in ("create_collection", "update_collection")
    ),
    Call("create_collection", {"collection_name": NAME}),
    Call("update_collection", {"collection_name": NAME}),
    *(
        call
        for name, values in UPDATE_OPTIONS.items()
        for call in each("update_collection", name, values, collection_name=NAME)
    ),
    *table("delete_collection", {"": {}, "timeout": {"timeout": 3}}, collection_name=NAME),
    *table(
        "update_collection_aliases",
        {"all": {"change_aliases_operations": ALIASES}, "timeout": {"change_aliases_operations": [], "timeout": 3}},
    ),
    *(
        Call(method, {"collection_name": name}, about)
        for method in ("get_collection", "collection_exists", "get_collection_aliases")
        for about, name in {"": NAME, "quoted": "a b/c?d#e%f ü+"}.items()
    ),
    Call("get_collections", {}),
    Call("get_aliases", {}),
    *changed("create_payload_index", shards=False, field_name="a.b[]", field_schema="keyword"),
    *each("create_payload_index", "field_schema", SCHEMAS, collection_name=NAME, field_name="k"),
    *changed("delete_payload_index", shards=False, field_name="a.b[]"),
    *changed("create_vector_name", shards=False, vector_name="new", vector_name_config=VECTOR_NAMES[0]),
    *each("create_vector_name", "vector_name_config", VECTOR_NAMES, collection_name=NAME, vector_name="new"),
    *changed("delete_vector_name", shards=False, vector_name="a b"),
]

# --- shards, peers, snapshots

MOVE = {"shard_id": 3, "from_peer_id": 1, "to_peer_id": 2**63}
REPLICATE = m.ReplicateShardOperation(replicate_shard=m.ReplicateShard(**MOVE))
CLUSTER_OPERATIONS: list[Any] = [
    m.MoveShardOperation(move_shard=m.MoveShard(**MOVE)),
    *(m.MoveShardOperation(move_shard=m.MoveShard(method=method, **MOVE)) for method in m.ShardTransferMethod),
    REPLICATE,
    *(
        m.ReplicateShardOperation(replicate_shard=m.ReplicateShard(method=method, **MOVE))
        for method in m.ShardTransferMethod
    ),
    m.AbortTransferOperation(abort_transfer=m.AbortShardTransfer(**MOVE)),
    m.DropReplicaOperation(drop_replica=m.Replica(shard_id=2, peer_id=1)),
    m.CreateShardingKeyOperation(create_sharding_key=m.CreateShardingKey(shard_key="a")),
    m.CreateShardingKeyOperation(
        create_sharding_key=m.CreateShardingKey(
            shard_key=5, shards_number=1, replication_factor=2, placement=[1, 2], initial_state=m.ReplicaState.PARTIAL
        )
    ),
    m.DropShardingKeyOperation(drop_sharding_key=m.DropShardingKey(shard_key=5)),
    *(
        m.RestartTransferOperation(restart_transfer=m.RestartTransfer(method=method, **MOVE))
        for method in m.ShardTransferMethod
    ),
    m.ReplicatePointsOperation(replicate_points=m.ReplicatePoints(filter=SOME, from_shard_key="a", to_shard_key=5)),
    m.ReplicatePointsOperation(replicate_points=m.ReplicatePoints(from_shard_key="a", to_shard_key="b")),
]
RESHARDING: list[Any] = [
    m.AbortReshardingOperation(abort_resharding={}),
    *(
        m.StartReshardingOperation(start_resharding=m.StartResharding(direction=direction, peer_id=1, shard_key="a"))
        for direction in m.ReshardingDirection
    ),
]
SHARD_KEY_OPTIONS: dict[str, list[Any]] = {
    "shards_number": [2],
    "replication_factor": [2],
    "placement": [[1, 2], []],
    "initial_state": list(m.ReplicaState),
    "timeout": [3],
}
CLUSTER = [
    *each("create_shard_key", "shard_key", ["a", 5], collection_name=NAME),
    *(
        call
        for name, values in SHARD_KEY_OPTIONS.items()
        for call in each("create_shard_key", name, values, collection_name=NAME, shard_key="a")
    ),
    *each("delete_shard_key", "shard_key", ["a", 5], collection_name=NAME, timeout=3),
    Call("list_shard_keys", {"collection_name": NAME}),
    Call("collection_cluster_info", {"collection_name": NAME}),
    *each("cluster_collection_update", "cluster_operation", CLUSTER_OPERATIONS, collection_name=NAME),
    *(
        replace(call, about=f"resharding {call.about}", grpc="there is no message for it: both refuse")
        for call in each("cluster_collection_update", "cluster_operation", RESHARDING, collection_name=NAME)
    ),
    *each("cluster_collection_update", "timeout", [3], collection_name=NAME, cluster_operation=REPLICATE),
    Call("cluster_status", {}),
    *table("cluster_telemetry", {"": {}, "all": {"details_level": 3, "timeout": 4}}),
    Call("recover_current_peer", {}),
    *table("remove_peer", {"": {}, "all": {"force": True, "timeout": 4}, "no": {"force": False}}, peer_id=2**63 + 1),
    *table(
        "get_optimizations",
        {
            "": {},
            "one": {"with_": "queued", "completed_limit": 3},
            "several": {"with_": ["queued", "completed", "idle_segments"]},
        },
        collection_name=NAME,
    ),
    Call("info", {}),
]


def snapshots(kind: str, **owner: Any) -> list[Call]:
    """Make, list and delete the snapshots of an owner."""
    waits: dict[str, dict[str, Any]] = {"": {}, "later": {"wait": False}}
    return [
        *table(f"create_{kind}snapshot", waits, **owner),
        Call(f"list_{kind}snapshots", owner),
        *table(f"delete_{kind}snapshot", waits, snapshot_name="a b.snapshot", **owner),
    ]


RECOVERIES: dict[str, dict[str, Any]] = {
    "": {},
    "later": {"wait": False},
    "all": {"api_key": "secret", "checksum": "abc", "priority": m.SnapshotPriority.REPLICA},
    "no_sync": {"priority": m.SnapshotPriority.NO_SYNC},
}
SNAPSHOTS = [
    *snapshots("", collection_name=NAME),
    *snapshots("full_"),
    *snapshots("shard_", collection_name=NAME, shard_id=0),
    *table("recover_snapshot", RECOVERIES, collection_name=NAME, location="file:///a"),
    *table("recover_shard_snapshot", RECOVERIES, collection_name=NAME, shard_id=3, location="http://a/b?c=d"),
]


def every() -> list[Call]:
    """All calls."""
    return [*SEARCHES, *READS, *WRITES, *INFERENCE, *COLLECTIONS, *CLUSTER, *SNAPSHOTS]
