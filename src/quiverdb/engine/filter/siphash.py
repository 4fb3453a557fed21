"""SipHash-2-4 with a zero key, over point ids: what slices of a collection are cut by.

A numeric id is hashed as its eight bytes, least significant first, a UUID as its sixteen bytes. The
computation works on whole arrays of ids, one 64-bit word of each at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from quiverdb.model.point import PointId

__all__ = ["hash_id", "hash_ids", "siphash"]

Words = npt.NDArray[np.uint64]

_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


@lru_cache(maxsize=4096)
def hash_id(id: PointId) -> int:
    """Return the hash of one point id."""
    return int(hash_ids([id])[0])


def hash_ids(ids: Sequence[PointId]) -> Words:
    """Return the hashes of many point ids."""
    hashes = np.empty(len(ids), np.uint64)
    numbers = [position for position, id in enumerate(ids) if isinstance(id, int)]
    hashes[numbers] = siphash([np.array([ids[position] for position in numbers], np.uint64)], 8)
    uuids = [position for position, id in enumerate(ids) if isinstance(id, str)]
    packed = bytes.fromhex("".join(str(ids[position]) for position in uuids).replace("-", ""))
    halves = np.frombuffer(packed, "<u8").reshape(-1, 2)
    hashes[uuids] = siphash([halves[:, 0], halves[:, 1]], 16)
    return hashes


def siphash(words: Sequence[Words], length: int) -> Words:
    """Hash byte strings of ``length`` bytes, a multiple of 8, given as their words, least significant byte first."""
    count = len(words[0])
    state = [np.full(count, start, np.uint64) for start in _START]
    last = np.full(count, (length & 0xFF) << 56, np.uint64)
    for word in (*words, last):
        state[3] ^= word
        _rounds(state, 2)
        state[0] ^= word
    state[2] ^= np.uint64(0xFF)
    _rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _rounds(state: list[Words], count: int) -> None:
    a, b, c, d = state
    for _ in range(count):
        a = a + b
        b = _rotated(b, 13) ^ a
        a = _rotated(a, 32)
        c = c + d
        d = _rotated(d, 16) ^ c
        a = a + d
        d = _rotated(d, 21) ^ a
        c = c + b
        b = _rotated(b, 17) ^ c
        c = _rotated(c, 32)
    state[:] = a, b, c, d


def _rotated(words: Words, bits: int) -> Words:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))
