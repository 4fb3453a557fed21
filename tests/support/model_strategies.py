"""Random queries, writes, settings and answers of the neutral model, each as the Qdrant API can say it."""

from __future__ import annotations

from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import numpy as np
import strategies
from hypothesis import strategies as st
from strategies import DEGREES, IDS, LATITUDES, NAMES, PATHS, filters

from quiverdb.database import AliasChange, ScrollRequest
from quiverdb.model.collection import (
    Binary,
    CollectionInfo,
    CollectionPatch,
    CollectionSpec,
    FieldIndex,
    FieldIndexInfo,
    FieldType,
    HnswSpec,
    OptimizerSpec,
    Product,
    Scalar,
    SparseVectorSpec,
    Status,
    Stopwords,
    StrictMode,
    Turbo,
    VectorPatch,
    VectorSpec,
    WalSpec,
)
from quiverdb.model.filter import DatetimeRange, GeoPoint
from quiverdb.model.point import DenseColumn, Points, SparseVector
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
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.model.shard import ShardFallback
from quiverdb.model.snapshot import Snapshot
from quiverdb.model.work import Work, WorkReport
from quiverdb.model.write import (
    ClearPayload,
    CreateFieldIndex,
    CreateVector,
    Delete,
    DeleteFieldIndex,
    DeletePayload,
    DeleteVector,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    UpdateVectors,
    Upsert,
)

__all__ = [
    "alias_changes",
    "answers",
    "collection_infos",
    "collection_patches",
    "collection_specs",
    "difference",
    "facets",
    "group_queries",
    "matrices",
    "queries",
        "scrolls",
    "writes",
]  # fmt: skip

ids = st.sampled_from(IDS)
names = st.sampled_from(("", "image", "title"))
keys = st.sampled_from(PATHS)
words = st.sampled_from(("a", "b c", "ü"))
numbers = st.sampled_from((0.0, 0.5, 1.0, -2.25, 3e8, 0.125))
counts = st.integers(1, 1 << 31)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def some(strategy: st.SearchStrategy[Any], low: int = 0, high: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, min_size=low, max_size=high).map(tuple)


def _fitting(value: Any) -> Any:
    """Return a JSON value with other integers in place of those that gRPC has no room for."""
    if isinstance(value, dict):
        return {key: _fitting(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fitting(item) for item in value]
    return 7 if type(value) is int and value >= 1 << 63 else value


def json_values(depth: int) -> st.SearchStrategy[Any]:
    return strategies.json_values(depth).map(_fitting)


def payloads() -> st.SearchStrategy[dict[str, Any]]:
    return strategies.payloads().map(_fitting)


_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: counts,
    float: numbers,
    str: words,
    bool: st.booleans(),
    NoneType: st.none(),
}


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Return values of a type that settings have."""
    if hint in _BY_TYPE:
        return _BY_TYPE[hint]
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return st.one_of([of(member) for member in get_args(hint)])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return settings(hint)
    raise TypeError(hint)


@cache
def settings(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Return settings whose fields are all of plain types or settings themselves."""
    return st.builds(kind, **{name: of(hint) for name, hint in get_type_hints(kind).items()})


