"""Changes of a collection: vectors to store, in columns, and ids to delete, in the order that they were asked for.

What is here is valid: ``staging`` checks it. The points of the database are made when it is committed, for only then
the number of the commit is known and what indexes there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

import msgspec
import numpy as np

from quiverdb.cosdata.service.layout import DENSE, RAW, SPARSE, DenseIndex, Settings, point_id
from quiverdb.model.point import DenseColumn, FloatArray, Payload, Points, SparseVector, VectorColumn
from quiverdb.model.write import Delete, PointOperation, Upsert

__all__ = ["Batch", "Change", "Removal", "compared", "operations", "touched"]


class Batch(msgspec.Struct, frozen=True, eq=False):
    """Store vectors: their ids, what the payloads of their points hold besides the number of the commit, and values."""

    ids: list[str]
    payloads: list[Payload]
    dense: DenseColumn | None = None
    sparse: Sequence[SparseVector | None] | None = None


class Removal(msgspec.Struct, frozen=True):
    """Delete vectors, if they are there."""

    ids: list[str]


Change: TypeAlias = Batch | Removal


def touched(changes: Iterable[Change]) -> list[str]:
    """Return the ids that changes name, each once."""
    return list(dict.fromkeys(id for change in changes for id in change.ids))


def compared(index: DenseIndex, rows: FloatArray) -> FloatArray:
    """Return what an index compares in the place of vectors: for ``hamming`` the signs, else the vectors themselves.

    >>> compared(DenseIndex("hamming"), np.array([[0.5, 0.0, -2.0]], "f4"))
    array([[ 1., -1., -1.]], dtype=float32)
    """
    return np.where(rows > 0, np.float32(1), np.float32(-1)) if index.metric == "hamming" else rows


def operations(
    changes: Sequence[Change], settings: Settings, number: int, most: int | None = None
) -> Iterator[PointOperation]:
    """Return the writes that carry out changes as commit ``number``, with ``most`` points each if that is given."""
    for kind, group in groupby(changes, type):
        if kind is Removal:
            ids = touched(group)
            yield from (Delete(tuple(map(point_id, part))) for part in _parts(ids, most))
        else:
            whole = _joined([change for change in group if isinstance(change, Batch)])
            for start in range(0, len(whole.ids), most or len(whole.ids)):
                part = whole if most is None else _part(whole, start, start + most)
                yield Upsert(_points(part, settings, number))


def _parts(ids: list[str], most: int | None) -> Iterator[list[str]]:
    size = most or len(ids)
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _points(batch: Batch, settings: Settings, number: int) -> Points:
    vectors: dict[str, VectorColumn] = {}
    if batch.dense is not None:
        vectors[RAW] = batch.dense
        if settings.dense is not None:
            vectors[DENSE] = DenseColumn(compared(settings.dense, batch.dense.rows), batch.dense.positions)
    if batch.sparse is not None:
        vectors[SPARSE] = batch.sparse
    payloads = [{**payload, "born": number} for payload in batch.payloads]
    return Points([point_id(id) for id in batch.ids], vectors, payloads)


def _joined(batches: Sequence[Batch]) -> Batch:
    """Return batches as one."""
    if len(batches) == 1:
        return batches[0]
    starts = np.cumsum([0, *(len(batch.ids) for batch in batches)])
    return Batch(
        [id for batch in batches for id in batch.ids],
        [payload for batch in batches for payload in batch.payloads],
        _joined_dense(batches, starts.tolist()),
        _joined_sparse(batches),
    )


def _joined_dense(batches: Sequence[Batch], starts: Sequence[int]) -> DenseColumn | None:
    columns = [(batch.dense, start, len(batch.ids)) for batch, start in zip(batches, starts, strict=False)]
    given = [(column, start, count) for column, start, count in columns if column is not None]
    if not given:
        return None
    rows = np.concatenate([column.rows for column, _, _ in given])
    positions = np.concatenate([_positions(column, count) + start for column, start, count in given])
    return DenseColumn(rows, None if len(rows) == starts[-1] else positions)


def _positions(column: DenseColumn, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(count) if column.positions is None else column.positions


def _joined_sparse(batches: Sequence[Batch]) -> list[SparseVector | None] | None:
    if all(batch.sparse is None for batch in batches):
        return None
    return [value for batch in batches for value in batch.sparse or [None] * len(batch.ids)]


def _part(batch: Batch, start: int, end: int) -> Batch:
    """Return the vectors of a batch from position ``start`` to ``end``."""
    dense = None
    if batch.dense is not None:
        positions = _positions(batch.dense, len(batch.ids))
        low, high = np.searchsorted(positions, (start, end))
        dense = DenseColumn(batch.dense.rows[low:high], positions[low:high] - start)
    sparse = None if batch.sparse is None else batch.sparse[start:end]
    return Batch(batch.ids[start:end], batch.payloads[start:end], dense, sparse)
