"""Numbers of requests: dense vectors and sparse terms, from what callers write to arrays that are right."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from reprlib import repr as short
from typing import Any, TypeVar, cast

import msgspec
import numpy as np

from quiverdb.cosdata.errors import ValidationError
from quiverdb.model.point import FloatArray, SparseVector
from quiverdb.packing import packed

__all__ = ["dense_values", "finite", "plain", "sparse_terms", "sparse_values"]

T = TypeVar("T")

_INDICES = 1 << 32


def plain(value: T, what: str) -> T:
    """Return data as it is stored; raises ``ValidationError`` for what is none.

    >>> plain({"type": "auto"}, "quantization")
    {'type': 'auto'}
    """
    try:
        return cast(T, msgspec.to_builtins(value))
    except (TypeError, RecursionError) as error:
        raise ValidationError(f"`{what}` is plain data, which cannot be said of {short(value)}: {error}") from error


def finite(value: Any) -> float | None:
    """Return a finite number as a float; None for anything else.

    >>> finite(3), finite(float("nan")), finite("3")
    (3.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def dense_values(values: Any, dimension: int) -> FloatArray:
    """Return a dense vector; raises ``ValidationError`` unless it is ``dimension`` finite numbers.

    >>> dense_values([1, 0.5], 2)
    array([1. , 0.5], dtype=float32)
    """
    vector = _packed(values, dimension)
    if vector is None:
        vector = _numbers(values, "a dense vector")
    if len(vector) != dimension:
        raise ValidationError(f"Expected dimension of dense vector to be {dimension}, found {len(vector)}")
    return vector


def _packed(values: Any, dimension: int) -> FloatArray | None:
    """Return a list of numbers as a vector, by the quick way; None for all that needs a closer look."""
    if type(values) is not list:
        return None
    try:
        vector = packed((values,), dimension)[0]
    except (struct.error, OverflowError):
        return None
    return vector if np.isfinite(vector).all() else None


def sparse_terms(terms: Any) -> SparseVector:
    """Return the sparse vector that terms stand for: pairs, objects of ``index`` and ``value``, or one mapping.

    Raises ``ValidationError`` for terms of another shape. The values of a term that is listed twice are added up.

    >>> sparse_terms([[7, 1.0], {"index": 2, "value": 0.5}]).indices
    array([2, 7], dtype=uint32)
    >>> sparse_terms({"7": 1.0}).values
    array([1.], dtype=float32)
    """
    indices, values = _columns(terms)
    unique, places = np.unique(_indices(indices), return_inverse=True)
    sums = np.bincount(places, _numbers(values, "values of sparse terms"), len(unique))
    return SparseVector(unique, _numbers(sums, "values of sparse terms"))


def sparse_values(indices: Any, values: Any) -> SparseVector:
    """Return the sparse vector of two lists; raises ``ValidationError`` unless they fit and no index comes twice.

    >>> sparse_values([7, 2], [1.0, 0.5]).values
    array([0.5, 1. ], dtype=float32)
    """
    places, numbers = _indices(indices), _numbers(values, "sparse_values")
    if len(places) != len(numbers):
        raise ValidationError(f"sparse_indices and sparse_values differ in length: {len(places)} and {len(numbers)}")
    order = np.argsort(places, kind="stable")
    places, numbers = places[order], numbers[order]
    twice = np.flatnonzero(places[1:] == places[:-1])
    if len(twice):
        raise ValidationError(f"sparse_indices hold {places[twice[0]]} twice")
    return SparseVector(places, numbers)


def _columns(terms: Any) -> tuple[list[Any], list[Any]]:
    """Return the indices and the values of terms."""
    pairs: Iterable[Any]
    if isinstance(terms, Mapping):
        pairs = [(int(key) if _is_digits(key) else key, value) for key, value in terms.items()]
    elif isinstance(terms, Sequence) and not isinstance(terms, str | bytes):
        pairs = map(_pair, terms)
    else:
        raise _bad_terms(terms)
    indices, values = [], []
    for index, value in pairs:
        indices.append(index)
        values.append(value)
    return indices, values


def _pair(term: Any) -> tuple[Any, Any]:
    if isinstance(term, Mapping) and term.keys() == {"index", "value"}:
        return term["index"], term["value"]
    if isinstance(term, list | tuple) and len(term) == 2:
        return term[0], term[1]
    raise _bad_terms(term)


def _indices(values: Any) -> np.ndarray[Any, np.dtype[np.uint32]]:
    array = _array(values, "sparse indices")
    if not array.size:
        return np.empty(0, np.uint32)
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= _INDICES:
        raise ValidationError(f"sparse indices are integers from 0 to 2^32-1, got {short(values)}")
    return array.astype(np.uint32)


def _numbers(values: Any, what: str) -> FloatArray:
    """Return a list of numbers; raises ``ValidationError`` for other things, and for what float32 cannot hold."""
    array = _array(values, what)
    if not array.size:
        return np.empty(0, np.float32)
    if array.dtype.kind not in "fiu":
        raise ValidationError(f"{what} must be a list of numbers, got {short(values)}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
        numbers = array.astype(np.float32, copy=False)
    if not np.isfinite(numbers).all():
        raise ValidationError(f"{what} must be finite numbers that fit into 32 bits, got {short(values)}")
    return numbers


def _array(values: Any, what: str) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValidationError(f"{what} must be a list of numbers, got {short(values)}") from error
    if array.ndim != 1:
        raise ValidationError(f"{what} must be a list of numbers, got {short(values)}")
    return array


def _is_digits(key: Any) -> bool:
    return isinstance(key, str) and key.isascii() and key.isdigit()


def _bad_terms(found: Any) -> ValidationError:
    shapes = '[[index, value], ...], [{"index", "value"}, ...] or {index: value}'
    return ValidationError(f"sparse terms are {shapes}, got {short(found)}")
