"""Recall: the rows that a search finds before anything else becomes of them.

A recall takes the filter, how many rows are wanted after how many others, and which part of their payload and which
vectors, and returns candidates, best first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec

from quiverdb.model.filter import Filter
from quiverdb.model.point import FloatArray, SparseVector
from quiverdb.model.query import (
    Nearest,
    OrderBy,
    PayloadSelector,
    Query,
    Sample,
    SearchParams,
    Text,
    VectorSelector,
)
from quiverdb.vikingdb.service.blend import Side, blended
from quiverdb.vikingdb.service.candidates import Candidate, best_first
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.layout import SPARSE, TOKENS, Index, Schema, dense_name
from quiverdb.vikingdb.service.reading import invalid
from quiverdb.vikingdb.service.state import stored_name

__all__ = ["Recall", "Wanted", "by_keywords", "by_scalar", "by_vectors", "dense_side", "random"]


class Wanted(msgspec.Struct, frozen=True):
    """Say which rows are wanted, and what of them."""

    filter: Filter | None
    limit: int
    offset: int = 0
    payload: PayloadSelector = True
    vectors: VectorSelector = False


Recall: TypeAlias = Callable[[Context, Schema, Wanted], list[Candidate]]


def by_vectors(
    index: Index, dense: FloatArray | None, sparse: SparseVector | None, *, weight: float = 0.5, scale_k: float = 1.0
) -> Recall:
    """Find rows by a dense vector, a sparse one, or both: ``weight * dense + (1 - weight) * sparse``."""
    if sparse is not None and index.vector_index.index_type != "hnsw_hybrid":
        kind = index.vector_index.index_type
        raise invalid(f"sparse vectors need an index of type hnsw_hybrid; {index.index_name!r} is of type {kind}")
    sides = []
    if dense is not None:
        sides.append(dense_side(index, dense, scale_k, 1.0 if sparse is None else weight))
    if sparse is not None:
        sides.append(Side(Nearest(sparse), SPARSE, 1.0 if dense is None else 1 - weight, partial=True))
    return _by_sides(sides)


def dense_side(index: Index, vector: FloatArray, scale_k: float = 1.0, weight: float = 1.0) -> Side:
    """Return the measure of nearness to a dense vector in an index."""
    about = index.vector_index
    flat = about.index_type == "flat"
    params = SearchParams(exact=True) if flat else SearchParams(ef=max(1, round(about.hnsw_sef * scale_k)))
    shown = _nearness if about.distance == "l2" else _as_it_is
    return Side(Nearest(vector), dense_name(index.index_name), weight, params, shown)


def by_keywords(tokens: Mapping[str, Sequence[str]], weights: Mapping[str, float], *, k1: float, b: float) -> Recall:
    """Find rows by BM25 over the tokens of one field or several, whose scores are added up."""
    sides = [
        Side(Text(" ".join(wanted), k1, b), f"{TOKENS}.{field}", weights.get(field, 1.0), partial=True)
        for field, wanted in tokens.items()
        if wanted
    ]
    return _by_sides(sides)


def by_scalar(field: str, direction: Any) -> Recall:
    """Find rows in the order of a field; their score is its value."""

    def recall(context: Context, schema: Schema, wanted: Wanted) -> list[Candidate]:
        query = _query(wanted, OrderBy(field, direction))
        hits = context.database.query(stored_name(schema), [query])[0]
        return [Candidate(hit.id, (hit.payload or {})[field], hit.payload or {}, hit.vectors) for hit in hits]

    return recall


def random(context: Context, schema: Schema, wanted: Wanted) -> list[Candidate]:
    """Find rows at random; none is better than another."""
    hits = context.database.query(stored_name(schema), [_query(wanted, Sample())])[0]
    return [Candidate(hit.id, 0.0, hit.payload or {}, hit.vectors, 0.0) for hit in hits]


def _by_sides(sides: Sequence[Side]) -> Recall:
    def recall(context: Context, schema: Schema, wanted: Wanted) -> list[Candidate]:
        if not sides:
            return []
        return (
            _by_one(sides[0], context, schema, wanted) if len(sides) == 1 else _by_all(sides, context, schema, wanted)
        )

    return recall


def _by_one(side: Side, context: Context, schema: Schema, wanted: Wanted) -> list[Candidate]:
    query = _query(wanted, side.kind, side.using, side.params)
    hits = context.database.query(stored_name(schema), [query])[0]
    shown, weight = side.shown, side.weight
    found = []
    for hit in hits:
        score = weight * shown(hit.score)
        found.append(Candidate(hit.id, score, hit.payload or {}, hit.vectors, score))
    in_order = all(one.score > other.score for one, other in pairwise(found))
    return found if in_order else best_first(found)


def _by_all(sides: Sequence[Side], context: Context, schema: Schema, wanted: Wanted) -> list[Candidate]:
    name, database = stored_name(schema), context.database
    ranked = blended(database, name, sides, wanted.filter, wanted.offset + wanted.limit)[wanted.offset :]
    scores = dict(ranked)
    records = database.retrieve(name, list(scores), wanted.payload, wanted.vectors)
    return [Candidate(row.id, scores[row.id], row.payload or {}, row.vectors, scores[row.id]) for row in records]


def _query(wanted: Wanted, kind: Any, using: str = "", params: SearchParams = SearchParams()) -> Query:  # noqa: B008
    return Query(
        kind,
        using=using,
        filter=wanted.filter,
        params=params,
        limit=wanted.limit,
        offset=wanted.offset,
        with_payload=wanted.payload,
        with_vectors=wanted.vectors,
    )


def _as_it_is(score: float) -> float:
    return score


def _nearness(distance: float) -> float:
    """Return the score of a distance: the nearer, the larger."""
    return 1.0 - distance * distance
