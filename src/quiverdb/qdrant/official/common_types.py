"""The official package's names for what its methods take, where they are not those of models.

Those of models, as ``ScoredPoint``, are found in ``quiverdb.qdrant.models``. All can be asked for by ``isinstance``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args
from uuid import UUID

from numpy.typing import NDArray

from quiverdb.qdrant import models

__all__ = [
    "AliasOperations",
    "Distance",
    "NumpyArray",
    "OptimizationsWith",
    "OrderBy",
    "PayloadSchemaType",
    "PointId",
    "Points",
    "PointsSelector",
    "QuantizationConfigDiff",
    "get_args_subscribed",
]

AliasOperations: TypeAlias = models.CreateAliasOperation | models.RenameAliasOperation | models.DeleteAliasOperation
Distance: TypeAlias = models.Distance | int
NumpyArray: TypeAlias = NDArray[Any]
OptimizationsWith: TypeAlias = Literal["queued", "completed", "idle_segments"]
OrderBy: TypeAlias = models.OrderByInterface
PayloadSchemaType: TypeAlias = models.PayloadSchemaType | models.PayloadSchemaParams | int
PointId: TypeAlias = int | str | UUID
Points: TypeAlias = models.Batch | Sequence[models.PointStruct]
PointsSelector: TypeAlias = list[PointId] | models.Filter | models.PointsSelector
QuantizationConfigDiff: TypeAlias = models.QuantizationConfigDiff


def get_args_subscribed(tp: Any) -> tuple[Any, ...]:
    """Return the members of a union, those with parameters without them."""
    return tuple(getattr(member, "__origin__", member) for member in get_args(tp))
