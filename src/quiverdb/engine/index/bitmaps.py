"""Bitmaps from and to arrays of offsets, the quick ways.

Adding numbers to a bitmap one by one costs more than all else a filter does. Many offsets go through an array of
bits instead, which is laid out as the containers of a serialized Roaring bitmap.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

__all__ = ["Mask", "Offsets", "from_mask", "from_offsets", "members", "union"]

Offsets = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]

_CHUNK = 1 << 16
_LARGEST_ARRAY = 4096
"""The members that a container may have as a sorted array; with more it is a set of bits."""
_COOKIE = 12346
"""Opens a serialized bitmap without run containers."""
_DENSE = 64
"""One offset in so many makes the array of bits cheaper than sorting."""


def from_offsets(offsets: npt.NDArray[Any], top: int) -> BitMap:
    """Return the bitmap of offsets below ``top``, given in any order."""
    if len(offsets) * _DENSE < top or top < _CHUNK // 8:
        ordered = np.sort(offsets).astype(np.uint32, copy=False)
        return BitMap(array("I", ordered.tobytes()))
    mask = np.zeros(top, bool)
    mask[offsets.astype(np.intp)] = True
    return from_mask(mask)


def from_mask(mask: Mask) -> BitMap:
    """Return the bitmap of the positions that are set."""
    size = -(-max(len(mask), 1) // _CHUNK) * (_CHUNK // 8)
    bits = np.zeros(size, np.uint8)
    packed = np.packbits(mask, bitorder="little")
    bits[: len(packed)] = packed
    chunks = bits.reshape(-1, _CHUNK // 8)
    counts = np.bitwise_count(chunks.view(np.uint64)).sum(axis=1, dtype=np.int64).tolist()
    keys = [key for key, count in enumerate(counts) if count]
    containers = [
        chunks[key].tobytes()
        if counts[key] > _LARGEST_ARRAY
        else np.flatnonzero(mask[key * _CHUNK : (key + 1) * _CHUNK]).astype("<u2").tobytes()
        for key in keys
    ]
    header = struct.pack("<II", _COOKIE, len(keys))
    header += b"".join(struct.pack("<HH", key, counts[key] - 1) for key in keys)
    position = len(header) + 4 * len(keys)
    starts = []
    for container in containers:
        starts.append(position)
        position += len(container)
    return BitMap.deserialize(b"".join((header, struct.pack(f"<{len(keys)}I", *starts), *containers)))


def members(bitmap: BitMap) -> Offsets:
    """Return the members of a bitmap, ascending."""
    if not bitmap:
        return np.empty(0, np.uint32)
    return np.frombuffer(bitmap.to_array(), np.uint32)


def union(bitmaps: Iterable[BitMap]) -> BitMap:
    """Return the union of any number of bitmaps, as a new one."""
    found = list(bitmaps)
    if len(found) <= 1:
        return found[0].copy() if found else BitMap()
    return BitMap.union(*found)
