"""The oracle: Qdrant's own core in process (qdrant-edge-py), called as a QdrantClient is.

Requests come as the models of the Qdrant dialect (ours or the official ones: only attribute names are used)
and answers go out as ``Row``. Update operations that name points which do not exist apply to the others and then
raise ``Missing``, as the server answers 404; everything else that the core refuses raises ``Refused``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as qe
from rows import PointId, Row, plain_id, rows


class Refused(Exception):
    """The core refused a request."""


class Missing(Refused):
    """A request named a point that does not exist; the rest of it was applied."""


@contextmanager
def _errors() -> Any:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise Refused(str(error)) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise (Missing if str(error).startswith("No point with id") else Refused)(str(error)) from error


# --- filters


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def edge_filter(value: Any) -> qe.Filter | None:
    """Convert a Filter; an absent clause stays absent."""
    if value is None:
        return None
    clauses = {
        name: None if (clause := getattr(value, name)) is None else [_condition(c) for c in _listed(clause)]
        for name in ("must", "should", "must_not")
    }
    least = value.min_should
    if least is not None:
        clauses["min_should"] = qe.MinShould([_condition(c) for c in least.conditions], least.min_count)
    return qe.Filter(**clauses)


def _condition(value: Any) -> Any:
    match type(value).__name__:
        case "Filter":
            return edge_filter(value)
        case "FieldCondition":
            return _field(value)
        case "HasIdCondition":
            return qe.HasIdCondition({plain_id(i) for i in value.has_id})
        case "HasVectorCondition":
            return qe.HasVectorCondition(value.has_vector)
        case "IsEmptyCondition":
            return qe.IsEmptyCondition(value.is_empty.key)
        case "IsNullCondition":
            return qe.IsNullCondition(value.is_null.key)
        case "SliceCondition":
            return qe.SliceCondition(value.slice.total, value.slice.index)
        case "NestedCondition":
            return qe.NestedCondition(value.nested.key, edge_filter(value.nested.filter))
        case name:
            raise NotImplementedError(name)


def _field(value: Any) -> qe.FieldCondition:
    return qe.FieldCondition(
        key=value.key,
        match=_maybe(_match, value.match),
        range=_maybe(_range, value.range),
        geo_bounding_box=_maybe(_box, value.geo_bounding_box),
        geo_radius=_maybe(lambda g: qe.GeoRadius(_place(g.center), g.radius), value.geo_radius),
        geo_polygon=_maybe(_polygon, value.geo_polygon),
        values_count=_maybe(lambda v: qe.ValuesCount(lt=v.lt, gt=v.gt, lte=v.lte, gte=v.gte), value.values_count),
        is_empty=value.is_empty,
        is_null=value.is_null,
    )


def _maybe(convert: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else convert(value)


def _match(value: Any) -> Any:
    match type(value).__name__:
        case "MatchValue":
            # The binding reads a Python bool as an integer, but numpy's bool as a bool.
            return qe.MatchValue(np.bool_(value.value) if isinstance(value.value, bool) else value.value)
        case "MatchAny":
            return qe.MatchAny(list(value.any))
        case "MatchExcept":
            return qe.MatchExcept(list(value.except_))
        case "MatchText":
            return qe.MatchText(value.text)
        case "MatchTextAny":
            return qe.MatchTextAny(value.text_any)
        case "MatchPhrase":
            return qe.MatchPhrase(value.phrase)
        case "MatchPrefix":
            return qe.MatchPrefix(value.prefix)
        case "MatchSubstring":
            return qe.MatchSubstring(value.substring)
        case name:
            raise NotImplementedError(name)


def _range(value: Any) -> Any:
    bounds = {name: getattr(value, name) for name in ("lt", "lte", "gt", "gte")}
    if type(value).__name__ != "DatetimeRange":
        return qe.RangeFloat(**bounds)
    return qe.RangeDateTime(**{name: _maybe(date_text, bound) for name, bound in bounds.items()})


def date_text(value: datetime | date | str) -> str:
    return value if isinstance(value, str) else value.isoformat()


def _place(value: Any) -> qe.GeoPoint:
    return qe.GeoPoint(value.lon, value.lat)


def _box(value: Any) -> qe.GeoBoundingBox:
    return qe.GeoBoundingBox(_place(value.top_left), _place(value.bottom_right))


def _polygon(value: Any) -> qe.GeoPolygon:
    rings = [[_place(p) for p in ring.points] for ring in (value.exterior, *(value.interiors or []))]
    return qe.GeoPolygon(rings[0], rings[1:] or None)


# --- collections and points


def _enum(kind: type, value: Any) -> Any:
    """Find the member whose name is the wire value, whatever its case."""
    text = str(getattr(value, "value", value)).replace("_", "").lower()
    return next(member for name, member in vars(kind).items() if name.lower() == text)


def _params(value: Any) -> qe.EdgeVectorParams:
    return qe.EdgeVectorParams(
        size=value.size,
        distance=_enum(qe.Distance, value.distance),
        datatype=_maybe(lambda d: _enum(qe.VectorStorageDatatype, d), value.datatype),
        multivector_config=_maybe(_multivector, value.multivector_config),
    )


def _multivector(value: Any) -> qe.MultiVectorConfig:
    return qe.MultiVectorConfig(_enum(qe.MultiVectorComparator, value.comparator))


def _vector(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _vector(item) for name, item in value.items()}
    if type(value).__name__ == "SparseVector":
        return qe.SparseVector(list(value.indices), [float(x) for x in value.values])
    return _numbers(value)


def _numbers(value: Any) -> Any:
    """Return a vector as a list, a multivector as a list of lists."""
    return np.asarray(value, np.float64).tolist()


def _points(points: Any) -> list[qe.Point]:
    if type(points).__name__ == "Batch":
        return _batch(points)
    return [qe.Point(plain_id(p.id), _vector(p.vector), p.payload or {}) for p in points]


def _batch(batch: Any) -> list[qe.Point]:
    payloads = batch.payloads or [None] * len(batch.ids)
    if isinstance(batch.vectors, dict):
        columns = {name: list(column) for name, column in batch.vectors.items()}
        vectors: list[Any] = [{name: column[i] for name, column in columns.items()} for i in range(len(batch.ids))]
    else:
        vectors = list(batch.vectors)
    triples = zip(batch.ids, vectors, payloads, strict=True)
    return [qe.Point(plain_id(i), _vector(v), p or {}) for i, v, p in triples]


def _index(schema: Any) -> Any:
    """Convert a PayloadSchemaType or parameters of an index."""
    name = type(schema).__name__
    if name == "TextIndexParams":
        return qe.TextIndexParams(
            tokenizer=_maybe(lambda t: _enum(qe.TokenizerType, t), schema.tokenizer),
            min_token_len=schema.min_token_len,
            max_token_len=schema.max_token_len,
            lowercase=schema.lowercase,
            ascii_folding=schema.ascii_folding,
            phrase_matching=schema.phrase_matching,
        )
    if name == "IntegerIndexParams":
        return qe.IntegerIndexParams(lookup=schema.lookup, range=schema.range)
    if name.endswith("IndexParams"):
        return getattr(qe, name)()
    return _enum(qe.PayloadSchemaType, schema)


def _payload_selector(value: Any) -> Any:
    if isinstance(value, (bool, list)):
        return value
    if type(value).__name__ == "PayloadSelectorInclude":
        return qe.PayloadSelector.Include(value.include)
    return qe.PayloadSelector.Exclude(value.exclude)


def _order(value: Any) -> qe.OrderBy:
    if isinstance(value, str):
        return qe.OrderBy(value)
    start = value.start_from
    return qe.OrderBy(
        value.key,
        direction=_maybe(lambda d: _enum(qe.Direction, d), value.direction),
        start_from=date_text(start) if isinstance(start, date) else start,
    )


class EdgeCollection:
    """One collection in Qdrant's core, with the methods and arguments of QdrantClient but for the collection's name."""

    def __init__(self, vectors_config: Any, sparse_vectors_config: Any = None) -> None:
        self.path = tempfile.mkdtemp(prefix="edge-", dir=_scratch())
        single = not isinstance(vectors_config, dict)
        configs = {"": vectors_config} if single else vectors_config
        self._shard = qe.EdgeShard.create(
            self.path,
            qe.EdgeConfig(
                vectors={name: _params(params) for name, params in configs.items()},
                sparse_vectors={
                    name: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf if params.modifier == "idf" else None)
                    for name, params in (sparse_vectors_config or {}).items()
                },
                wal_enabled=False,
            ),
        )

    def close(self) -> None:
        self._shard.close()
        shutil.rmtree(self.path, ignore_errors=True)

    # --- writes

    def _update(self, operation: qe.UpdateOperation) -> None:
        self._shard.update(operation)

    def _select(self, name: str, selector: Any, *args: Any) -> None:
        """Apply the operation ``name`` to points by id, or its variant for filters."""
        inner = getattr(selector, "points", getattr(selector, "filter", selector))
        if type(inner).__name__ == "Filter":
            self._update(getattr(qe.UpdateOperation, f"{name}_by_filter")(edge_filter(inner), *args))
        else:
            self._update(getattr(qe.UpdateOperation, name)([plain_id(i) for i in inner], *args))

    def _ids(self, selector: Any) -> list[PointId]:
        """Resolve a selector."""
        inner = getattr(selector, "points", getattr(selector, "filter", selector))
        if type(inner).__name__ != "Filter":
            return [plain_id(i) for i in inner]
        return [row.id for row in self.scroll(inner, limit=100_000)[0]]

    def upsert(self, points: Any, update_filter: Any = None, update_mode: Any = None) -> None:
        mode = _maybe(lambda m: _enum(qe.UpdateMode, m), update_mode)
        with _errors():
            self._update(qe.UpdateOperation.upsert_points(_points(points), edge_filter(update_filter), mode))

    def update_vectors(self, points: Sequence[Any], update_filter: Any = None) -> None:
        converted = [qe.PointVectors(plain_id(p.id), _vector(p.vector)) for p in points]
        with _errors():
            self._update(qe.UpdateOperation.update_vectors(converted, edge_filter(update_filter)))

    def delete_vectors(self, vectors: Sequence[str], points: Any) -> None:
        with _errors():
            self._select("delete_vectors", points, list(vectors))

    def delete(self, points_selector: Any) -> None:
        with _errors():
            self._select("delete_points", points_selector)

    def set_payload(self, payload: dict[str, Any], points: Any, key: str | None = None) -> None:
        """Merge a payload in. A null removes its key, which the core forgets on points without any payload."""
        points = self._ids(points)
        nulls = [f'"{name}"' for name, value in payload.items() if value is None and key is None]
        try:
            with _errors():
                self._select("set_payload", points, payload, key)
        finally:
            if nulls and (existing := [row.id for row in self.retrieve(points)]):
                self.delete_payload(nulls, existing)

    def overwrite_payload(self, payload: dict[str, Any], points: Any) -> None:
        with _errors():
            self._select("overwrite_payload", points, payload)

    def delete_payload(self, keys: Sequence[str], points: Any) -> None:
        with _errors():
            self._select("delete_payload", points, list(keys))

    def clear_payload(self, points_selector: Any) -> None:
        with _errors():
            self._select("clear_payload", points_selector)

    def batch_update_points(self, update_operations: Iterable[Any]) -> None:
        """Apply operations one by one; the callers make sure that none of them fails."""
        for operation in update_operations:
            self._apply(operation)

    def _apply(self, operation: Any) -> None:
        match type(operation).__name__:
            case "UpsertOperation":
                upsert = operation.upsert
                points = getattr(upsert, "points", None) or upsert.batch
                self.upsert(points, upsert.update_filter, upsert.update_mode)
            case "UpdateVectorsOperation":
                self.update_vectors(operation.update_vectors.points, operation.update_vectors.update_filter)
            case "DeleteVectorsOperation":
                inner = operation.delete_vectors
                self.delete_vectors(inner.vector, inner.points or inner.filter)
            case "DeleteOperation":
                self.delete(operation.delete)
            case "SetPayloadOperation":
                inner = operation.set_payload
                self.set_payload(inner.payload, inner.points or inner.filter, inner.key)
            case "OverwritePayloadOperation":
                inner = operation.overwrite_payload
                self.overwrite_payload(inner.payload, inner.points or inner.filter)
            case "DeletePayloadOperation":
                inner = operation.delete_payload
                self.delete_payload(inner.keys, inner.points or inner.filter)
            case "ClearPayloadOperation":
                self.clear_payload(operation.clear_payload)
            case name:
                raise NotImplementedError(name)

    def create_payload_index(self, field_name: str, field_schema: Any) -> None:
        with _errors():
            self._update(qe.UpdateOperation.create_field_index(field_name, _index(field_schema)))

    def delete_payload_index(self, field_name: str) -> None:
        with _errors():
            self._update(qe.UpdateOperation.delete_field_index(field_name))

    def create_vector_name(self, vector_name: str, vector_name_config: Any) -> None:
        dense = vector_name_config.dense
        datatype = _maybe(lambda d: _enum(qe.VectorStorageDatatype, d), dense.datatype)
        with _errors():
            self._update(
                qe.UpdateOperation.create_dense_vector(
                    vector_name,
                    dense.size,
                    _enum(qe.Distance, dense.distance),
                    _maybe(_multivector, dense.multivector_config),
                    datatype,
                )
            )

    def delete_vector_name(self, vector_name: str) -> None:
        with _errors():
            self._update(qe.UpdateOperation.delete_vector_name(vector_name))

    # --- reads

    def scroll(
        self,
        scroll_filter: Any = None,
        limit: int = 10,
        order_by: Any = None,
        offset: Any = None,
        with_payload: Any = True,
        with_vectors: Any = False,
    ) -> tuple[list[Row], PointId | None]:
        request = qe.ScrollRequest(
            offset=_maybe(plain_id, offset),
            limit=limit,
            filter=edge_filter(scroll_filter),
            with_payload=_payload_selector(with_payload),
            with_vector=with_vectors,
            order_by=_maybe(_order, order_by),
        )
        with _errors():
            records, following = self._shard.scroll(request)
        return rows(records), _maybe(plain_id, following)

    def retrieve(self, ids: Sequence[Any], with_payload: Any = True, with_vectors: Any = False) -> list[Row]:
        wanted = [plain_id(i) for i in ids]
        with _errors():
            return rows(self._shard.retrieve(wanted, _payload_selector(with_payload), with_vectors))

    def count(self, count_filter: Any = None) -> int:
        with _errors():
            return self._shard.count(qe.CountRequest(exact=True, filter=edge_filter(count_filter)))

    def facet(self, key: str, facet_filter: Any = None, limit: int = 10) -> list[tuple[Any, int]]:
        request = qe.FacetRequest(key=key, limit=limit, exact=True, filter=edge_filter(facet_filter))
        with _errors():
            return [(hit.value, hit.count) for hit in self._shard.facet(request)]

    def query_points(
        self,
        query: Any = None,
        using: str | None = None,
        query_filter: Any = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: Any = True,
        with_vectors: Any = False,
        score_threshold: float | None = None,
    ) -> list[Row]:
        kind, exclude = self._kind(query, using)
        inner = edge_filter(query_filter)
        if exclude is not None:
            inner = qe.Filter(must=[inner] if inner else None, must_not=[qe.HasIdCondition({exclude})])
        request = qe.QueryRequest(
            limit=limit,
            offset=offset,
            query=kind,
            filter=inner,
            params=qe.SearchParams(exact=True),
            score_threshold=score_threshold,
            with_payload=_payload_selector(with_payload),
            with_vector=with_vectors,
        )
        with _errors():
            return rows(self._shard.query(request))

    def _kind(self, query: Any, using: str | None) -> tuple[Any, PointId | None]:
        """Convert a query; the shard knows no query by id, so the point is looked up here, as a server does."""
        name = type(query).__name__
        if query is None:
            return None, None
        if name == "OrderByQuery":
            return _order(query.order_by), None
        if name == "SampleQuery":
            return qe.Sample.Random, None
        if name == "NearestQuery":
            return self._kind(query.nearest, using)
        if isinstance(query, (list, np.ndarray)):
            return qe.Query.Nearest(_numbers(query), using=using), None
        wanted = plain_id(query)
        found = self.retrieve([wanted], with_payload=False, with_vectors=True)
        vectors = found[0].vectors if found else None
        if not vectors or (using or "") not in vectors:
            raise Missing(f"No point with id {wanted} found")
        return qe.Query.Nearest(vectors[using or ""].tolist(), using=using), wanted


def _scratch() -> str | None:
    """Prefer memory for the oracle's files: they are never read again."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
