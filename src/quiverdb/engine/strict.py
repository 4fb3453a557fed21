"""Strict mode: the limits that a collection sets to what requests may ask for.

A request is checked before it is carried out; ``LimitError`` tells which limit it exceeds, and nothing has changed.
Reading requests are first put in the terms that the limits speak of (``_Demand``), one per query and prefetch.
What is refused, and in which words a client may recognise it, follows Qdrant's strict mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from quiverdb.database import ScrollRequest
from quiverdb.engine.index.needed import (
    Need,
    has_capability,
    missing_index,
    needs_of_expression,
    needs_of_filter,
)
from quiverdb.engine.measures import (
    condition_count,
    cost,
    largest_condition,
    lengths,
    payload_bytes,
    point_count,
    substring_key,
    vector_bytes,
)
from quiverdb.engine.memory import resident_percent
from quiverdb.engine.rates import Bucket
from quiverdb.engine.settings import effective_hnsw
from quiverdb.engine.storage.rows import Schema
from quiverdb.engine.view import View
from quiverdb.errors import InvalidInputError, LimitError
from quiverdb.model.collection import CollectionSpec, StrictMode
from quiverdb.model.filter import Filter
from quiverdb.model.point import Points
from quiverdb.model.query import (
    Context,
    Discover,
    FacetQuery,
    Feedback,
    Formula,
    GroupQuery,
    MatrixQuery,
    Nearest,
    OrderBy,
    Query,
    QueryKind,
    Recommend,
    SearchParams,
)
from quiverdb.model.write import (
    CreateFieldIndex,
    OverwritePayload,
    SetPayload,
    UpdateVectors,
    Upsert,
    WriteOperation,
)

__all__ = ["Strict", "strict_of"]

_MEGABYTE = 1 << 20
_BY_VECTOR = (Nearest, Recommend, Discover, Context, Feedback)
_GROWING = (Upsert, UpdateVectors, SetPayload, OverwritePayload)


class _Demand(msgspec.Struct, frozen=True):
    """What a reading request asks for; ``kind`` when it is ranked over all points rather than prefetched ones."""

    limit: int | None = None
    filter: Filter | None = None
    exact: bool = False
    params: SearchParams = SearchParams()
    kind: QueryKind | None = None
    using: str = ""


_NUMBERS: tuple[tuple[str, str, Callable[[_Demand], float | None]], ...] = (
    ("max_query_limit", "limit", lambda demand: demand.limit),
    ("search_max_oversampling", "oversampling", lambda demand: demand.params.quantization_oversampling),
    ("search_max_hnsw_ef", "hnsw_ef", lambda demand: demand.params.ef),
)
"""Settings that limit a number of a request, what the number is called, and where it is."""

_SIZES: tuple[tuple[str, str, Callable[[View], int], tuple[type, ...]], ...] = (
    (
        "max_collection_vector_size_bytes",
        "vector storage size",
        vector_bytes,
        (Upsert, UpdateVectors),
    ),
    ("max_collection_payload_size_bytes", "payload storage size", payload_bytes, _GROWING),
    ("max_points_count", "points count", lambda view: len(view.live), (Upsert, UpdateVectors)),
)
"""Settings that limit a collection's size, what they are about, how it is measured, and the operations refused."""


def strict_of(spec: CollectionSpec, present: Strict | None = None) -> Strict | None:
    """Return the limits of a collection, None when it sets none; ``present`` goes on if they are the same."""
    limits = spec.strict_mode
    if limits is None or not limits.enabled:
        return None
    return present if present is not None and present.limits == limits else Strict(limits)


