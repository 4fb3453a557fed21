"""Read the values of a request: each function returns what it was given, or says what is wrong with it.

Names are those of the request: ``filter.conds[0].field`` says where in a filter a field is named.
"""

from __future__ import annotations

import binascii
import math
import re
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from quiverdb.model.point import FloatArray
from quiverdb.vikingdb.exceptions import VikingVectorException, failure

__all__ = [
    "INT64",
    "check_keys",
    "choice",
    "flag",
    "integer",
    "invalid",
    "listing",
    "mapping",
    "missing",
    "number",
    "sparse_weights",
    "text",
    "vector",
]

INT64 = range(-(2**63), 2**63)
_SHOWN = 80
_HALF = re.compile("[\ud800-\udfff]")
_LARGEST = float(np.finfo(np.float32).max)
_NUMBERS = frozenset((int, float))


def invalid(message: str) -> VikingVectorException:
    """Return the error for a value that is wrong."""
    return failure("InvalidParameter", message)


def missing(name: str) -> VikingVectorException:
    """Return the error for a value that is not there."""
    return failure("MissingParameter", f"{name} is missing")


def check_keys(given: Mapping[str, Any], known: Collection[str], name: str) -> None:
    """Reject keys that mean nothing, which are typing errors more often than not."""
    for key in given:
        if key not in known:
            raise invalid(f"{name} has no key {key!r}; it takes {', '.join(sorted(known))}")


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """Return an object."""
    if not isinstance(value, Mapping):
        raise _wrong(name, "an object", value)
    return value


def listing(value: Any, name: str, *, least: int = 0, most: int | None = None) -> Sequence[Any]:
    """Return a list of ``least`` to ``most`` elements; arrays become lists."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise _wrong(name, "a list", value)
    if len(value) < least:
        raise invalid(f"{name} needs at least {least} element{'s' if least > 1 else ''}, got {len(value)}")
    if most is not None and len(value) > most:
        raise invalid(f"{name} takes at most {most} elements, got {len(value)}")
    return value


def text(value: Any, name: str, *, empty: bool = False) -> str:
    """Return a string, which must not be empty unless that is said."""
    if not isinstance(value, str):
        raise _wrong(name, "a string", value)
    if not value and not empty:
        raise invalid(f"{name} must not be empty")
    if not value.isascii() and _HALF.search(value):
        raise invalid(f"{name} holds half a character, which UTF-8 does not have")
    return value


def flag(value: Any, name: str) -> bool:
    """Return a bool."""
    if not isinstance(value, bool | np.bool_):
        raise _wrong(name, "true or false", value)
    return bool(value)


def integer(value: Any, name: str, low: int = INT64[0], high: int = INT64[-1]) -> int:
    """Return an integer from ``low`` to ``high``; a float without a fraction is one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise _wrong(name, "an integer", value)
    if not low <= value <= high:
        raise invalid(f"{name} must lie between {low} and {high}, got {value}")
    return int(value)


def number(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a number from ``low`` to ``high``, never NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise _wrong(name, "a number", value)
    try:
        found = float(value)
    except OverflowError:
        raise invalid(f"{name} is too large a number") from None
    if math.isnan(found):
        raise invalid(f"{name} must not be NaN")
    if not low <= found <= high:
        raise invalid(f"{name} must lie between {low} and {high}, got {value}")
    return found


def choice(value: Any, name: str, options: Collection[str]) -> str:
    """Return one of some strings."""
    if not isinstance(value, str) or value not in options:
        raise _wrong(name, f"one of {', '.join(options)}", value)
    return value


def vector(value: Any, name: str, dim: int) -> FloatArray:
    """Return a dense vector of ``dim`` finite numbers: a list, an array, or the base64 of float32 or float64.

    >>> vector("AAAAAAAAgD8AAABAAABAQA==", "vector", 4)
    array([0., 1., 2., 3.], dtype=float32)
    """
    numbers = _packed(value, name, dim) if isinstance(value, str) else _unpacked(value, name)
    if numbers.shape != (dim,):
        raise invalid(f"{name} must be a vector of {dim} numbers, got {' x '.join(map(str, numbers.shape)) or 'none'}")
    with np.errstate(over="ignore", invalid="ignore"):
        found: FloatArray = np.ascontiguousarray(numbers, np.float32)
    if not np.isfinite(found).all():
        raise _beyond(name)
    return found


def sparse_weights(value: Any, name: str) -> dict[str, float]:
    """Return the finite weights of a sparse vector by their tokens."""
    given = mapping(value, name)
    found = {text(token, f"a token of {name}"): number(given[token], f"{name}[{token!r}]") for token in given}
    if not all(abs(weight) <= _LARGEST for weight in found.values()):
        raise _beyond(name)
    return found


def _packed(value: str, name: str, dim: int) -> np.ndarray[Any, Any]:
    try:
        packed = b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{name} is neither a list of numbers nor base64") from None
    kind = {4 * dim: "<f4", 8 * dim: "<f8"}.get(len(packed))
    if kind is None:
        raise invalid(f"{name} must be the base64 of {dim} float32 or float64, got that of {len(packed)} bytes")
    return np.frombuffer(packed, kind)


def _unpacked(value: Any, name: str) -> np.ndarray[Any, Any]:
    """Return numbers as an array; NumPy alone would take texts and booleans for numbers."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiu":
            raise invalid(f"{name} must be an array of numbers, got one of {value.dtype}")
        return value
    if not isinstance(value, list | tuple):
        raise _wrong(name, "a list of numbers", value)
    if not set(map(type, value)) <= _NUMBERS:
        value = [number(item, f"{name}[{i}]") for i, item in enumerate(value)]
    try:
        with np.errstate(over="ignore"):
            return np.array(value, np.float32)
    except OverflowError:
        raise _beyond(name) from None


def _beyond(name: str) -> VikingVectorException:
    return invalid(f"{name} must be made of finite numbers that float32 can hold")


def _wrong(name: str, kind: str, value: Any) -> VikingVectorException:
    if value is None:
        return missing(name)
    shown = repr(value)
    return invalid(f"{name} must be {kind}, got {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}")
