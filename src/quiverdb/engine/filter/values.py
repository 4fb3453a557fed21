"""What conditions see in a payload value: a key for exact matches, a number, a place, a text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import DatetimeRange, Range, ValuesCount

__all__ = ["Exact", "Normalizer", "exact", "is_uuid", "normalizer", "number", "place", "same", "within"]

Exact: TypeAlias = str | int | bool
"""A value that can be matched exactly."""

Normalizer: TypeAlias = Callable[[Any], Exact | None]

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_SPELLED = 36
_UUID = re.compile(
    r"(?:urn:uuid:)?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}",
    re.IGNORECASE,
)


def exact(value: Any) -> Exact | None:
    """Return a string, bool or signed 64-bit integer as it is, ``None`` for anything else."""
    kind = type(value)
    if kind is str or kind is bool or (kind is int and _SMALLEST <= value <= _LARGEST):
        found: Exact = value
        return found
    return None


def _with_whole_floats(value: Any) -> Exact | None:
    """See 1.0 as 1, as an integer index does."""
    if type(value) is float and value.is_integer():
        return exact(int(value))
    return exact(value)


def _with_any_uuid_spelling(value: Any) -> Exact | None:
    """See all spellings of a UUID as one, as a UUID index does."""
    if type(value) is str and _UUID.fullmatch(value):
        digits = value.lower().removeprefix("urn:uuid:").strip("{}").replace("-", "")
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return exact(value)


def is_uuid(key: Exact) -> bool:
    """Tell whether a key is the one spelling that a UUID index gives a UUID."""
    return type(key) is str and len(key) == _SPELLED and _UUID.fullmatch(key) is not None


def normalizer(index: FieldIndex | None) -> Normalizer:
    """Return what turns a value into its key for exact matches under a declared index."""
    if index is None:
        return exact
    return {FieldType.INTEGER: _with_whole_floats, FieldType.UUID: _with_any_uuid_spelling}.get(index.type, exact)


def same(left: Exact | None, right: Exact | None) -> bool:
    """Compare type and value: ``True``, ``1`` and ``"1"`` all differ."""
    return type(left) is type(right) and left == right and left is not None


def number(value: Any) -> float | None:
    """Return a number, not a bool, as float64; ``None`` for anything else."""
    kind = type(value)
    if kind is float:
        return None if math.isnan(value) else float(value)
    if kind is not int:
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def place(value: Any) -> tuple[float, float] | None:
    """Return the longitude and latitude of a ``{"lon": …, "lat": …}`` object, ``None`` for anything else."""
    if type(value) is not dict:
        return None
    lon, lat = number(value.get("lon")), number(value.get("lat"))
    if lon is None or lat is None or math.isinf(lon) or math.isinf(lat):
        return None
    return lon, lat


def within(value: float, bounds: Range | DatetimeRange | ValuesCount) -> bool:
    """Tell whether all bounds that are given hold for a value."""
    return (
        (bounds.lt is None or value < bounds.lt)
        and (bounds.lte is None or value <= bounds.lte)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.gte is None or value >= bounds.gte)
    )
