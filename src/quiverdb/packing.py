"""Lists of Python numbers as rows of an array, and float32 as the numbers that people wrote.

``struct`` reads Python floats twice as quickly as numpy; it also finds lists that hold other things than numbers, or
too few or many of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["packed", "shortest"]

_DIGITS = (6, 7, 8)
"""Decimals of up to six digits all differ as float32; nine digits tell any two apart, as does the number itself."""
_SMALLEST, _LARGEST = 1e-14, 1e26
"""Between these, the powers of ten that are needed are exact as float64, which they are up to 10**22."""


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


def shortest(values: npt.NDArray[np.float32]) -> list[float]:
    """Return the shortest decimals that mean these numbers, shape (n,): 0.1 and not 0.10000000149011612.

    That is what servers write that keep float32, so that a number comes back as it was given.

    >>> shortest(np.array([0.1, -92.65, 3.0], np.float32))
    [0.1, -92.65, 3.0]
    """
    exact = values.astype(np.float64)
    found = exact.copy()
    sizes = np.abs(exact)
    ordinary = (sizes > _SMALLEST) & (sizes < _LARGEST)
    usual, others = np.flatnonzero(ordinary), np.flatnonzero(~ordinary & (sizes != 0))
    exponents = np.floor(np.log10(sizes[usual])).astype(np.int64)
    for digits in _DIGITS:
        places = digits - 1 - exponents
        scale = 10.0 ** np.abs(places)
        numbers = exact[usual]
        # Whole numbers and these powers of ten are exact, so one division or product gives the float64 next to it.
        decimals = np.where(places >= 0, np.rint(numbers * scale) / scale, np.rint(numbers / scale) * scale)
        same = decimals.astype(np.float32) == values[usual]
        found[usual[same]] = decimals[same]
        usual, exponents = usual[~same], exponents[~same]
    for at in (*usual, *others):
        found[at] = float(str(values[at]))
    result: list[float] = found.tolist()
    return result
