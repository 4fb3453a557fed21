"""What the client's methods take, named once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from numpy.typing import NDArray

from quiverdb.qdrant import models

__all__ = [
    "Filter",
    "PointId",
    "Points",
    "PointsSelector",
    "Prefetch",
    "QuantizationConfig",
    "QueryInput",
    "ReadConsistency",
    "Settings",
    "ShardKey",
    "VectorsConfig",
    "WithPayload",
    "WithVectors",
]

Settings: TypeAlias = Mapping[str, Any]
"""A model, written as a dict."""

PointId: TypeAlias = int | str | UUID
Filter: TypeAlias = models.Filter | Settings
PointsSelector: TypeAlias = Iterable[PointId] | models.Filter | models.PointIdsList | models.FilterSelector | Settings
Points: TypeAlias = models.Batch | Iterable[models.PointStruct | models.Record | Settings] | Settings
QueryInput: TypeAlias = (
    PointId
    | Sequence[float]
    | Sequence[Sequence[float]]
    | NDArray[Any]
    | models.SparseVector
    | models.Query
    | models.Document
    | models.Image
    | models.InferenceObject
    | Settings
)
Prefetch: TypeAlias = models.Prefetch | Sequence[models.Prefetch | Settings] | Settings
VectorsConfig: TypeAlias = models.VectorParams | Mapping[str, models.VectorParams | Settings] | Settings
QuantizationConfig: TypeAlias = models.QuantizationConfig | Settings
WithPayload: TypeAlias = bool | Sequence[str] | models.PayloadSelectorInclude | models.PayloadSelectorExclude | Settings
WithVectors: TypeAlias = bool | Sequence[str]
ShardKey: TypeAlias = int | str | Sequence[int | str] | models.ShardKeyWithFallback | Settings
ReadConsistency: TypeAlias = int | str | models.ReadConsistencyType
