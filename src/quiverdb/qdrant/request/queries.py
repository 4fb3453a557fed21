"""Queries of all kinds, with their prefetches, groups, facets, matrices and scrolls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np

from quiverdb.database import ScrollRequest
from quiverdb.errors import InvalidInputError
from quiverdb.model.query import (
    Context,
    ContextPair,
    Discover,
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
    PayloadSelector,
    PointRef,
    Query,
    QueryKind,
    Recommend,
    Sample,
    SearchParams,
    Select,
    Text,
    VectorInput,
    VectorSelector,
)
from quiverdb.qdrant.request.filters import filter_of, micros
from quiverdb.qdrant.request.formulas import formula
from quiverdb.qdrant.request.ids import point_id
from quiverdb.qdrant.request.parse import (
    dispatch,
    exact,
    fitted,
    number,
    parse,
    plain,
    real,
    series,
    shaped,
    string,
    strings,
)
from quiverdb.qdrant.request.shards import shard_selector
from quiverdb.qdrant.request.vectors import vector

__all__ = [
    "facet",
    "groups",
    "kind_of",
    "matrix",
    "order_by",
    "payload_selector",
    "query",
    "query_of",
    "query_request",
    "query_requests",
    "scroll",
    "search_params",
    "vector_input",
    "vector_selector",
]

_DEEPEST = 64
_MOST_CANDIDATES = 16_384
_LIMIT = 10
_PLAIN_PARAMS = SearchParams()


def query(
    query: Any = None,
    *,
    using: str | None = None,
    prefetch: Any = None,
    filter: Any = None,
    params: Any = None,
    limit: int | None = _LIMIT,
    offset: int | None = None,
    with_payload: Any = None,
    with_vectors: Any = None,
    score_threshold: float | None = None,
    lookup_from: Any = None,
    shard_key: Any = None,
) -> Query:
    """Return a query, its shape checked."""
    kind = None if query is None else kind_of(query)
    sources = () if prefetch is None else _prefetches(prefetch, 1)
    if type(kind) is not Nearest or sources:
        _check_shape(kind, using, sources, score_threshold)
    return Query(
        kind,
        sources,
        _using(using),
        None if filter is None else filter_of(filter),
        _PLAIN_PARAMS if params is None else search_params(params),
        _threshold(score_threshold),
        limit if type(limit) is int and limit > 0 else number(limit, "limit", 1, _LIMIT),
        0 if offset is None else number(offset, "offset", 0, 0),
        with_payload if type(with_payload) is bool else payload_selector(with_payload, default=False),
        with_vectors if type(with_vectors) is bool else vector_selector(with_vectors),
        None if lookup_from is None else _lookup(lookup_from),
        None if shard_key is None else shard_selector(shard_key),
    )


def _using(name: Any) -> str:
    """Return the name of a vector; the unnamed one is called by the empty string."""
    return "" if name is None else string(name, "using")


def _threshold(score: Any) -> float | None:
    return None if score is None else real(score, "score_threshold", infinite=True)


def query_of(given: tuple[Any, Any], **terms: Any) -> Query:
    """Return a query given together with its prefetch, which are what models may have to embed."""
    return query(given[0], prefetch=given[1], **terms)


def query_requests(values: Sequence[Any]) -> list[Query]:
    """Return the queries of several ``QueryRequest``."""
    return [query_request(value) for value in series(values, "requests")]


def query_request(value: Any) -> Query:
    """Return the query of a ``QueryRequest``."""
    request = fitted("QueryRequest", value)
    return query(
        request.query,
        using=request.using,
        prefetch=request.prefetch,
        filter=request.filter,
        params=request.params,
        limit=request.limit,
        offset=request.offset,
        with_payload=request.with_payload,
        with_vectors=request.with_vector,
        score_threshold=request.score_threshold,
        lookup_from=request.lookup_from,
        shard_key=request.shard_key,
    )


def _check_shape(
    kind: QueryKind | None, using: str | None, prefetch: tuple[Query, ...], score_threshold: float | None
) -> None:
    """Reject combinations that mean nothing."""
    if prefetch and kind is None:
        raise InvalidInputError("prefetched points need a query that ranks them", field="query")
    if isinstance(kind, Fusion | Formula) and not prefetch:
        raise InvalidInputError(f"a {type(kind).__name__.lower()} query needs a prefetch", field="prefetch")
    if isinstance(kind, Fusion):
        if using:
            raise InvalidInputError("a fusion uses no vector: leave out `using`", field="using")
        if kind.weights is not None and len(kind.weights) != len(prefetch):
            raise InvalidInputError(f"got {len(kind.weights)} weights for {len(prefetch)} prefetches", field="weights")
    if score_threshold is not None and (kind is None or isinstance(kind, OrderBy)):
        raise InvalidInputError(
            "without scores there is nothing for a score_threshold to hold", field="score_threshold"
        )


def _prefetches(value: Any, depth: int) -> tuple[Query, ...]:
    if value is None:
        return ()
    if depth > _DEEPEST:
        raise InvalidInputError(f"prefetches are nested more than {_DEEPEST} deep", field="prefetch")
    given = value if isinstance(value, list | tuple) else [value]
    return tuple([_prefetch(item, depth) for item in given])


def _prefetch(value: Any, depth: int) -> Query:
    request = fitted("Prefetch", value)
    kind = None if request.query is None else kind_of(request.query)
    sources = _prefetches(request.prefetch, depth + 1)
    _check_shape(kind, request.using, sources, request.score_threshold)
    return Query(
        kind,
        sources,
        _using(request.using),
        filter_of(request.filter),
        search_params(request.params),
        _threshold(request.score_threshold),
        number(request.limit, "limit", 1, _LIMIT),
        lookup_from=_lookup(request.lookup_from),
    )


def kind_of(value: Any) -> QueryKind:
    """Return what to rank by: a kind of query, a vector or the id of a point."""
    kind = type(value)
    if kind is list or kind is np.ndarray:
        return Nearest(vector(value))
    handler = _KINDS.get(kind.__name__)
    if handler is not None:
        return handler(value)
    if isinstance(value, Mapping):
        if len(value) == 1 and (nearest := value.get("nearest")) is not None:  # as servers get it, and most often
            return Nearest(vector_input(nearest))
        return kind_of(parse("QueryInterface", dict(value)))
    return Nearest(vector_input(value))


def vector_input(value: Any) -> VectorInput:
    """Return a vector, or the reference to that of a stored point."""
    if isinstance(value, int | str | UUID | np.integer):
        return PointRef(point_id(value))
    if isinstance(value, Mapping):
        return vector_input(parse("VectorInput", dict(value)))
    return vector(value)


def _vector_inputs(values: Any) -> tuple[VectorInput, ...]:
    if values is None:
        return ()
    return tuple([vector_input(value) for value in series(values, "recommend")])


def _nearest(value: Any) -> Nearest:
    mmr = value.mmr
    if mmr is None:
        return Nearest(vector_input(value.nearest))
    diversity = 0.5 if mmr.diversity is None else real(mmr.diversity, "diversity")
    if not 0 <= diversity <= 1:
        raise InvalidInputError(f"diversity lies between 0 and 1, got {diversity}", field="diversity", fault="range")
    candidates = None if mmr.candidates_limit is None else number(mmr.candidates_limit, "candidates_limit", 1, 1)
    if candidates is not None and candidates > _MOST_CANDIDATES:
        raise InvalidInputError(
            f"candidates_limit is at most {_MOST_CANDIDATES}", field="candidates_limit", fault="range"
        )
    return Nearest(vector_input(value.nearest), Mmr(diversity, candidates))


def _recommend(value: Any) -> Recommend:
    given = value.recommend
    good, bad = _vector_inputs(given.positive), _vector_inputs(given.negative)
    strategy: Any = "average_vector" if given.strategy is None else plain(given.strategy)
    if strategy == "average_vector" and not good:
        raise InvalidInputError("the strategy average_vector needs a positive example", field="positive")
    if not good and not bad:
        raise InvalidInputError("a recommendation needs an example", field="positive")
    return Recommend(good, bad, strategy)


def _pairs(value: Any) -> tuple[ContextPair, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    pairs = [fitted("ContextPair", pair) for pair in given]
    return tuple([ContextPair(vector_input(pair.positive), vector_input(pair.negative)) for pair in pairs])


def order_by(value: Any) -> OrderBy:
    """Return a payload key to sort by, given alone or with options."""
    if isinstance(value, str):
        return OrderBy(value)
    given = fitted("OrderBy", value)
    direction: Any = "asc" if given.direction is None else plain(given.direction)
    start = given.start_from
    if isinstance(start, date | str):
        return OrderBy(given.key, direction, micros(start))
    return OrderBy(given.key, direction, start if start is None else exact(start, "start_from"))


def _fusion(value: Any) -> Fusion:
    return Fusion(plain(value.fusion))


def _rrf(value: Any) -> Fusion:
    given = value.rrf
    k = None if given.k is None else number(given.k, "k", 1, 1)
    weights = None if given.weights is None else tuple([real(weight, "weights") for weight in given.weights])
    return Fusion("rrf", k, weights)


def _feedback(value: Any) -> Feedback:
    given = value.relevance_feedback
    weights = given.strategy.naive
    a, b, c = (real(getattr(weights, name), name) for name in ("a", "b", "c"))
    if a < 0 or b < 0:
        raise InvalidInputError("the weights a and b must not be negative", field="strategy")
    items = tuple([FeedbackItem(vector_input(item.example), real(item.score, "score")) for item in given.feedback])
    return Feedback(vector_input(given.target), items, a, b, c)


def _text(value: Any) -> Text:
    given = value.text
    if isinstance(given, str):
        return Text(given)
    scoring = given.scoring
    options = {} if scoring is None else {"k": scoring.bm25.k, "b": scoring.bm25.b}
    return Text(given.query, **{name: real(option, name) for name, option in options.items() if option is not None})


_KINDS: dict[str, Callable[[Any], QueryKind]] = {
    "NearestQuery": _nearest,
    "RecommendQuery": _recommend,
    "DiscoverQuery": lambda value: Discover(vector_input(value.discover.target), _pairs(value.discover.context)),
    "ContextQuery": lambda value: Context(_pairs(value.context)),
    "OrderByQuery": lambda value: order_by(value.order_by),
    "FusionQuery": _fusion,
    "RrfQuery": _rrf,
    "FormulaQuery": formula,
    "SampleQuery": lambda _: Sample(),
    "RelevanceFeedbackQuery": _feedback,
    "TextQuery": _text,
}


def search_params(value: Any) -> SearchParams:
    """Return how to search."""
    if value is None:
        return _PLAIN_PARAMS
    given = value if type(value).__name__ == "SearchParams" else parse("SearchParams", value)
    codes, acorn, idf = given.quantization, given.acorn, given.idf
    ef = given.hnsw_ef
    if codes is None and acorn is None and idf is None:
        return SearchParams(ef, bool(given.exact), bool(given.indexed_only))
    return SearchParams(
        ef,
        bool(given.exact),
        bool(given.indexed_only),
        bool(codes is not None and codes.ignore),
        None if codes is None else codes.rescore,
        None if codes is None else codes.oversampling,
        bool(acorn is not None and acorn.enable),
        None if acorn is None else acorn.max_selectivity,
        None if idf is None else _idf(idf),
    )


def _idf(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    return filter_of(shaped("IdfCorpusParams", value).corpus)


def payload_selector(value: Any, *, default: bool) -> PayloadSelector:
    """Return which part of the payload comes back."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return Select(include=strings(value, "with_payload"))
    return dispatch(_SELECTORS, "WithPayloadInterface", value)


