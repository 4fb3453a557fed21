"""What queries and writes answer.

Points are put together without validation, since what comes from a database is right by construction. That takes
a fifth of the time, and the objects cannot be told from validated ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from quiverdb.model.point import PointId, SparseVector, VectorValue
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.qdrant import models

__all__ = [
    "facet_response",
    "groups_result",
    "query_response",
    "records",
    "scored_points",
    "scroll_result",
    "search_matrix_offsets",
    "search_matrix_pairs",
    "update_result",
    "vector_output",
]

_new = object.__new__
_set_fields_set: Any = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra: Any = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private: Any = BaseModel.__dict__["__pydantic_private__"].__set__

_POINT_FIELDS = set(models.ScoredPoint.model_fields)
_RECORD_FIELDS = set(models.Record.model_fields)
_RESPONSE_FIELDS = set(models.QueryResponse.model_fields)


def scored_points(hits: Iterable[Hit]) -> list[models.ScoredPoint]:
    """Return the points that a query found."""
    points = []
    for hit in hits:
        point = _new(models.ScoredPoint)
        fields = point.__dict__
        fields["id"] = hit.id
        fields["version"] = hit.version
        fields["score"] = hit.score
        fields["payload"] = hit.payload
        fields["vector"] = None if (vectors := hit.vectors) is None else _vector_struct(vectors)
        fields["shard_key"] = hit.shard_key
        fields["order_value"] = hit.order_value
        _set_fields_set(point, _POINT_FIELDS)
        _set_extra(point, None)
        _set_private(point, None)
        points.append(point)
    return points


def records(found: Iterable[Record]) -> list[models.Record]:
    """Return stored points."""
    points = []
    for record in found:
        point = _new(models.Record)
        fields = point.__dict__
        fields["id"] = record.id
        fields["payload"] = record.payload
        fields["vector"] = None if (vectors := record.vectors) is None else _vector_struct(vectors)
        fields["shard_key"] = record.shard_key
        fields["order_value"] = record.order_value
        _set_fields_set(point, _RECORD_FIELDS)
        _set_extra(point, None)
        _set_private(point, None)
        points.append(point)
    return points


def query_response(hits: Iterable[Hit]) -> models.QueryResponse:
    """Return the answer to a query."""
    response = _new(models.QueryResponse)
    response.__dict__["points"] = scored_points(hits)
    _set_fields_set(response, _RESPONSE_FIELDS)
    _set_extra(response, None)
    _set_private(response, None)
    return response


def vector_output(value: VectorValue) -> Any:
    """Return a dense vector or multivector as lists, a sparse one as an object."""
    if isinstance(value, SparseVector):
        return models.SparseVector(indices=value.indices.tolist(), values=value.values.tolist())
    return value.tolist()


def _vector_struct(vectors: Mapping[str, VectorValue]) -> Any:
    if len(vectors) == 1 and "" in vectors:
        return vector_output(vectors[""])
    return {name: vector_output(value) for name, value in vectors.items()}


def scroll_result(page: Page) -> tuple[list[models.Record], PointId | None]:
    """Return a page of points and where the next one starts."""
    return records(page.records), page.next


def groups_result(groups: Iterable[Group]) -> models.GroupsResult:
    """Return points in groups."""
    return models.GroupsResult(
        groups=[
            models.PointGroup(
                hits=scored_points(group.hits),
                id=group.id,
                lookup=None if group.lookup is None else records([group.lookup])[0],
            )
            for group in groups
        ]
    )


def facet_response(hits: Iterable[FacetHit]) -> models.FacetResponse:
    """Return values and how many points have each."""
    return models.FacetResponse(hits=[models.FacetValueHit(value=hit.value, count=hit.count) for hit in hits])


def search_matrix_pairs(matrix: Matrix) -> models.SearchMatrixPairsResponse:
    """Return neighbours as pairs of ids."""
    cells = zip(matrix.rows, matrix.columns, matrix.scores, strict=True)
    return models.SearchMatrixPairsResponse(
        pairs=[models.SearchMatrixPair(a=matrix.ids[a], b=matrix.ids[b], score=score) for a, b, score in cells]
    )


def search_matrix_offsets(matrix: Matrix) -> models.SearchMatrixOffsetsResponse:
    """Return neighbours as the coordinates of a sparse matrix."""
    return models.SearchMatrixOffsetsResponse(
        offsets_row=matrix.rows, offsets_col=matrix.columns, scores=matrix.scores, ids=list(matrix.ids)
    )


def update_result(result: WriteResult) -> models.UpdateResult:
    """Return how far a write has come."""
    return models.UpdateResult(operation_id=result.operation_id, status=models.UpdateStatus(result.status))
