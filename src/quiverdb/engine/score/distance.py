"""Distances: how vectors are prepared, compared and shown.

Inside the engine a larger similarity is always nearer: the inner product for Cosine and Dot, minus the squared
distance for Euclid, minus the sum of absolute differences for Manhattan. ``shown`` turns it into the score that
users see: Euclid the distance itself, Manhattan the sum, where smaller is nearer.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import faiss
import numpy as np
import numpy.typing as npt

from quiverdb.engine.score.forms import Rows, Stored, form_of
from quiverdb.model.collection import Datatype, Distance, VectorSpec
from quiverdb.model.point import FloatArray

__all__ = [
    "UNIT_TOLERANCE",
    "Offsets",
    "compare",
    "nearest",
    "prepare",
    "prepare_query",
    "shown",
    "similarities",
    "smaller_is_nearer",
    "top",
]

Offsets: TypeAlias = npt.NDArray[np.int64]

UNIT_TOLERANCE = 1e-6
"""How far from 1 the squared length of a vector may be for it to count as normalised."""
_BLOCK = 1 << 22
"""Numbers converted at once when stored types need conversion."""

_pointer = faiss.swig_ptr


def smaller_is_nearer(distance: Distance) -> bool:
    """Tell whether shown scores rank from small to large."""
    return distance in (Distance.EUCLID, Distance.MANHATTAN)


def prepare(spec: VectorSpec, rows: npt.NDArray[Any]) -> Stored:
    """Bring vectors, shape (n, size), into the form in which they are stored.

    Cosine vectors are divided by their length, unless they are stored as uint8, whose lengths enter at search.
    A zero vector, or one of unit length within 1e-6, stays as it is.
    """
    return form_of(spec).encode(_normalised(spec, rows))


def prepare_query(spec: VectorSpec, queries: FloatArray) -> FloatArray:
    """Bring query vectors, shape (n, size), into the form in which they are compared."""
    return form_of(spec).query(_normalised(spec, queries))


def _normalised(spec: VectorSpec, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if spec.datatype is Datatype.UINT8:
        return rows
    rows = np.ascontiguousarray(rows, np.float32)
    if spec.distance is Distance.COSINE:
        squares = np.einsum("ij,ij->i", rows, rows)
        scale = (squares > np.finfo(np.float32).eps) & (np.abs(squares - 1.0) > UNIT_TOLERANCE)
        if scale.any():
            lengths = np.where(scale, np.sqrt(squares), np.float32(1.0))
            rows = rows / lengths[:, None]
    return rows


def nearest(
    spec: VectorSpec, rows: Rows, query: FloatArray, offsets: Offsets | None, k: int
) -> tuple[Offsets, FloatArray]:
    """Return the ``k`` most similar of ``rows`` (all, or those at ``offsets``) and their similarities, best first.

    ``query`` is a prepared float32 vector. Negative offsets end the list.
    """
    floats = _as_they_lie(rows)
    if offsets is not None and floats is not None and spec.distance is not Distance.MANHATTAN:
        return _by_offsets(spec, floats, query, offsets, k)
    if offsets is not None:
        offsets = offsets[offsets >= 0]
    elif spec.distance is Distance.EUCLID and floats is not None:
        return _by_offsets(spec, floats, query, np.arange(len(floats)), k)
    found = similarities(spec, rows, query, offsets)
    best = top(found, k)
    return (best if offsets is None else offsets[best]), found[best]


def _as_they_lie(rows: Rows) -> FloatArray | None:
    """Return the rows if they can be compared without being converted."""
    return rows if isinstance(rows, np.ndarray) and rows.dtype == np.float32 else None


def _by_offsets(
    spec: VectorSpec, rows: FloatArray, query: FloatArray, offsets: Offsets, k: int
) -> tuple[Offsets, FloatArray]:
    wanted, k = k, min(k + 1, len(offsets))
    ids, values = np.empty(k, np.int64), np.empty(k, np.float32)
    if k:
        euclid = spec.distance is Distance.EUCLID
        search = faiss.knn_L2sqr_by_idx if euclid else faiss.knn_inner_products_by_idx
        search(
            _pointer(query), _pointer(rows), _pointer(offsets), rows.shape[1], 1, len(rows), len(offsets), k,
            _pointer(values), _pointer(ids), -1,
        )  # fmt: skip
        if euclid:
            np.negative(values, values)
        if ids[-1] < 0:
            found = int(np.argmax(ids < 0))
            ids, values = ids[:found], values[:found]
        if (values[1:] == values[:-1]).any():
            return _in_order(spec, rows, query, offsets, ids, values, wanted)
    return ids[:wanted], values[:wanted]


def _in_order(
    spec: VectorSpec,
    rows: FloatArray,
    query: FloatArray,
    offsets: Offsets,
    ids: Offsets,
    values: FloatArray,
    k: int,
) -> tuple[Offsets, FloatArray]:
    """Put equally similar rows in the order of their offsets, so that pages do not overlap."""
    if len(values) > k and values[k] == values[k - 1]:
        ids = offsets[offsets >= 0]
        chosen = rows[ids]
        values = _block(spec, chosen, query)
    order = np.lexsort((ids, -values))[:k]
    return ids[order], values[order]


def similarities(spec: VectorSpec, rows: Rows, query: FloatArray, offsets: Offsets | None = None) -> FloatArray:
    """Return the similarity of every row, or of those at ``offsets``, to a prepared query."""
    floats = _as_they_lie(rows)
    if offsets is None and floats is not None and spec.distance in (Distance.COSINE, Distance.DOT):
        return np.asarray(floats @ query, np.float32)
    count = len(rows) if offsets is None else len(offsets)
    result = np.empty(count, np.float32)
    step = max(1, _BLOCK // len(query))
    for start in range(0, count, step):
        part = slice(start, start + step)
        block = rows[part if offsets is None else offsets[part]]
        result[part] = _block(spec, block.astype(np.float32, copy=False), query)
    return result


def compare(spec: VectorSpec, rows: Rows, queries: FloatArray, offsets: Offsets) -> FloatArray:
    """Return the similarities of the rows at ``offsets`` to prepared queries, shape (queries, offsets).

    float32 rows are not copied.
    """
    floats = _as_they_lie(rows)
    if floats is None or spec.distance is Distance.MANHATTAN:
        chosen = rows[offsets]
        return np.stack([similarities(spec, chosen, query) for query in queries])
    queries = np.ascontiguousarray(queries, np.float32)
    places = np.ascontiguousarray(np.broadcast_to(offsets, (len(queries), len(offsets))), np.int64)
    found = np.empty(places.shape, np.float32)
    euclid = spec.distance is Distance.EUCLID
    search = faiss.fvec_L2sqr_by_idx if euclid else faiss.fvec_inner_products_by_idx
    search(
        _pointer(found), _pointer(queries), _pointer(floats), _pointer(places), spec.size, len(queries), len(offsets)
    )
    return np.negative(found, found) if euclid else found


def _block(spec: VectorSpec, block: FloatArray, query: FloatArray) -> FloatArray:
    if spec.distance is Distance.EUCLID:
        difference = block - query
        return np.asarray(-np.einsum("ij,ij->i", difference, difference), np.float32)
    if spec.distance is Distance.MANHATTAN:
        return np.asarray(-np.abs(block - query).sum(axis=1), np.float32)
    product = block @ query
    if spec.distance is Distance.COSINE and spec.datatype is Datatype.UINT8:
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block) * np.float32(query @ query))
        return np.asarray(np.divide(product, lengths, out=np.zeros_like(product), where=lengths > 0), np.float32)
    return np.asarray(product, np.float32)


def top(similarity: FloatArray, k: int) -> Offsets:
    """Return the positions of the ``k`` largest numbers, largest first, earlier positions first among equals."""
    if k < len(similarity):
        candidates = np.argpartition(similarity, -k)[-k:]
        candidates = np.flatnonzero(similarity >= similarity[candidates].min()) if k else candidates[:0]
    else:
        candidates = np.arange(len(similarity))
    order = np.argsort(-similarity[candidates], kind="stable")[:k]
    return np.asarray(candidates[order], np.int64)


def shown(distance: Distance, similarity: FloatArray) -> FloatArray:
    """Turn similarities into the scores that users see."""
    if distance is Distance.EUCLID:
        return np.sqrt(np.abs(similarity))
    return np.abs(similarity) if distance is Distance.MANHATTAN else similarity
