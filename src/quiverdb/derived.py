"""Named vectors that are made from others which points have: how they come to be, are filled and go.

Points are listed by the caller before they are filled, since writing reorders them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from quiverdb.database import Database
from quiverdb.model.collection import CollectionPatch, VectorPatch, VectorSpec
from quiverdb.model.point import DenseColumn, FloatArray, PointId, Points
from quiverdb.model.write import CreateVector, DeleteVector, UpdateVectors

__all__ = ["create", "drop", "fill"]


def create(database: Database, collection: str, names: Sequence[str], spec: VectorSpec) -> None:
    """Add vectors that no point has yet; a Qdrant server takes the settings of the graph in a request of their own."""
    bare = msgspec.structs.replace(spec, hnsw=None, quantization=None)
    for name in names:
        database.write(collection, [CreateVector(name, bare)])
    graph = VectorPatch(hnsw=spec.hnsw, quantization=spec.quantization)
    database.update_collection(collection, CollectionPatch(dict.fromkeys(names, graph)))


def fill(
    database: Database,
    collection: str,
    ids: Sequence[PointId],
    source: str,
    target: str,
    *,
    at_once: int,
    made: Callable[[FloatArray], FloatArray] = lambda rows: rows,
) -> None:
    """Give points the vector ``target``, which ``made`` makes of ``source``: rows of shape (points, size)."""
    for start in range(0, len(ids), at_once):
        chosen = ids[start : start + at_once]
        records = database.retrieve(collection, chosen, with_payload=False, with_vectors=(source,))
        rows = np.array([(record.vectors or {})[source] for record in records], np.float32)
        points = Points([record.id for record in records], {target: DenseColumn(made(rows))})
        database.write(collection, [UpdateVectors(points)])


def drop(database: Database, collection: str, names: Iterable[str]) -> None:
    """Remove those of the vectors that are there."""
    there = database.info(collection).spec.vectors
    for name in names:
        if name in there:
            database.write(collection, [DeleteVector(name)])
