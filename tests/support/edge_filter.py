"""The oracle for filters of the neutral model: Qdrant's own core, in process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as qe

from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import (
    Condition,
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPoint,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    Nested,
    Range,
    ValuesCount,
)

__all__ = ["EdgePoints", "edge_filter", "vectors_of"]


def vectors_of(position: int) -> frozenset[str]:
    """Return the names of the vectors of a point by its position."""
    return frozenset(("", "image")) if position % 2 else frozenset(("",))


class EdgePoints:
    """Points in a shard of Qdrant's core; all have the vector ``""``, every other one ``"image"``."""

    def __init__(
        self,
        payloads: Sequence[Mapping[str, Any]],
        ids: Sequence[int | str] | None = None,
        indexes: Mapping[str, FieldIndex] | None = None,
    ) -> None:
        scratch = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.path = tempfile.mkdtemp(prefix="edge-", dir=scratch)
        vectors = {"": qe.EdgeVectorParams(1, qe.Distance.Dot), "image": qe.EdgeVectorParams(1, qe.Distance.Dot)}
        self.shard = qe.EdgeShard.create(self.path, qe.EdgeConfig(vectors=vectors, wal_enabled=False))
        pairs = enumerate(zip(range(len(payloads)) if ids is None else ids, payloads, strict=True))
        points = [qe.Point(id, {name: [1.0] for name in vectors_of(n)}, dict(payload)) for n, (id, payload) in pairs]
        self.update("upsert_points", points)
        for key, index in (indexes or {}).items():
            self.update("create_field_index", key, _schema(index))

    def __enter__(self) -> EdgePoints:
        return self

    def __exit__(self, *_: object) -> None:
        self.shard.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def update(self, name: str, *args: Any) -> None:
        self.shard.update(getattr(qe.UpdateOperation, name)(*args))

    def ids(self, filter: Filter) -> set[int | str]:
        """Return the ids of the points that satisfy a filter."""
        request = qe.ScrollRequest(limit=10_000, filter=edge_filter(filter), with_payload=False, with_vector=False)
        return {id if isinstance(id := record.id, int) else str(id) for record in self.shard.scroll(request)[0]}

    def payload(self, id: int, selector: Any = True) -> Any:
        """Return the payload of a point."""
        return self.shard.retrieve([id], with_payload=selector, with_vector=False)[0].payload

    def ordered(self, key: str) -> list[tuple[int | str, int | float]]:
        """Return ids and values in the order of a payload key."""
        request = qe.ScrollRequest(limit=10_000, order_by=qe.OrderBy(key), with_payload=False, with_vector=False)
        return [(record.id, record.order_value) for record in self.shard.scroll(request)[0]]

    def facet(self, key: str, filter: Filter) -> list[tuple[Any, int]]:
        request = qe.FacetRequest(key, limit=1000, exact=True, filter=edge_filter(filter))
        return [(hit.value, hit.count) for hit in self.shard.facet(request).hits]

    def indexed(self) -> dict[str, int]:
        """Return how many points each index counts."""
        return {key: info.points for key, info in self.shard.info().payload_schema.items()}


def _schema(index: FieldIndex) -> Any:
    match index.type:
        case FieldType.TEXT:
            names = {name.lower(): tokenizer for name, tokenizer in vars(qe.TokenizerType).items()}
            return qe.TextIndexParams(
                tokenizer=names[index.tokenizer or "word"],
                lowercase=index.lowercase,
                phrase_matching=index.phrase_matching,
            )
        case FieldType.KEYWORD:
            return qe.KeywordIndexParams(prefix=index.prefix, nested=index.nested)
        case kind:
            return getattr(qe.PayloadSchemaType, kind.capitalize())


def edge_filter(filter: Filter) -> qe.Filter:
    """Convert a filter; the model's empty clauses are absent ones."""
    least = filter.min_should
    return qe.Filter(
        must=[_condition(condition) for condition in filter.must] or None,
        should=[_condition(condition) for condition in filter.should] or None,
        must_not=[_condition(condition) for condition in filter.must_not] or None,
        min_should=least and qe.MinShould([_condition(condition) for condition in least.conditions], least.min_count),
    )


def _condition(condition: Condition) -> Any:
    match condition:
        case Filter():
            return edge_filter(condition)
        case HasId(ids):
            return qe.HasIdCondition(set(ids))
        case HasVector(name):
            return qe.HasVectorCondition(name)
        case Nested(key, filter):
            return qe.NestedCondition(key, edge_filter(filter))
        case IsEmpty(key):
            return qe.IsEmptyCondition(key)
        case IsNull(key):
            return qe.IsNullCondition(key)
        case _:
            name, test = _test(condition)
            return qe.FieldCondition(condition.key, **{name: test})


def _test(condition: Condition) -> tuple[str, Any]:
    match condition:
        case MatchValue(_, value):
            # The binding reads a Python bool as an integer, but numpy's bool as a bool.
            return "match", qe.MatchValue(np.bool_(value) if isinstance(value, bool) else value)
        case MatchAny(_, values):
            return "match", qe.MatchAny(list(values))
        case MatchExcept(_, values):
            return "match", qe.MatchExcept(list(values))
        case MatchText(_, text, mode):
            return "match", {"all": qe.MatchText, "any": qe.MatchTextAny, "phrase": qe.MatchPhrase}[mode](text)
        case MatchPrefix(_, prefix):
            return "match", qe.MatchPrefix(prefix)
        case MatchSubstring(_, text):
            return "match", qe.MatchSubstring(text)
        case Range(_, lt, lte, gt, gte):
            return "range", qe.RangeFloat(lt=lt, lte=lte, gt=gt, gte=gte)
        case DatetimeRange(_, lt, lte, gt, gte):
            bounds = {"lt": lt, "lte": lte, "gt": gt, "gte": gte}
            return "range", qe.RangeDateTime(
                **{name: None if micros is None else _date(micros) for name, micros in bounds.items()}
            )
        case ValuesCount(_, lt, lte, gt, gte):
            return "values_count", qe.ValuesCount(lt=lt, lte=lte, gt=gt, gte=gte)
        case GeoBox(_, top_left, bottom_right):
            return "geo_bounding_box", qe.GeoBoundingBox(_place(top_left), _place(bottom_right))
        case GeoRadius(_, center, radius):
            return "geo_radius", qe.GeoRadius(_place(center), radius)
        case GeoPolygon(_, exterior, interiors):
            rings = [[_place(point) for point in ring] for ring in (exterior, *interiors)]
            return "geo_polygon", qe.GeoPolygon(rings[0], rings[1:] or None)
        case _:
            raise NotImplementedError(type(condition).__name__)


def _place(point: GeoPoint) -> qe.GeoPoint:
    return qe.GeoPoint(point.lon, point.lat)


def _date(micros: int) -> str:
    return str(np.datetime64(micros, "us"))