class Strict:
    """Check requests against the limits of one collection.

    >>> strict = Strict(StrictMode(enabled=True, max_timeout=5))
    >>> strict.timeout(5)
    """

    def __init__(self, limits: StrictMode) -> None:
        self.limits = limits
        reads, writes = limits.read_rate_limit, limits.write_rate_limit
        self._reads = None if reads is None else Bucket("Read", reads)
        self._writes = None if writes is None else Bucket("Write", writes)

    # Reading

    def timeout(self, seconds: float) -> None:
        """Check a deadline."""
        self._within("max_timeout", "timeout", seconds)

    def query(self, schema: Schema, queries: Sequence[Query]) -> None:
        """Check queries that are asked together."""
        self._within("search_max_batchsize", "search batch size", len(queries))
        for query in queries:
            self._query(schema, query, query.limit)
        self._read(sum(cost(query) for query in queries))

    def query_groups(self, schema: Schema, query: GroupQuery) -> None:
        """Check a query for groups."""
        self._query(schema, query.query, query.query.limit * query.group_size)
        if self._needs_indexes and not has_capability(query.group_by, "match", schema.fields):
            raise _refused(
                "unindexed_filtering_retrieve",
                f'Index required but not found for "{query.group_by}"',
                "Create an index supporting `match` for this key.",
            )
        self._read(cost(query.query))

    def matrix(self, schema: Schema, query: MatrixQuery) -> None:
        """Check a request for distances within a sample."""
        self._demand(schema, _Demand(query.limit * query.sample, query.filter))
        self._read(query.sample + condition_count(query.filter))

    def scroll(self, schema: Schema, request: ScrollRequest) -> None:
        """Check a request for a page of points."""
        self._demand(schema, _Demand(request.limit, request.filter, kind=request.order_by))
        self._read(1 + condition_count(request.filter))

    def retrieve(self, count: int) -> None:
        """Check a request for so many points by id."""
        self._read(count)

    def count(self, schema: Schema, filter: Filter | None, *, exact: bool) -> None:
        """Check a request to count points."""
        self._demand(schema, _Demand(None, filter, exact))
        self._read(1 + condition_count(filter))

    def facet(self, schema: Schema, query: FacetQuery) -> None:
        """Check a request to count points by value."""
        self._demand(schema, _Demand(query.limit, query.filter, query.exact))
        if self._needs_indexes and not has_capability(query.key, "match", schema.fields):
            raise InvalidInputError(
                f"No appropriate index for faceting: `{query.key}`. Create one that supports match.", field="key"
            )
        self._read(1 + condition_count(query.filter))

    @property
    def _needs_indexes(self) -> bool:
        return self.limits.unindexed_filtering_retrieve is False

    def _read(self, cost: int) -> None:
        if self._reads is not None:
            self._reads.take(max(1, cost))

    def _query(self, schema: Schema, query: Query, limit: int) -> None:
        for demand in _demands(query, limit):
            self._demand(schema, demand)

    def _demand(self, schema: Schema, demand: _Demand) -> None:
        for limit, name, value in _NUMBERS:
            self._within(limit, name, value(demand))
        idf = demand.params.idf
        for filter in (demand.filter, idf if isinstance(idf, Filter) else None):
            if filter is not None:
                self._filter(schema, filter, "unindexed_filtering_retrieve")
        if self.limits.search_allow_exact is False:
            if demand.exact or demand.params.exact:
                raise _refused("search_allow_exact", "Exact search disabled!", "Set exact=false.")
            _check_scan(schema, demand)
        if self._needs_indexes:
            _check_kind(schema, demand.kind)

    # Writing

    def write(self, view: View, operations: Sequence[WriteOperation], found: Callable[[Filter], int]) -> None:
        """Check operations that are asked together; ``found`` counts the points that a filter lets through."""
        for operation in operations:
            if isinstance(operation, _GROWING):
                self._check_growth(view, operation)
            if isinstance(operation, CreateFieldIndex):
                self._check_index_count(view.schema)
            for filter, setting in _filters_of(operation):
                self._filter(view.schema, filter, setting)
        if self._writes is not None:
            self._writes.take(sum(max(1, point_count(operation, found)) for operation in operations))

    def _check_growth(self, view: View, operation: Upsert | UpdateVectors | SetPayload | OverwritePayload) -> None:
        if isinstance(operation, Upsert | UpdateVectors):
            name = "upsert limit" if isinstance(operation, Upsert) else "update limit"
            self._within("upsert_max_batchsize", name, len(operation.points.ids))
            self._check_lengths(operation.points)
        for limit, name, size, refused in _SIZES:
            most = getattr(self.limits, limit)
            if most is not None and isinstance(operation, refused) and size(view) >= most:
                shown = f"{most / _MEGABYTE:g}MB" if "bytes" in limit else most
                raise LimitError(f"Max {name} limit of {shown} reached!", limit=limit)
        self._check_memory()

    def _check_lengths(self, points: Points) -> None:
        """Compare the lengths of multivectors and sparse vectors with those allowed for their names."""
        rules = (
            ("multivector_config", "max_vectors", "Multivector", "vectors"),
            ("sparse_config", "max_length", "Sparse vector", "indices"),
        )
        for setting, key, what, unit in rules:
            for name, settings in (getattr(self.limits, setting) or {}).items():
                most = settings.get(key)
                longest = max(lengths(points.vectors.get(name), what), default=0)
                if most is not None and longest > most:
                    raise LimitError(
                        f"{what} '{name}' has a limit of {most} {unit}, but {longest} were provided!", limit=setting
                    )

    def _check_memory(self) -> None:
        most = self.limits.max_resident_memory_percent
        if most is not None and (used := resident_percent()) is not None and used >= most:
            raise _refused(
                "max_resident_memory_percent",
                f"Resident memory usage is at {used}% of total memory, exceeding the configured limit of {most}%",
                "Delete points or drop collections, or raise the limit.",
            )

    def _check_index_count(self, schema: Schema) -> None:
        most = self.limits.max_payload_index_count
        if most is not None and len(schema.fields) >= most:
            raise _refused(
                "max_payload_index_count",
                f"Collection already has the maximum number of payload indices ({most})",
                "Delete one before you create another.",
            )

    # Both

    def _within(self, limit: str, name: str, value: float | None) -> None:
        most = getattr(self.limits, limit)
        if most is not None and value is not None and value > most:
            raise _refused(
                limit,
                f'Limit exceeded {value} > {most} for "{name}"',
                f'Reduce the "{name}" parameter to or below {most}.',
            )

    def _filter(self, schema: Schema, filter: Filter, setting: str | None) -> None:
        """Check a filter; ``setting`` tells whether it needs indexes, None that it does not."""
        if (key := substring_key(filter)) is not None:
            raise _refused(
                "enabled",
                f'Substring matching is not allowed, used for "{key}": no index helps it',
                "Match a prefix or words instead.",
            )
        sizes = (
            ("filter_max_conditions", "Filter condition", condition_count(filter)),
            ("condition_max_size", "Condition size", largest_condition(filter)),
        )
        for limit, name, value in sizes:
            most = getattr(self.limits, limit)
            if most is not None and value > most:
                raise _refused(limit, f"{name} limit reached ({value} > {most})", "Split the request.")
        if setting is not None and getattr(self.limits, setting) is False:
            _require_indexes(schema, needs_of_filter(filter), setting, "filter")


