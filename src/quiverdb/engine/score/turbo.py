"""The turbo datatypes: components in 4, 8 or 16 bits after a rotation.

A rotation spreads what a vector holds evenly over its components, which then follow a normal distribution whatever
the data was. One table of levels fits them all, and nothing has to be learnt from the data (TurboQuant,
arXiv:2504.19874). Rotation and levels are part of the storage format: they may never change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quiverdb.model.collection import Datatype
from quiverdb.model.point import FloatArray

__all__ = ["LEVELS", "Quantizer", "Rotation"]

_NORMAL = np.array(
    [0.128395, 0.388048, 0.656759, 0.942340, 1.256231, 1.618046, 2.069017, 2.732590],
    np.float32,
)
"""The upper half of the 16 levels that fit a standard normal distribution best (Max 1960, table I)."""
_CODEBOOK: FloatArray = np.concatenate([-_NORMAL[::-1], _NORMAL])
_PAIRS = np.stack([np.tile(_CODEBOOK, 16), np.repeat(_CODEBOOK, 16)], axis=1).view(np.uint64)[:, 0]
"""The two levels that a byte stands for, the one of its lower half first, as one value of 8 bytes."""
_CELLS, _RANGE = 2048, 3.0
"""Codes are looked up in a table of so many cells, from minus this to this."""
_CODES = np.searchsorted(
    (_CODEBOOK[1:] + _CODEBOOK[:-1]) / 2, (np.arange(_CELLS) + 0.5) * (2 * _RANGE / _CELLS) - _RANGE
).astype(np.uint8)
_ROUNDED: FloatArray = _CODEBOOK[_CODES]
_BLOCK = 1 << 16
"""Numbers encoded at once: they fit the cache of a core."""


class Rotation:
    """Turn vectors by a fixed orthogonal matrix for their size.

    Signs are flipped and a Hadamard transform is applied to the largest power of two of components; when that
    leaves some out, once more at the other end and once more at the front.

    >>> rotation = Rotation(3)
    >>> np.allclose(rotation.turn_back(rotation.turn(np.eye(3, dtype="f4"))), np.eye(3), atol=1e-6)
    True
    """

    def __init__(self, size: int) -> None:
        width = 1 << (size.bit_length() - 1)
        starts = (0,) if width == size else (0, size - width, 0)
        self._steps = [(_signs(size, number), slice(start, start + width)) for number, start in enumerate(starts)]
        half = (width.bit_length() - 1) // 2
        self._left, self._right = _hadamard(half), _hadamard(width.bit_length() - 1 - half)

    def turn(self, vectors: FloatArray) -> FloatArray:
        """Return vectors, shape (n, size), in the rotated basis."""
        result = np.array(vectors, np.float32)
        for signs, part in self._steps:
            result *= signs
            result[:, part] = self._transform(result[:, part])
        return result

    def turn_back(self, vectors: FloatArray) -> FloatArray:
        """Undo ``turn``."""
        result = np.array(vectors, np.float32)
        for signs, part in reversed(self._steps):
            result[:, part] = self._transform(result[:, part])
            result *= signs
        return result

    def _transform(self, part: FloatArray) -> FloatArray:
        """Apply the transform as two matrix products; it is its own inverse."""
        grid = np.ascontiguousarray(part).reshape(len(part), len(self._left), len(self._right))
        return np.asarray((self._left @ (grid @ self._right)).reshape(part.shape), np.float32)


def _signs(size: int, number: int) -> FloatArray:
    """Return 1 or -1 for every component, from a mixing function that every platform computes alike."""
    mixed = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15 + 2 * number)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.where(mixed >> np.uint64(63) == 1, np.float32(-1), np.float32(1))


def _hadamard(power: int) -> FloatArray:
    """Return the orthonormal Hadamard matrix of 2^power rows."""
    matrix = np.ones((1, 1), np.float32)
    for _ in range(power):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / np.sqrt(len(matrix)), np.float32)


class Quantizer:
    """Bring components to a few levels, whose unit is chosen for each vector."""

    dtype: np.dtype[Any]
    """The type of the codes."""
    units: tuple[float, ...]
    """Multiples of the usual unit that are tried; the one that errs least is used."""

    def width(self, size: int) -> int:
        """Return how many codes a vector takes."""
        return size

    def encode(self, rows: FloatArray) -> tuple[npt.NDArray[Any], FloatArray]:
        """Return the codes of vectors, and the levels that they stand for: vectors of about the same direction."""
        codes = np.empty((len(rows), self.width(rows.shape[1])), self.dtype)
        levels = np.empty(rows.shape, np.float32)
        step = max(1, _BLOCK // rows.shape[1])
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            scaled = rows[part] / self._best_unit(rows[part])[:, None]
            codes[part], levels[part] = self._codes(scaled), self._round(scaled)
        return codes, levels

    def _best_unit(self, rows: FloatArray) -> FloatArray:
        unit = self._unit(rows)
        unit[unit == 0] = 1
        tried = np.array(self.units, np.float32)[:, None] * unit
        apart = np.empty(tried.shape, np.float32)
        for number, units in enumerate(tried):
            levels = self._round(rows / units[:, None])
            squares = np.einsum("ij,ij->i", levels, levels)
            scale = np.einsum("ij,ij->i", rows, levels) / np.where(squares > 0, squares, 1)
            left = rows - levels * scale[:, None]
            apart[number] = np.einsum("ij,ij->i", left, left)
        return np.asarray(tried[apart.argmin(axis=0), np.arange(len(rows))])

    def decode(self, codes: npt.NDArray[Any], size: int) -> FloatArray:
        """Return the levels that codes stand for, for vectors of ``size`` components."""
        raise NotImplementedError

    def _unit(self, rows: FloatArray) -> FloatArray:
        """Return the usual unit of each vector."""
        raise NotImplementedError

    def _round(self, rows: FloatArray) -> FloatArray:
        """Return the nearest levels."""
        raise NotImplementedError

    def _codes(self, rows: FloatArray) -> npt.NDArray[Any]:
        """Return the codes of the nearest levels."""
        raise NotImplementedError


class _Normal(Quantizer):
    """Use the 16 levels of a normal distribution, two of them in a byte; the unit is the root of the mean square."""

    dtype = np.dtype(np.uint8)
    units = (0.8, 0.9, 1.0, 1.12, 1.25)

    def width(self, size: int) -> int:
        return (size + 1) // 2

    def _unit(self, rows: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows) / np.float32(rows.shape[1])), np.float32)

    def _cells(self, rows: FloatArray) -> npt.NDArray[np.intp]:
        return (rows * np.float32(_CELLS / (2 * _RANGE)) + np.float32(_CELLS // 2)).astype(np.intp)

    def _round(self, rows: FloatArray) -> FloatArray:
        return _ROUNDED.take(self._cells(rows), mode="clip")

    def _codes(self, rows: FloatArray) -> npt.NDArray[Any]:
        found = _CODES.take(self._cells(rows), mode="clip")
        packed = found[:, ::2].copy()
        packed[:, : rows.shape[1] // 2] |= found[:, 1::2] << 4
        return packed

    def decode(self, codes: npt.NDArray[Any], size: int) -> FloatArray:
        return np.ascontiguousarray(_PAIRS.take(codes).view(np.float32)[:, :size])


class _Even(Quantizer):
    """Use evenly spaced levels; the usual unit takes the largest component to the last of them."""

    units = (1.0, 1.01, 1.02, 1.03)

    def __init__(self, dtype: type[np.signedinteger[Any]]) -> None:
        self.dtype = np.dtype(dtype)
        self._last = np.float32(np.iinfo(dtype).max)

    def _unit(self, rows: FloatArray) -> FloatArray:
        return np.asarray(np.abs(rows).max(axis=1) / self._last, np.float32)

    def _round(self, rows: FloatArray) -> FloatArray:
        return np.clip(np.rint(rows), -self._last, self._last)

    def _codes(self, rows: FloatArray) -> npt.NDArray[Any]:
        return self._round(rows).astype(self.dtype)

    def decode(self, codes: npt.NDArray[Any], size: int) -> FloatArray:  # noqa: ARG002
        return codes.astype(np.float32)


LEVELS: dict[Datatype, Quantizer] = {
    Datatype.TURBO4: _Normal(),
    Datatype.TURBO8: _Even(np.int8),
    Datatype.TURBO16: _Even(np.int16),
}
"""The levels of each datatype."""
