"""What the indexes of a segment know of its rows, and what the rows expect of a vector index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from pyroaring import BitMap

from quiverdb.model.point import Payload, PointId

__all__ = ["Rows"]


class Rows(Protocol):
    """Give access to the points of a segment by offset.

    Offsets run from 0 to ``count - 1`` and are never reused; those in ``live`` hold points. A point whose
    vectors change moves to a new offset; a change of its payload leaves it where it is. Bitmaps handed out
    belong to the segment: callers must not change them.
    """

    @property
    def count(self) -> int:
        """Number of offsets in use, live or not."""

    @property
    def live(self) -> BitMap:
        """Offsets that hold points."""

    def id(self, offset: int) -> PointId:
        """Return the id of the point at ``offset``."""

    def offset(self, id: PointId) -> int | None:
        """Return the offset of the live point with this id."""

    def payload(self, offset: int) -> Payload:
        """Return the payload at ``offset`` as a fresh object, ``{}`` when it has none."""

    def payloads(self, offsets: Iterable[int]) -> Iterator[Payload]:
        """Return the payloads at ``offsets``, in their order."""

    def with_vector(self, name: str) -> BitMap:
        """Return the live offsets that have the named vector; empty for an unknown name."""
