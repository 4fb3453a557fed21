"""Queries of the dialect become queries of the model; those that mean nothing are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from qdrant_client import models as official

from quiverdb.errors import InvalidInputError
from quiverdb.model.filter import Filter, GeoPoint, HasId, MatchValue
from quiverdb.model.query import (
    Context,
    ContextPair,
    Discover,
    Expression,
    FacetQuery,
    Feedback,
    FeedbackItem,
    Formula,
    Fusion,
    GroupQuery,
    Lookup,
    MatrixQuery,
    Mmr,
    Nearest,
    OrderBy,
    PointRef,
    Query,
    Recommend,
    Sample,
    SearchParams,
    Select,
    Text,
)
from quiverdb.qdrant import models
from quiverdb.qdrant.request import queries
from quiverdb.qdrant.request.inference import NotEmbeddedError
from quiverdb.qdrant.request.legacy import named_vector

UUID_TEXT = "123e4567-e89b-12d3-a456-426614174000"
NEW_YEAR = 1_704_067_200_000_000
FILTER = {"must": [{"has_id": [7]}]}
CHOSEN = Filter(must=(HasId((7,)),))


def plain(value: Any) -> Any:
    """Write a model as nested tuples that can be compared, arrays included."""
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.tolist())
    if isinstance(value, msgspec.Struct):
        return (type(value).__name__, *((name, plain(getattr(value, name))) for name in value.__struct_fields__))
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def f4(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


VECTOR = [0.5, 1.0]
ARRAY = f4(0.5, 1.0)

KINDS: dict[str, tuple[str, Any, Any]] = {
    "vector": ("NearestQuery", {"nearest": VECTOR}, Nearest(ARRAY)),
    "id": ("NearestQuery", {"nearest": 7}, Nearest(PointRef(7))),
    "uuid": ("NearestQuery", {"nearest": UUID_TEXT.upper()}, Nearest(PointRef(UUID_TEXT))),
    "rows": ("NearestQuery", {"nearest": [VECTOR, VECTOR]}, Nearest(np.array([ARRAY, ARRAY]))),
    "mmr": (
        "NearestQuery",
        {"nearest": VECTOR, "mmr": {"diversity": 0.25, "candidates_limit": 50}},
        Nearest(ARRAY, Mmr(0.25, 50)),
    ),
    "mmr by default": ("NearestQuery", {"nearest": VECTOR, "mmr": {}}, Nearest(ARRAY, Mmr(0.5, None))),
    "recommend": (
        "RecommendQuery",
        {"recommend": {"positive": [1, VECTOR], "negative": [2]}},
        Recommend((PointRef(1), ARRAY), (PointRef(2),)),
    ),
    "recommend by score": (
        "RecommendQuery",
        {"recommend": {"negative": [2], "strategy": "best_score"}},
        Recommend((), (PointRef(2),), "best_score"),
    ),
    "discover": (
        "DiscoverQuery",
        {"discover": {"target": 1, "context": [{"positive": 2, "negative": VECTOR}]}},
        Discover(PointRef(1), (ContextPair(PointRef(2), ARRAY),)),
    ),
    "discover by one pair": (
        "DiscoverQuery",
        {"discover": {"target": 1, "context": {"positive": 2, "negative": 3}}},
        Discover(PointRef(1), (ContextPair(PointRef(2), PointRef(3)),)),
    ),
    "context": (
        "ContextQuery",
        {"context": {"positive": 2, "negative": 3}},
        Context((ContextPair(PointRef(2), PointRef(3)),)),
    ),
    "order_by": ("OrderByQuery", {"order_by": "a"}, OrderBy("a")),
    "order_by down": (
        "OrderByQuery",
        {"order_by": {"key": "a", "direction": "desc", "start_from": 5}},
        OrderBy("a", "desc", 5),
    ),
    "order_by date": (
        "OrderByQuery",
        {"order_by": {"key": "a", "start_from": "2024-01-01T00:00:00Z"}},
        OrderBy("a", "asc", NEW_YEAR),
    ),
    "fusion": ("FusionQuery", {"fusion": "dbsf"}, Fusion("dbsf")),
    "rrf": ("RrfQuery", {"rrf": {"k": 60, "weights": [1, 0.5]}}, Fusion("rrf", 60, (1.0, 0.5))),
    "formula": (
        "FormulaQuery",
        {"formula": {"sum": ["$score", 1.0]}, "defaults": {"a": 1}},
        Formula(Expression("sum", (Expression("score", value=0), Expression("const", value=1.0))), {"a": 1}),
    ),
    "sample": ("SampleQuery", {"sample": "random"}, Sample()),
    "feedback": (
        "RelevanceFeedbackQuery",
        {
            "relevance_feedback": {
                "target": VECTOR,
                "feedback": [{"example": 1, "score": 0.5}],
                "strategy": {"naive": {"a": 1, "b": 2, "c": -3}},
            }
        },
        Feedback(ARRAY, (FeedbackItem(PointRef(1), 0.5),), 1.0, 2.0, -3.0),
    ),
    "text": ("TextQuery", {"text": "a b"}, Text("a b")),
    "text with scoring": (
        "TextQuery",
        {"text": {"query": "a b", "scoring": {"bm25": {"k": 2.0}}}},
        Text("a b", k=2.0),
    ),
}


@pytest.mark.parametrize("written", ["dict", "ours", "official"])
@pytest.mark.parametrize("case", KINDS)
def test_kind(case: str, written: str) -> None:
    name, given, expected = KINDS[case]
    source = {"ours": models, "official": official}.get(written)
    value = getattr(source, name)(**given) if source else given
    assert plain(queries.kind_of(value)) == plain(expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (VECTOR, ARRAY),
        (tuple(VECTOR), ARRAY),
        (np.array(VECTOR), ARRAY),
        ([VECTOR], np.array([ARRAY])),
        (7, PointRef(7)),
        (np.int64(7), PointRef(7)),
        (UUID_TEXT, PointRef(UUID_TEXT)),
        ([1, 2], f4(1, 2)),
    ],
)
def test_bare_vectors_and_ids_are_nearest(given: Any, expected: Any) -> None:
    assert plain(queries.kind_of(given)) == plain(Nearest(expected))


def test_a_float32_array_is_searched_as_it_is() -> None:
    assert queries.kind_of(ARRAY).vector is ARRAY


@pytest.mark.parametrize("given", [True, 1.5, "abc", -1, object(), models.Fusion.RRF, {"x": 1}, models.SearchParams()])
def test_other_queries_are_refused(given: Any) -> None:
    with pytest.raises(InvalidInputError):
        queries.kind_of(given)


def test_what_is_to_be_embedded_says_so() -> None:
    for query in (models.Document(text="a", model="m"), models.NearestQuery(nearest={"text": "a", "model": "m"})):
        with pytest.raises(NotEmbeddedError, match="Document"):
            queries.kind_of(query)


def test_all_parts_of_a_query() -> None:
    found = queries.query(
        VECTOR,
        using="a",
        prefetch=models.Prefetch(
            query=models.SparseVector(indices=[1], values=[0.5]),
            using="s",
            filter=FILTER,
            params={"exact": True},
            score_threshold=0.1,
            limit=5,
            lookup_from={"collection": "other", "vector": "v"},
            prefetch=[official.Prefetch(query=[1.0], limit=2), {"query": 3}],
        ),
        filter=FILTER,
        params=models.SearchParams(hnsw_ef=64),
        limit=3,
        offset=2,
        with_payload=["a"],
        with_vectors=["b"],
        score_threshold=0.5,
        lookup_from=models.LookupLocation(collection="other"),
        shard_key="k",
    )
    inner = found.prefetch[0]
    assert inner.kind.vector.indices.tolist() == [1]
    assert (inner.using, inner.filter, inner.limit, inner.score_threshold) == ("s", CHOSEN, 5, 0.1)
    assert inner.params == SearchParams(exact=True)
    assert inner.lookup_from == Lookup("other", "v")
    assert [(leaf.limit, plain(leaf.kind)) for leaf in inner.prefetch] == [
        (2, plain(Nearest(f4(1)))),
        (10, plain(Nearest(PointRef(3)))),
    ]
    assert plain(found) == plain(
        Query(
            Nearest(ARRAY),
            found.prefetch,
            "a",
            CHOSEN,
            SearchParams(ef=64),
            0.5,
            3,
            2,
            Select(include=("a",)),
            ("b",),
            Lookup("other"),
            ("k",),
        )
    )


def test_a_query_of_nothing_has_defaults() -> None:
    assert plain(queries.query()) == plain(Query())


@pytest.mark.parametrize("source", [models, official, None])
def test_a_request_is_read_from_any_object(source: Any) -> None:
    fields = {"query": VECTOR, "filter": FILTER, "limit": 3, "with_payload": True, "with_vector": ["a"], "offset": 1}
    given = fields if source is None else source.QueryRequest(**fields)
    expected = Query(Nearest(ARRAY), filter=CHOSEN, limit=3, offset=1, with_payload=True, with_vectors=("a",))
    assert plain(queries.query_request(given)) == plain(expected)


def test_a_called_query_is_a_request() -> None:
    assert plain(queries.query_request(models.Query(vector=VECTOR, limit=3))) == plain(Query(Nearest(ARRAY), limit=3))


def nested(depth: int) -> Any:
    inner = None
    for _ in range(depth):
        inner = models.Prefetch.model_construct(
            query=1,
            prefetch=inner,
            filter=None,
            params=None,
            using=None,
            limit=1,
            score_threshold=None,
            lookup_from=None,
        )
    return inner


FUSION = models.FusionQuery(fusion=models.Fusion.RRF)
BRANCH = models.Prefetch(query=VECTOR)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"prefetch": BRANCH}, "query that ranks"),
        ({"query": VECTOR, "prefetch": {"prefetch": {"query": 1}}}, "query that ranks"),
        ({"query": FUSION}, "needs a prefetch"),
        ({"query": models.FormulaQuery(formula=1.0)}, "needs a prefetch"),
        ({"query": FUSION, "prefetch": BRANCH, "using": "a"}, "using"),
        ({"query": models.RrfQuery(rrf={"weights": [1.0, 2.0]}), "prefetch": BRANCH}, "2 weights for 1"),
        ({"query": models.RrfQuery(rrf={"k": 0}), "prefetch": BRANCH}, "k must be at least 1"),
        ({"score_threshold": 0.5}, "score_threshold"),
        ({"query": models.OrderByQuery(order_by="a"), "score_threshold": 0.5}, "score_threshold"),
        ({"query": VECTOR, "limit": 0}, "limit must be at least 1"),
        ({"query": VECTOR, "limit": True}, "limit must be an integer"),
        ({"query": VECTOR, "limit": 1.5}, "limit must be an integer"),
        ({"query": VECTOR, "offset": -1}, "offset must be at least 0"),
        ({"query": models.RecommendQuery(recommend={})}, "positive example"),
        ({"query": models.RecommendQuery(recommend={"strategy": "sum_scores"})}, "needs an example"),
        ({"query": models.NearestQuery(nearest=VECTOR, mmr={"diversity": 1.5})}, "diversity"),
        ({"query": models.NearestQuery(nearest=VECTOR, mmr={"candidates_limit": 16385})}, "candidates_limit"),
        ({"query": VECTOR, "prefetch": nested(65)}, "64 deep"),
        ({"query": VECTOR, "prefetch": {"limit": 0, "query": 1}}, "limit"),
        ({"query": VECTOR, "with_vectors": "a"}, "with_vectors"),
        ({"query": VECTOR, "with_payload": "a"}, "expected one of"),
        ({"query": VECTOR, "with_payload": {"only": ["a"]}}, "WithPayloadInterface"),
        ({"query": VECTOR, "params": {"ef": 1}}, "ef"),
        ({"query": VECTOR, "lookup_from": "a"}, "LookupLocation"),
        ({"query": VECTOR, "filter": 5}, "int"),
    ],
)
def test_queries_without_meaning_are_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        queries.query(**arguments)


def test_prefetches_may_be_nested_deep() -> None:
    assert queries.query(VECTOR, prefetch=nested(64)).prefetch


@pytest.mark.parametrize("source", [models, official])
def test_search_parameters(source: Any) -> None:
    given = source.SearchParams(
        hnsw_ef=10,
        exact=True,
        indexed_only=True,
        quantization=source.QuantizationSearchParams(ignore=True, rescore=False, oversampling=2.5),
        acorn=source.AcornSearchParams(enable=True, max_selectivity=0.5),
        idf=source.IdfCorpusParams(corpus=FILTER),
    )
    expected = SearchParams(10, True, True, True, False, 2.5, True, 0.5, CHOSEN)
    assert queries.search_params(given) == expected
    assert queries.search_params(source.SearchParams(idf="global")).idf == "global"
    assert queries.search_params(None) == queries.search_params(source.SearchParams()) == SearchParams()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (True, True),
        (False, False),
        (None, True),
        (["a"], Select(include=("a",))),
        (models.PayloadSelectorInclude(include=["a"]), Select(include=("a",))),
        (official.PayloadSelectorExclude(exclude=["a"]), Select(exclude=("a",))),
        ({"exclude": ["a"]}, Select(exclude=("a",))),
    ],
)
def test_payload_selectors(given: Any, expected: Any) -> None:
    assert queries.payload_selector(given, default=True) == expected


def test_groups() -> None:
    query = queries.query(VECTOR)
    assert plain(queries.groups(query, group_by="a", group_size=None)) == plain(GroupQuery(query, "a", 3))
    found = queries.groups(query, group_by="a", group_size=2, with_lookup={"collection": "c", "with_payload": ["b"]})
    assert (found.query, found.group_by, found.group_size) == (query, "a", 2)
    assert (found.lookup_collection, found.lookup_with_payload, found.lookup_with_vectors) == (
        "c",
        Select(include=("b",)),
        False,
    )
    named = queries.groups(query, group_by="a", group_size=2, with_lookup="c")
    assert (named.lookup_collection, named.lookup_with_payload) == ("c", True)
    with pytest.raises(InvalidInputError, match="group_size"):
        queries.groups(query, group_by="a", group_size=0)
    with pytest.raises(InvalidInputError, match="group_by"):
        queries.groups(query, group_by=None, group_size=1)


def test_facet_and_matrix() -> None:
    assert queries.facet("a", filter=FILTER, limit=None, exact=True) == FacetQuery("a", CHOSEN, 10, True)
    assert queries.matrix(using=None, filter=None, sample=None, limit=None) == MatrixQuery()
    with pytest.raises(InvalidInputError, match="sample"):
        queries.matrix(using=None, filter=None, sample=1, limit=None)


def test_scroll() -> None:
    options = {"filter": FILTER, "limit": 5, "with_payload": None, "with_vectors": None}
    found = queries.scroll(**options, offset=UUID_TEXT.upper(), order=None)
    assert (found.filter, found.limit, found.offset, found.with_payload) == (CHOSEN, 5, UUID_TEXT, True)
    start = models.OrderBy(key="a", start_from=datetime(2024, 1, 1, tzinfo=UTC))
    assert queries.scroll(**options, offset=None, order=start).order_by == OrderBy("a", "asc", NEW_YEAR)
    with pytest.raises(InvalidInputError, match="offset"):
        queries.scroll(**options, offset=1, order="a")


SCORE = Expression("score", value=0)
EXPRESSIONS: dict[str, tuple[Any, Expression]] = {
    "number": (2, Expression("const", value=2.0)),
    "variable": ("a.b", Expression("key", value="a.b")),
    "score": ("$score", SCORE),
    "second score": ("$score[1]", Expression("score", value=1)),
    "condition": (
        {"key": "a", "match": {"value": 1}},
        Expression("condition", value=MatchValue("a", 1)),
    ),
    "filter": (FILTER, Expression("condition", value=CHOSEN)),
    "geo": (
        {"geo_distance": {"origin": {"lon": 1, "lat": 2}, "to": "place"}},
        Expression("geo_distance", value="place", origin=GeoPoint(1, 2)),
    ),
    "datetime": ({"datetime": "2024-01-01"}, Expression("datetime", value=NEW_YEAR)),
    "datetime_key": ({"datetime_key": "when"}, Expression("datetime_key", value="when")),
    **{
        op: ({op: ["$score", 1.0]}, Expression(op, (SCORE, Expression("const", value=1.0))))
        for op in ("mult", "sum", "max", "min")
    },
    **{op: ({op: "$score"}, Expression(op, (SCORE,))) for op in ("neg", "abs", "sqrt", "exp", "log10", "ln", "acosh")},
    "div": (
        {"div": {"left": "$score", "right": 2.0, "by_zero_default": 0}},
        Expression("div", (SCORE, Expression("const", value=2.0)), params={"by_zero_default": 0.0}),
    ),
    "pow": (
        {"pow": {"base": "$score", "exponent": 2.0}},
        Expression("pow", (SCORE, Expression("const", value=2.0))),
    ),
    **{
        op: (
            {op: {"x": "$score", "target": "a", "scale": 3}},
            Expression(op, (SCORE, Expression("key", value="a")), params={"scale": 3.0, "midpoint": 0.5}),
        )
        for op in ("lin_decay", "exp_decay", "gauss_decay")
    },
    "decay by default": (
        {"exp_decay": {"x": "$score"}},
        Expression("exp_decay", (SCORE, Expression("const", value=0.0)), params={"scale": 1.0, "midpoint": 0.5}),
    ),
}


@pytest.mark.parametrize("written", ["dict", "ours", "official"])
@pytest.mark.parametrize("case", EXPRESSIONS)
def test_expression(case: str, written: str) -> None:
    given, expected = EXPRESSIONS[case]
    source = {"ours": models, "official": official}.get(written)
    query = source.FormulaQuery(formula=given) if source else {"formula": given}
    assert queries.kind_of(query).expression == expected


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("$points", "no variable"),
        ("$score[x]", "no variable"),
        ({"exp_decay": {"x": "a", "scale": 0}}, "scale"),
        ({"exp_decay": {"x": "a", "midpoint": 1}}, "midpoint"),
        ({"datetime": "soon"}, "not a date"),
        ({"power": 1}, "QueryInterface"),
        (True, "QueryInterface"),
    ],
)
def test_wrong_expressions_are_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        queries.kind_of({"formula": given})


class NamedVector:
    name = "a"
    vector = VECTOR


@pytest.mark.parametrize("given", [("a", VECTOR), {"name": "a", "vector": VECTOR}, NamedVector()])
def test_named_vectors_of_old(given: Any) -> None:
    assert named_vector(given) == ("a", VECTOR)
