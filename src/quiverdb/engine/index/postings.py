"""Postings: for every key the offsets that have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import msgspec
import numpy as np
from pyroaring import BitMap

from quiverdb.engine.index.bitmaps import from_offsets, union

__all__ = ["Postings", "PostingsState"]

K = TypeVar("K", str, int, bool)


class PostingsState(msgspec.Struct, Generic[K], array_like=True):
    """Postings as they are written to disk: keys with one offset, and keys with several."""

    single: list[K]
    offsets: bytes
    shared: list[K]
    bitmaps: list[bytes]


class Postings(Generic[K]):
    """Map keys to offsets. A key with one offset keeps it as a plain integer, since most keys may be such.

    Bitmaps that are returned may belong to the postings: callers must not change them.
    """

    def __init__(self) -> None:
        self._found: dict[K, int | BitMap] = {}

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[K]:
        return iter(self._found)

    def add(self, key: K, offset: int) -> None:
        """Note that ``offset`` has ``key``."""
        found = self._found.setdefault(key, offset)
        if not isinstance(found, int):
            found.add(offset)
        elif found != offset:
            self._found[key] = BitMap((found, offset))

    def discard(self, key: K, offset: int) -> None:
        """Forget that ``offset`` has ``key``."""
        found = self._found.get(key)
        if isinstance(found, int):
            if found == offset:
                del self._found[key]
        elif found is not None:
            found.discard(offset)
            if not found:
                del self._found[key]

    def get(self, key: K) -> BitMap:
        """Return the offsets that have ``key``."""
        found = self._found.get(key)
        if found is None:
            return BitMap()
        return BitMap((found,)) if isinstance(found, int) else found

    def any(self, keys: Iterable[K]) -> BitMap:
        """Return the offsets that have one of the keys."""
        single: list[int] = []
        shared: list[BitMap] = []
        for key in keys:
            found = self._found.get(key)
            if isinstance(found, int):
                single.append(found)
            elif found is not None:
                shared.append(found)
        if single:
            offsets = np.array(single, np.uint32)
            shared.append(from_offsets(offsets, int(offsets.max()) + 1))
        return union(shared)

    def counts(self, selection: BitMap) -> Iterator[tuple[K, int]]:
        """Return every key that occurs in ``selection`` and how often."""
        for key, found in self._found.items():
            count = int(found in selection) if isinstance(found, int) else found.intersection_cardinality(selection)
            if count:
                yield key, count

    def dump(self) -> PostingsState[K]:
        """Return what ``load`` takes."""
        single = {key: found for key, found in self._found.items() if isinstance(found, int)}
        shared = {key: found for key, found in self._found.items() if not isinstance(found, int)}
        return PostingsState(
            list(single),
            np.array(list(single.values()), "<u4").tobytes(),
            list(shared),
            [bitmap.serialize() for bitmap in shared.values()],
        )

    @classmethod
    def load(cls, state: PostingsState[K]) -> Postings[K]:
        """Return the postings that were dumped."""
        postings = cls()
        postings._found.update(zip(state.single, np.frombuffer(state.offsets, "<u4").tolist(), strict=True))
        postings._found.update(zip(state.shared, map(BitMap.deserialize, state.bitmaps), strict=True))
        return postings