def but(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return settings, with some fields by strategies of their own."""
    return st.builds(
        kind, **{name: fields[name] if name in fields else of(hint) for name, hint in get_type_hints(kind).items()}
    )


@st.composite
def hidden(draw: st.DrawFn, strategy: st.SearchStrategy[Any]) -> Any:
    """Draw from a strategy that would take pages to describe."""
    return draw(strategy)


some_filter = st.deferred(lambda: hidden(filters(1)))
maybe_filter = maybe(some_filter)

# Vectors


def arrays(*shape: int) -> st.SearchStrategy[Any]:
    size = int(np.prod(shape))
    values = st.lists(st.floats(-1e6, 1e6, width=32), min_size=size, max_size=size)
    return values.map(lambda found: np.array(found, np.float32).reshape(shape))


dense = st.integers(1, 4).flatmap(arrays)
multi = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(lambda shape: arrays(*shape))


def _sparse(weights: dict[int, float]) -> SparseVector:
    indices = sorted(weights)
    return SparseVector(np.array(indices, np.uint32), np.array([weights[index] for index in indices], np.float32))


sparse = st.dictionaries(st.integers(0, 2**32 - 1), st.floats(-9, 9, width=32), max_size=4).map(_sparse)
vectors = st.one_of(dense, multi, sparse)
inputs = st.one_of(vectors, vectors, ids.map(PointRef))
shards = maybe(
    st.one_of(
        some(st.integers(0, 2**64 - 1) | words, 1), st.builds(ShardFallback, words, st.integers(0, 9)), st.just(())
    )
)

# Queries

places = st.builds(GeoPoint, st.sampled_from(DEGREES), st.sampled_from(LATITUDES))
pairs = st.builds(ContextPair, inputs, inputs)
orders = st.builds(
    OrderBy, keys, st.sampled_from(("asc", "desc")), st.sampled_from((None, 3, 2.5, -1, 1577836800500000))
)


def _leaves() -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Expression, st.just("const"), value=numbers),
        st.builds(Expression, st.just("score"), value=st.integers(0, 3)),
        st.builds(Expression, st.just("key"), value=keys),
        st.builds(Expression, st.just("condition"), value=some_filter),
        st.builds(
            Expression,
            st.just("datetime"),
            value=st.sampled_from((0, 1577836800500000, -1, 253402300799999999, -62135596800000000)),
        ),
        st.builds(Expression, st.just("datetime_key"), value=keys),
        st.builds(Expression, st.just("geo_distance"), value=keys, origin=places),
    )


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> Expression:
    """Draw a formula of any operators."""
    if not depth:
        return draw(_leaves())
    inner = expressions(depth - 1)
    scales = st.fixed_dictionaries(
        {"scale": st.sampled_from((0.5, 1.0, 7.0)), "midpoint": st.sampled_from((0.125, 0.5))}
    )
    zeros = st.fixed_dictionaries({"by_zero_default": maybe(numbers)})
    one = ("neg", "abs", "sqrt", "exp", "log10", "ln", "acosh")
    decays = ("exp_decay", "gauss_decay", "lin_decay")
    kinds = st.one_of(
        _leaves(),
        st.builds(Expression, st.sampled_from(("mult", "sum", "max", "min")), some(inner, 1)),
        st.builds(Expression, st.sampled_from(one), some(inner, 1, 1)),
        st.builds(Expression, st.just("pow"), some(inner, 2, 2)),
        st.builds(Expression, st.just("div"), some(inner, 2, 2), params=zeros),
        st.builds(Expression, st.sampled_from(decays), some(inner, 2, 2), params=scales),
    )
    return draw(kinds)


variables = st.dictionaries(st.sampled_from(("a", "a.b", "$score", "$score[1]")), json_values(1), max_size=2)
feedback = st.builds(FeedbackItem, inputs, numbers)
positive = st.sampled_from((0.0, 0.5, 2.0))
rankings = hidden(
    st.one_of(
        st.builds(
            Nearest, inputs, maybe(st.builds(Mmr, st.sampled_from((0.0, 0.5, 1.0)), maybe(st.integers(1, 16_384))))
        ),
        st.builds(Recommend, some(inputs, 1), some(inputs)),
        st.builds(Recommend, some(inputs), some(inputs, 1), st.sampled_from(("best_score", "sum_scores"))),
        st.builds(Discover, inputs, some(pairs)),
        st.builds(Context, some(pairs)),
        st.builds(Feedback, inputs, some(feedback), positive, positive, numbers),
        st.builds(Text, words, positive, positive),
    )
)
params = hidden(
    st.one_of(
        st.just(SearchParams()),
        st.builds(SearchParams, counts, st.booleans(), st.booleans()),
        but(SearchParams, idf=st.one_of(st.none(), st.just("global"), some_filter)),
    )
)
selectors = st.one_of(
    st.booleans(), st.builds(Select, some(keys)), st.builds(Select, st.none(), some(keys, 1)), st.just(Select((), ()))
)
vector_selectors = st.booleans() | some(names)
lookups = maybe(st.builds(Lookup, words, maybe(names), shards))


def _sources(depth: int) -> st.SearchStrategy[tuple[Query, ...]]:
    return some(_searches(depth - 1), 1, 2) if depth else st.just(())


@st.composite
def _searches(draw: st.DrawFn, depth: int, **fields: Any) -> Query:
    """Draw a query, and a prefetch if nothing is said of the fields that those lack."""
    shared = {"filter": maybe_filter, "limit": counts, "params": params, "lookup_from": lookups, **fields}
    threshold = st.sampled_from((None, None, 0.5, -1.0))
    ranked = {"prefetch": st.just(()) | _sources(depth), "using": names, "score_threshold": threshold, **shared}
    kinds = [
        st.builds(Query, rankings, **ranked),
        st.builds(Query, orders, prefetch=st.just(()) | _sources(depth), **shared),
        st.builds(Query, st.just(Sample()), **shared),
        st.builds(Query, **shared),
    ]
    if depth:
        fused = {**ranked, "prefetch": _sources(depth), "using": st.just("")}
        fusions = st.one_of(
            st.builds(Fusion, st.sampled_from(("rrf", "dbsf"))),
            st.builds(Fusion, st.just("rrf"), counts),
        )
        weighted = st.builds(Query, st.just(Fusion("rrf", 3, (0.5, 2.0))), **{**fused, "prefetch": _pair(depth)})
        formulas = st.builds(Formula, expressions(), variables)
        kinds += [st.builds(Query, fusions, **fused), weighted, st.builds(Query, formulas, **fused)]
    return draw(st.one_of(kinds))


def _pair(depth: int) -> st.SearchStrategy[tuple[Query, ...]]:
    return some(_searches(depth - 1), 2, 2)


_SHOWN = {"with_payload": selectors, "with_vectors": vector_selectors, "shard_keys": shards}


def queries() -> st.SearchStrategy[Query]:
    """Return queries of all kinds with prefetches."""
    return _searches(2, **_SHOWN, offset=st.integers(0, 9))


def group_queries() -> st.SearchStrategy[GroupQuery]:
    """Return queries for groups."""
    asked = {"group_by": keys, "group_size": counts}
    lookup = {"lookup_with_payload": selectors, "lookup_with_vectors": vector_selectors}
    query = _searches(1, **_SHOWN)
    return st.builds(GroupQuery, query, **asked) | st.builds(
        GroupQuery, query, lookup_collection=words, **asked, **lookup
    )


def facets() -> st.SearchStrategy[FacetQuery]:
    return st.builds(FacetQuery, keys, maybe_filter, counts, st.booleans(), shards)


def matrices() -> st.SearchStrategy[MatrixQuery]:
    return st.builds(MatrixQuery, names, maybe_filter, st.integers(2, 99), counts, shards)


def scrolls() -> st.SearchStrategy[ScrollRequest]:
    shared = {"with_payload": selectors, "with_vectors": vector_selectors, "shard_keys": shards}
    return st.builds(ScrollRequest, maybe_filter, counts, maybe(ids), **shared) | st.builds(
        ScrollRequest, maybe_filter, counts, order_by=orders, **shared
    )


# Writes


def _dense_columns(count: int) -> st.SearchStrategy[DenseColumn]:
    def column(present: list[bool]) -> st.SearchStrategy[DenseColumn]:
        positions = [position for position, there in enumerate(present) if there]
        found = None if len(positions) == count else np.array(positions, np.int64)
        return arrays(len(positions), 3).map(lambda rows: DenseColumn(rows, found))

    flags = st.lists(st.booleans(), min_size=count, max_size=count).filter(any)
    return (st.just([True] * count) | flags).flatmap(column)


def _columns(count: int) -> st.SearchStrategy[Any]:
    many = st.lists(maybe(multi), min_size=count, max_size=count) | st.lists(multi, min_size=count, max_size=count)
    few = st.lists(maybe(sparse), min_size=count, max_size=count) | st.lists(sparse, min_size=count, max_size=count)
    return st.one_of(_dense_columns(count), many, few).filter(
        lambda column: isinstance(column, DenseColumn) or any(value is not None for value in column)
    )


@st.composite
def points(draw: st.DrawFn, *, payload: bool = True) -> Points:
    """Return points with columns of all kinds, none of which is empty."""
    found = draw(st.lists(ids, max_size=4))
    count = len(found)
    columns = draw(st.dictionaries(names, _columns(count), max_size=3)) if count else {}
    listed = st.lists(payloads(), min_size=count, max_size=count)
    given = draw(maybe(listed)) if payload else None
    return Points(found, columns, given if given is not None and any(given) else None)


chosen = st.one_of(some(ids), some_filter)
quantizations = st.one_of([settings(kind) for kind in (Scalar, Product, Binary, Turbo)])
vector_specs = but(VectorSpec, quantization=maybe(quantizations))
vector_patches = but(VectorPatch, quantization=st.one_of(st.none(), st.just("disabled"), quantizations))
_later = dict.fromkeys(("hnsw", "quantization", "on_disk", "memory", "full_scan_threshold"), st.none())
_objects = st.dictionaries(words, json_values(1), max_size=2)
_settings_of = st.dictionaries(words, json_values(1), min_size=1, max_size=2)


def _field_indexes() -> st.SearchStrategy[FieldIndex]:
    """Return indexes of every type with the options that it has.

    Over gRPC nobody can tell some options that are off from those that were not given, and a text index has a
    tokenizer in any case.
    """
    shared = {"on_disk", "memory", "enable_hnsw", "nested"}
    options = {
        FieldType.KEYWORD: {"is_tenant", "prefix"},
        FieldType.INTEGER: {"lookup", "range", "is_principal"},
        FieldType.FLOAT: {"is_principal"},
        FieldType.DATETIME: {"is_principal"},
        FieldType.UUID: {"is_tenant"},
        FieldType.TEXT: {
            "tokenizer", "lowercase", "ascii_folding", "phrase_matching", "min_token_len", "max_token_len", "stopwords",
            "stemmer", "scoring",
        },
    }  # fmt: skip
    hints = get_type_hints(FieldIndex)
    special = {
        "stopwords": st.builds(Stopwords, some(st.sampled_from(("english", "german"))), some(words)),
        "stemmer": st.sampled_from(("none", "english", "turkish")),
        "scoring": st.just(True),
        "prefix": st.just(True),
    }
    tokenizers = {FieldType.TEXT: {"tokenizer": st.sampled_from(("prefix", "whitespace", "word", "multilingual"))}}
    kinds = []
    for kind in FieldType:
        given = {
            name: maybe(special[name] if name in special else of(hints[name]))
            for name in sorted(shared | options.get(kind, set()))
        }
        kinds.append(st.builds(FieldIndex, st.just(kind), **{**given, **tokenizers.get(kind, {})}))
    return st.one_of(*kinds, st.builds(FieldIndex, st.sampled_from(FieldType), st.just(True)))


def writes() -> st.SearchStrategy[Any]:
    """Return operations of all kinds."""
    terms = {"filter": maybe_filter, "shard_keys": shards}
    modes = st.sampled_from(("upsert", "insert_only", "update_only"))
    return st.one_of(
        st.builds(Upsert, points(), mode=modes, **terms),
        st.builds(Upsert, points(), mode=modes, **terms),
        st.builds(UpdateVectors, points(payload=False), **terms),
        st.builds(DeleteVectors, chosen, some(names), shards),
        st.builds(Delete, chosen, shards),
        st.builds(SetPayload, chosen, _objects, maybe(keys), shards),
        st.builds(OverwritePayload, chosen, _objects, maybe(keys), shards),
        st.builds(DeletePayload, chosen, some(keys), shards),
        st.builds(ClearPayload, chosen, shards),
        st.builds(CreateFieldIndex, words, _field_indexes()),
        st.builds(DeleteFieldIndex, words),
        st.builds(
            CreateVector, words, but(VectorSpec, **{k: v for k, v in _later.items() if k in _fields(VectorSpec)})
        ),
        st.builds(
            CreateVector,
            words,
            but(SparseVectorSpec, **{k: v for k, v in _later.items() if k in _fields(SparseVectorSpec)}),
        ),
        st.builds(DeleteVector, words),
    )


def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(kind.__struct_fields__)


# Collections

_limits = maybe(st.dictionaries(words, st.fixed_dictionaries({"max_vectors": counts}), max_size=2))
_lengths = maybe(st.dictionaries(words, st.fixed_dictionaries({"max_length": counts}), max_size=2))
strict_modes = but(StrictMode, multivector_config=_limits, sparse_config=_lengths)
_named_vectors = st.dictionaries(names, vector_specs, max_size=2)
_named_sparse = st.dictionaries(words, settings(SparseVectorSpec), max_size=2)
_unsettable = {"read_fan_out_factor": st.none(), "read_fan_out_delay_ms": st.none()}


def collection_specs(**fields: Any) -> st.SearchStrategy[CollectionSpec]:
    """Return collections to create."""
    given = {
        "vectors": _named_vectors,
        "sparse_vectors": _named_sparse,
        "hnsw": settings(HnswSpec),
        "optimizers": settings(OptimizerSpec),
        "quantization": maybe(quantizations),
        "wal": maybe(settings(WalSpec)),
        "strict_mode": maybe(strict_modes),
        "metadata": maybe(_settings_of),
    }
    return but(CollectionSpec, **{**given, **_unsettable, **fields})


def collection_patches() -> st.SearchStrategy[CollectionPatch]:
    """Return changes of collections."""
    return but(
        CollectionPatch,
        vectors=st.dictionaries(names, vector_patches, max_size=2),
        sparse_vectors=_named_sparse,
        quantization=st.one_of(st.none(), st.just("disabled"), quantizations),
        strict_mode=maybe(strict_modes),
        metadata=maybe(_settings_of),
    )


def alias_changes() -> st.SearchStrategy[AliasChange]:
    return st.builds(AliasChange, words, maybe(words)) | st.builds(AliasChange, words, rename=words)


# Answers

_moments = st.integers(0, 2_000_000_000).map(float)
_shown_vectors = maybe(
    st.dictionaries(st.sampled_from((*NAMES, "indices", "values")), vectors, max_size=3).filter(
        lambda found: not isinstance(found.get(""), SparseVector)
    )
)
"""A sparse vector has a name."""
_order_values = st.sampled_from((None, None, 3, 2.5, 1577836800500000))
_shown = {
    "payload": maybe(payloads()),
    "vectors": _shown_vectors,
    "order_value": _order_values,
    "shard_key": maybe(st.integers(0, 9) | words),
}
_hits = st.builds(Hit, ids, st.integers(0, 2**40), st.floats(-1e9, 1e9, width=32), **_shown)
_records = st.builds(Record, ids, st.just(0), **_shown)
_works = st.builds(
    Work, st.sampled_from(("indexing", "vacuum", "merge")), counts, _moments, maybe(_moments), maybe(words)
)
_queued = st.builds(Work, st.sampled_from(("indexing", "vacuum")), st.just(7))
_infos = st.builds(FieldIndexInfo, _field_indexes(), counts)


def _checked(work: Work) -> Work:
    """Return work that has ended if it has failed."""
    return msgspec.structs.replace(work, finished_at=work.finished_at or 5.0) if work.error else work


def collection_infos() -> st.SearchStrategy[CollectionInfo]:
    """Return reports of collections."""
    specs = collection_specs(read_fan_out_factor=maybe(counts), read_fan_out_delay_ms=maybe(counts))
    return st.builds(
        CollectionInfo,
        st.sampled_from(list(Status)),
        counts,
        counts,
        counts,
        specs,
        st.dictionaries(keys, _infos, max_size=2),
        _moments,
        maybe(words),
    )


def _reports() -> st.SearchStrategy[WorkReport]:
    running = some(_works.map(lambda work: msgspec.structs.replace(work, points=7, finished_at=None, error=None)), 0, 1)
    done = some(_works.map(lambda work: _checked(msgspec.structs.replace(work, finished_at=9.0))))
    return st.builds(WorkReport, st.just(UUID(int=77)), st.just(7), running, some(_queued), done)


answers: dict[str, st.SearchStrategy[Any]] = {
    "hits": st.lists(_hits, max_size=3),
    "records": st.lists(_records, max_size=3),
    "page": st.builds(Page, st.lists(_records, max_size=3), maybe(ids)),
    "groups": st.lists(
        st.builds(Group, st.integers(-9, 2**62) | words, st.lists(_hits, max_size=2), maybe(_records)), max_size=2
    ),
    "facet": st.lists(st.builds(FacetHit, st.one_of(st.booleans(), st.integers(-9, 9), words), counts), max_size=3),
    "matrix": st.just(Matrix([1, UUID(int=1).hex, 3], [0, 1], [1, 2], [0.5, 0.25])),
    "write": st.builds(WriteResult, st.integers(0, 2**40), st.sampled_from(("acknowledged", "completed"))),
    "aliases": st.dictionaries(words, words),
    "snapshots": st.lists(st.builds(Snapshot, words, _moments, counts, maybe(words), st.just("")), max_size=2),
    "work": _reports(),
    "shards": shards,
}
"""What each kind of question may be answered."""


def difference(one: Any, other: Any, place: str = "") -> str:
    """Tell where two values first differ by type or value; nothing if they do not.

    Structs are compared field by field, arrays as arrays; lists and tuples are alike.
    """
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        equal = np.shape(one) == np.shape(other) and bool(np.all(np.asarray(one) == np.asarray(other)))
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return _first(place, dict(enumerate(one)), dict(enumerate(other)))
    elif type(one) is not type(other):
        equal = False
    elif isinstance(one, DatetimeRange):
        equal = _bounded(one) == _bounded(other)
    elif isinstance(one, msgspec.Struct):
        return _first(f"{place}{type(one).__name__}", msgspec.structs.asdict(one), msgspec.structs.asdict(other))
    elif isinstance(one, dict) and one.keys() == other.keys():
        return _first(place, one, other)
    else:
        equal = bool(one == other)
    return "" if equal else f"{place}: {one!r} instead of {other!r}"


def _first(place: str, one: dict[Any, Any], other: dict[Any, Any]) -> str:
    found = (difference(value, other[key], f"{place}[{key!r}].") for key, value in one.items())
    return next(filter(None, found), "")


def _bounded(dates: DatetimeRange) -> DatetimeRange:
    """Return a range of dates with a bound: one without is told from a range of numbers by the first of all dates."""
    bounds = (dates.lt, dates.lte, dates.gt, dates.gte)
    first = -62135596800000000
    return dates if any(bound is not None for bound in bounds) else msgspec.structs.replace(dates, gte=first)