_SELECTORS: dict[str, Callable[[Any], PayloadSelector]] = {
    "PayloadSelectorInclude": lambda value: Select(include=tuple(value.include)),
    "PayloadSelectorExclude": lambda value: Select(exclude=tuple(value.exclude)),
}


def vector_selector(value: Any) -> VectorSelector:
    """Return which vectors come back."""
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return strings(value, "with_vectors")
    raise InvalidInputError(f"with_vectors is a bool or a list of names, got {value!r}", field="with_vectors")


def _lookup(value: Any) -> Lookup | None:
    if value is None:
        return None
    given = shaped("LookupLocation", value)
    return Lookup(given.collection, given.vector, shard_selector(given.shard_key))


def groups(given: Query, *, group_by: str, group_size: int | None, with_lookup: Any = None) -> GroupQuery:
    """Return a query for groups."""
    string(group_by, "group_by")
    size = number(group_size, "group_size", 1, 3)
    if with_lookup is None:
        return GroupQuery(given, group_by, size)
    if isinstance(with_lookup, str):
        return GroupQuery(given, group_by, size, with_lookup)
    lookup = shaped("WithLookup", with_lookup)
    return GroupQuery(
        given,
        group_by,
        size,
        lookup.collection,
        payload_selector(lookup.with_payload, default=True),
        vector_selector(lookup.with_vectors),
    )


