"""Vectors in parts that a server takes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from quiverdb.cosdata._arguments import VectorLike
from quiverdb.cosdata.errors import ValidationError

__all__ = ["MOST_BYTES", "batches"]

MOST_BYTES = 8 * 1024 * 1024 - 1024
"""What a body may have, less some room for what stands around the vectors."""

_NUMBER = 26
"""Bytes that a number takes at most: sign, 17 digits, point, exponent, comma and blank."""
_NUMBERS = frozenset({"dense_values", "values", "sparse_indices", "sparse_values"})


def batches(vectors: Sequence[VectorLike], most: int, size: int = MOST_BYTES) -> Iterator[Sequence[VectorLike]]:
    """Yield vectors in order, in parts of so many at most and so many bytes of JSON; one that is larger goes alone.

    >>> [len(part) for part in batches([{"id": n} for n in range(5)], most=2)]
    [2, 2, 1]
    """
    start, total = 0, 0
    for number, vector in enumerate(vectors):
        weight = _weight(vector)
        if number > start and (number - start == most or total + weight > size):
            yield vectors[start:number]
            start, total = number, 0
        total += weight
    if start < len(vectors):
        yield vectors[start:]


def _weight(vector: VectorLike) -> int:
    """Return how many bytes a vector takes as JSON, rather too many than too few; none for what JSON cannot hold."""
    if not isinstance(vector, Mapping):
        raise ValidationError(f"a vector is a mapping with an id, not a {type(vector).__name__}")
    return sum(len(str(name)) + 8 + _size(name, value) for name, value in vector.items())


def _size(name: Any, value: Any) -> int:
    if name in _NUMBERS and hasattr(value, "__len__"):
        return _NUMBER * len(value)
    if isinstance(value, str):
        return 6 * len(value) if not value.isascii() else len(msgspec.json.encode(value))
    try:
        return len(msgspec.json.encode(value, enc_hook=str))
    except (TypeError, ValueError, RecursionError):  # who writes the request refuses it
        return 0