def _refused(limit: str, what: str, advice: str) -> LimitError:
    return LimitError(f"{what}. Help: {advice}", limit=limit)


def _require_indexes(schema: Schema, needs: Iterator[Need], setting: str, what: str) -> None:
    missing = missing_index(needs, schema.fields)
    if missing is not None:
        key, types = missing
        raise _refused(
            setting,
            f'Index required but not found for "{key}" of one of the following types: [{", ".join(types)}]',
            f"Create an index for this key or use a different {what}.",
        )


def _check_kind(schema: Schema, kind: QueryKind | None) -> None:
    """Require the indexes that a way of ranking needs."""
    match kind:
        case OrderBy(key) if not has_capability(key, "range", schema.fields):
            raise InvalidInputError(
                f"No range index for `order_by` key: `{key}`. Create one that supports range.", field="order_by"
            )
        case Formula(expression):
            needs = needs_of_expression(expression)
            _require_indexes(schema, needs, "unindexed_filtering_retrieve", "formula expression")


def _check_scan(schema: Schema, demand: _Demand) -> None:
    """Refuse a search in a vector that has no graph, unless it is limited to a tenant that has one."""
    spec = schema.spec.vectors.get(demand.using)
    if spec is None or not isinstance(demand.kind, _BY_VECTOR):
        return
    hnsw = effective_hnsw(schema.spec, spec)
    if hnsw.m:
        return
    named = f" on '{demand.using}'" if demand.using else ""
    keys = {key for key, _ in needs_of_filter(demand.filter)} if demand.filter is not None else set()
    tenant = any(schema.fields[key].is_tenant for key in keys & schema.fields.keys())
    if not tenant or not hnsw.payload_m:
        raise _refused(
            "search_allow_exact",
            f"Request is forbidden{named} because vector indexing is disabled (hnsw_config.m = 0)",
            "Filter by a tenant, index the vector, or allow exact search.",
        )


def _demands(query: Query, limit: int) -> Iterator[_Demand]:
    """Put a query and its prefetches in the terms of the limits."""
    ranked = query.kind if not query.prefetch or isinstance(query.kind, Formula) else None
    yield _Demand(limit, query.filter, params=query.params, kind=ranked, using=query.using)
    for inner in query.prefetch:
        yield from _demands(inner, inner.limit)


def _filters_of(operation: WriteOperation) -> Iterator[tuple[Filter, str | None]]:
    """Go through the filters of an operation, each with the setting that requires indexes for it."""
    if isinstance(selector := getattr(operation, "selector", None), Filter):
        yield selector, "unindexed_filtering_update"
    if isinstance(operation, Upsert | UpdateVectors) and operation.filter is not None:
        yield operation.filter, None  # asked of the points given, not of all
