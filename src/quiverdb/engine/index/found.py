"""What the index of one payload key answers, and what it is fed with."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from pyroaring import BitMap

from quiverdb.model.filter import KeyCondition

__all__ = ["Found", "KeyIndex"]


class Found(NamedTuple):
    """Hold the offsets for which a condition holds for sure, and those where the payload must decide."""

    sure: BitMap
    unsure: BitMap | None = None

    def at_most(self) -> BitMap:
        """Return all offsets for which the condition may hold."""
        return self.sure | self.unsure if self.unsure else self.sure


class KeyIndex(Protocol):
    """Index one payload key in one way.

    ``values`` are those at the key's path, ``elements`` the same with arrays taken apart one level. Adding a
    point twice does no harm. ``remove`` gets what ``add`` got. Bitmaps that are returned belong to the index.
    """

    having: BitMap
    """Offsets with a value that belongs into an index of this kind."""

    def add(self, offset: int, values: list[Any], elements: list[Any]) -> None:
        """Take in the values of a point."""

    def remove(self, offset: int, values: list[Any], elements: list[Any]) -> None:
        """Take out the values of a point."""

    def find(self, condition: KeyCondition) -> Found:
        """Answer a condition of the kind that this index is made for."""

    def dump(self) -> bytes:
        """Return what ``load`` takes."""

    def load(self, data: bytes) -> None:
        """Take over what was dumped."""
