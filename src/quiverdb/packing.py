"""Lists of Python numbers as rows of an array.

``struct`` reads Python floats twice as quickly as numpy; it also finds lists that hold other things than numbers, or
too few or many of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["packed"]


@lru_cache(maxsize=64)
def _packer(size: int) -> Callable[..., None]:
    return struct.Struct(f"{size}f").pack_into


def packed(values: Sequence[Sequence[float]], size: int) -> npt.NDArray[np.float32]:
    """Return vectors of ``size`` numbers each as rows.

    Raises ``struct.error`` if one has another length or holds something else, ``OverflowError`` if float32 cannot
    hold a number.

    >>> packed([[1.0, 2.0], (3, 4)], 2)
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    pack = _packer(size)
    buffer = bytearray(4 * size * len(values))
    start = 0
    for value in values:
        pack(buffer, start, *value)
        start += 4 * size
    return np.frombuffer(buffer, np.float32).reshape(len(values), size)
