"""What the executor asks of a collection."""

from __future__ import annotations

from typing import Protocol

from pyroaring import BitMap

from quiverdb.engine.index.sparse import SparseIndex
from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.view import Domain, View
from quiverdb.model.filter import Filter
from quiverdb.model.point import FloatArray, PointId, VectorValue
from quiverdb.model.query import Lookup, OrderBy, Text

__all__ = ["Source", "StaleViewError", "allowed"]


class StaleViewError(Exception):
    """Tell that the indexes have moved on from a view: start again on a newer one."""


class Source(Protocol):
    """Answer from indexes that belong to a view; raises ``StaleViewError`` when they have moved on."""

    name: str
    """The name of the collection."""

    def domain(self, view: View, name: str | None, filter: Filter) -> Domain:
        """Return the points that pass the filter and, if one is named, have the vector."""

    def sparse_index(self, view: View, name: str) -> SparseIndex:
        """Return the index over a sparse vector."""

    def scored(self, view: View, key: str, text: Text, allowed: Domain, k: int) -> tuple[Offsets, FloatArray]:
        """Return the best ``k`` of the allowed points by BM25 over the text index on ``key``, and their scores."""

    def vector(self, view: View, lookup: Lookup, name: str, id: PointId) -> VectorValue | None:
        """Return the stored vector of a point, as ``lookup`` says where from; None if the point lacks it.

        Raises ``NotFoundError`` when there is no such point.
        """

    def ordered(self, view: View, allowed: BitMap, order: OrderBy, k: int | None) -> tuple[Offsets, list[int | float]]:
        """Return the first ``k`` of the allowed points by a payload value, and their values."""

    def by_id(self, view: View, allowed: BitMap, start: PointId | None, k: int) -> Offsets:
        """Return the first ``k`` of the allowed points by id, from ``start`` on."""


def allowed(source: Source, view: View, filter: Filter | None, name: str | None = None) -> Domain:
    """Return the points that pass the filter and, if a vector is named, have it."""
    if filter is not None:
        return source.domain(view, name, filter)
    return view.everything if name is None else view.domain(name)
