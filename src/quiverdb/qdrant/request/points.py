"""Points to store: batches in rows or columns become batches in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np

from quiverdb.errors import InvalidInputError
from quiverdb.model.point import Points, VectorColumn
from quiverdb.qdrant.request.ids import point_ids
from quiverdb.qdrant.request.inference import NotEmbeddedError, stands_for_one
from quiverdb.qdrant.request.parse import parse, series
from quiverdb.qdrant.request.vectors import array_column, column

__all__ = [
    "ColumnBatch",
    "column_batches",
    "points",
    "points_of_batch",
    "points_of_columns",
    "points_of_rows",
    "request_of_columns",
    "row_batches",
]

_ROWS = frozenset({"PointStruct", "PointVectors", "Record", "ScoredPoint"})
_Column = tuple[list[int], list[Any]]


def points(value: Any) -> Points:
    """Return points given as a ``Batch`` or one by one."""
    name = type(value).__name__
    if name == "Batch":
        return points_of_batch(value)
    if isinstance(value, Mapping):
        return points_of_batch(parse("Batch", dict(value)))
    return points_of_rows(value)


def points_of_rows(value: Iterable[Any], model: str = "PointStruct") -> Points:
    """Return points given one by one: as objects with id, vector and payload, or as dicts that mean a ``model``."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable) or type(value).__name__ in _ROWS:
        raise InvalidInputError(f"expected a list of points, got {type(value).__name__}", field="points")
    rows = value if isinstance(value, list) else list(value)
    if not {kind.__name__ for kind in set(map(type, rows))} <= _ROWS:
        rows = [_row(row, model) for row in rows]
    payloads = [getattr(row, "payload", None) for row in rows]
    return Points(
        point_ids([row.id for row in rows]),
        _columns([row.vector for row in rows]),
        payloads if any(payloads) else None,
    )


def _row(row: Any, model: str) -> Any:
    if isinstance(row, Mapping):
        return parse(model, dict(row))
    if any(base.__name__ in _ROWS for base in type(row).__mro__):
        return row
    raise InvalidInputError(f"expected a point, got {type(row).__name__}", field="points")


def _columns(vectors: list[Any]) -> dict[str, VectorColumn]:
    count = len(vectors)
    if not count:
        return {}
    if set(map(type, vectors)) <= {list, tuple, np.ndarray}:
        return {"": column(vectors, range(count), count)}
    found: dict[str, _Column] = {}
    for position, given in enumerate(vectors):
        for name, vector in _named(given):
            positions, values = found.setdefault(name, ([], []))
            positions.append(position)
            values.append(vector)
    return {name: column(values, positions, count) for name, (positions, values) in found.items()}


def _named(given: Any) -> Iterable[tuple[str, Any]]:
    """Return the vectors of one point by name."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        if stands_for_one(given):
            raise NotEmbeddedError(given)
        return given.items()
    return (("", given),)


def points_of_batch(batch: Any) -> Points:
    """Return points given in columns."""
    ids = point_ids(batch.ids)
    count = len(ids)
    given = batch.vectors
    named = given if isinstance(given, Mapping) else {"": given}
    return Points(ids, {name: _whole(vectors, count) for name, vectors in named.items()}, batch.payloads)


def _whole(vectors: Any, count: int) -> VectorColumn:
    if len(vectors) != count:
        raise InvalidInputError(f"got {len(vectors)} vectors for {count} points", field="vectors")
    if hasattr(vectors, "__array__"):
        return array_column(np.asarray(vectors))
    return column(vectors, range(count), count) if count else []


def row_batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut points given one by one into batches, unread."""
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable) or type(rows).__name__ in _ROWS:
        raise InvalidInputError(f"expected points, got {type(rows).__name__}", field="points")
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


class ColumnBatch(msgspec.Struct, frozen=True, eq=False):
    """Hold a batch given in columns, unread: vectors by name, as an array or one by one."""

    vectors: Any
    count: int
    ids: list[Any]
    payloads: list[Any] | None


def column_batches(
    vectors: Any, payloads: Iterable[Any] | None, ids: Iterable[Any] | None, size: int
) -> Iterator[ColumnBatch]:
    """Cut points given in columns into batches, unread; arrays are sliced, anything else is iterated over.

    Points without ids get random UUIDs. Ids and payloads beyond the last vector are left alone.
    """
    next_ids = None if ids is None else iter(series(ids, "ids"))
    next_payloads = None if payloads is None else iter(series(payloads, "payload"))
    for part, count in _slices(vectors, size):
        yield ColumnBatch(
            part,
            count,
            [str(uuid4()) for _ in range(count)] if next_ids is None else _take(next_ids, count, "ids"),
            None if next_payloads is None else _take(next_payloads, count, "payloads"),
        )


def points_of_columns(batch: ColumnBatch, given: Any) -> Points:
    """Return points given in columns, with ``given`` for their vectors."""
    count = batch.count
    ids = point_ids(batch.ids)
    if isinstance(given, list):
        return Points(ids, _columns(given), batch.payloads)
    named = given if isinstance(given, Mapping) else {"": given}
    return Points(ids, {name: _whole(values, count) for name, values in named.items()}, batch.payloads)


def request_of_columns(batch: ColumnBatch) -> Any:
    """Return points given in columns as they are sent: arrays as a ``Batch``, anything else point by point."""
    given = batch.vectors
    if isinstance(given, Mapping):
        vectors = given[""] if given.keys() == {""} else given
        return {"ids": batch.ids, "vectors": vectors, "payloads": batch.payloads}
    payloads = batch.payloads or [None] * batch.count
    return [
        {"id": id, "vector": vector, "payload": payload}
        for id, vector, payload in zip(batch.ids, given, payloads, strict=True)
    ]


def _take(source: Iterator[Any], count: int, what: str) -> list[Any]:
    taken = list(islice(source, count))
    if len(taken) < count:
        raise InvalidInputError(f"there are fewer {what} than vectors", field=what)
    return taken


def _slices(vectors: Any, size: int) -> Iterator[tuple[Any, int]]:
    """Yield the vectors of one batch after the other, and how many points each has."""
    if hasattr(vectors, "__array__"):
        vectors = {"": np.asarray(vectors)}
    if isinstance(vectors, Mapping):
        yield from _array_slices(vectors, size)
        return
    if isinstance(vectors, str | bytes) or not isinstance(vectors, Iterable):
        raise InvalidInputError(f"expected vectors, got {type(vectors).__name__}", field="vectors")
    source = iter(vectors)
    while batch := list(islice(source, size)):
        yield batch, len(batch)


def _array_slices(columns: Mapping[str, Any], size: int) -> Iterator[tuple[dict[str, Any], int]]:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidInputError(f"the named vectors differ in number: {lengths}", field="vectors")
    total = max(lengths.values(), default=0)
    for start in range(0, total, size):
        count = min(size, total - start)
        yield {name: values[start : start + count] for name, values in columns.items()}, count