def facet(key: str, *, filter: Any, limit: int | None, exact: bool | None, shard_key: Any = None) -> FacetQuery:
    """Return a query for the values of a payload key."""
    shards = shard_selector(shard_key)
    return FacetQuery(string(key, "key"), filter_of(filter), number(limit, "limit", 1, _LIMIT), bool(exact), shards)


def matrix(
    *, using: str | None, filter: Any, sample: int | None, limit: int | None, shard_key: Any = None
) -> MatrixQuery:
    """Return a query for the neighbours within a sample."""
    return MatrixQuery(
        _using(using),
        filter_of(filter),
        number(sample, "sample", 2, _LIMIT),
        number(limit, "limit", 1, 3),
        shard_selector(shard_key),
    )


def scroll(
    *,
    filter: Any,
    limit: int | None,
    order: Any,
    offset: Any,
    with_payload: Any,
    with_vectors: Any,
    shard_key: Any = None,
) -> ScrollRequest:
    """Return a request for one page of points."""
    if order is not None and offset is not None:
        raise InvalidInputError("order_by takes no offset: pass start_from in order_by instead", field="offset")
    return ScrollRequest(
        filter_of(filter),
        number(limit, "limit", 1, _LIMIT),
        None if offset is None else point_id(offset),
        None if order is None else order_by(order),
        payload_selector(with_payload, default=True),
        vector_selector(with_vectors),
        shard_selector(shard_key),
    )
