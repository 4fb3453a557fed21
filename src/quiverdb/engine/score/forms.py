"""Stored forms: how the numbers of a vector become bytes on the disk, and numbers again.

A form turns vectors of shape (n, size) into stored rows of a fixed number of bytes. Reading gives them back as
users see them (``decode``) or as queries are compared with them (``comparable``, ``query``): a form may compare in
another basis than the one it shows, as long as the distances are the same. float32 is compared where it lies.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quiverdb.engine.score.turbo import LEVELS, Quantizer, Rotation
from quiverdb.model.collection import Datatype, Distance, VectorSpec
from quiverdb.model.point import FloatArray

__all__ = ["Decoded", "Form", "Rows", "Stored", "form_of", "raw", "row_bytes"]

Stored: TypeAlias = npt.NDArray[Any]
"""Rows in their stored form; the first axis counts the vectors."""


class Form(Protocol):
    """Encode and decode the vectors of one name."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    """Shape of one stored row of ``dtype``."""

    def encode(self, rows: npt.NDArray[Any]) -> Stored:
        """Return the stored form of finite vectors, shape (n, size)."""

    def decode(self, stored: Stored) -> FloatArray:
        """Return vectors as users see them, shape (n, size)."""

    def comparable(self, stored: Stored) -> FloatArray:
        """Return vectors as they are compared with what ``query`` returns, shape (n, size)."""

    def query(self, vectors: FloatArray) -> FloatArray:
        """Return query vectors, shape (n, size), in the form in which they are compared."""

    def rows(self, stored: Stored) -> Rows:
        """Return what a search runs over: comparable rows, decoded where they are looked at."""


class Decoded:
    """Show stored rows as comparable ones; slices and index arrays are decoded as they are asked for.

    >>> form = form_of(VectorSpec(size=2, distance=Distance.DOT, datatype=Datatype.TURBO16))
    >>> rows = Decoded(form, form.encode(np.array([[3.0, 4.0], [0.0, 0.0]], "f4")))
    >>> len(rows), rows[:1].shape
    (2, (1, 2))
    """

    def __init__(self, form: Form, stored: Stored) -> None:
        self._form = form
        self._stored = stored

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, which: Any) -> FloatArray:
        return self._form.comparable(self._stored[which])


Rows: TypeAlias = npt.NDArray[Any] | Decoded
"""Rows of numbers, or what yields them in float32 when indexed."""


class _Plain:
    """Store every component as a number of one type. uint8 cuts fractions and saturates."""

    def __init__(self, dtype: type[np.generic], size: int) -> None:
        self.dtype = np.dtype(dtype)
        self.shape: tuple[int, ...] = (size,)

    def encode(self, rows: npt.NDArray[Any]) -> Stored:
        if self.dtype == np.uint8:
            rows = np.clip(np.trunc(rows), 0, 255)
        return np.asarray(rows, self.dtype)

    def decode(self, stored: Stored) -> FloatArray:
        return np.asarray(stored, np.float32)

    comparable = decode

    def query(self, vectors: FloatArray) -> FloatArray:
        return self.decode(self.encode(vectors))

    def rows(self, stored: Stored) -> Rows:
        return stored


class _Turbo:
    """Rotate, and store every component as one of a few levels, times a factor that keeps the length.

    ``rotated`` tells to compare in the rotated basis, where inner products and Euclidean distances are the same
    and stored rows need not be turned back.
    """

    def __init__(self, levels: Quantizer, size: int, *, rotated: bool) -> None:
        self._levels = levels
        self._size = size
        self._rotation = Rotation(size)
        self._rotated = rotated
        self.dtype = np.dtype([("factor", "<f4"), ("codes", levels.dtype, (levels.width(size),))])
        self.shape: tuple[int, ...] = ()

    def encode(self, rows: npt.NDArray[Any]) -> Stored:
        stored = np.zeros(len(rows), self.dtype)
        greatest = np.abs(rows).max(axis=1, keepdims=True, initial=0).astype(np.float32)
        turned = self._rotation.turn(np.asarray(rows / np.where(greatest > 0, greatest, 1), np.float32))
        codes, points = self._levels.encode(turned)
        lengths = np.linalg.norm(points, axis=1)
        factor = np.linalg.norm(turned, axis=1) / np.where(lengths > 0, lengths, 1)
        stored["factor"] = np.where(lengths > 0, factor * greatest[:, 0], 0)
        stored["codes"] = codes
        return stored

    def decode(self, stored: Stored) -> FloatArray:
        return self._rotation.turn_back(self._turned(stored))

    def comparable(self, stored: Stored) -> FloatArray:
        return self._turned(stored) if self._rotated else self.decode(stored)

    def _turned(self, stored: Stored) -> FloatArray:
        points = self._levels.decode(stored["codes"], self._size)
        points *= stored["factor"][:, None]
        return points

    def query(self, vectors: FloatArray) -> FloatArray:
        return self._rotation.turn(vectors) if self._rotated else vectors

    def rows(self, stored: Stored) -> Rows:
        return Decoded(self, stored)


_PLAIN: dict[Datatype, type[np.generic]] = {
    Datatype.FLOAT32: np.float32,
    Datatype.FLOAT16: np.float16,
    Datatype.UINT8: np.uint8,
}


def form_of(spec: VectorSpec) -> Form:
    """Return the stored form of a vector."""
    return _form(spec.datatype or Datatype.FLOAT32, spec.size, spec.distance is not Distance.MANHATTAN)


@lru_cache(maxsize=256)
def _form(datatype: Datatype, size: int, rotated: bool) -> Form:
    if plain := _PLAIN.get(datatype):
        return _Plain(plain, size)
    return _Turbo(LEVELS[datatype], size, rotated=rotated)


def raw(stored: Stored) -> memoryview:
    """Return the bytes of stored rows."""
    return np.ascontiguousarray(stored).reshape(-1).view(np.uint8).data


def row_bytes(form: Form) -> int:
    """Return how many bytes one stored row takes."""
    size = form.dtype.itemsize
    for length in form.shape:
        size *= length
    return size
