"""Filters, as functions that return the mappings of the API.

>>> and_(must("color", "red", "blue"), range_("price", gte=10, lt=20))["op"]
'and'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from quiverdb.errors import InvalidInputError

__all__ = ["and_", "circle", "geo_range", "must", "must_not", "or_", "range_", "range_out", "time_range"]

Filter: TypeAlias = dict[str, Any]
Bound: TypeAlias = int | float | None
TimeBound: TypeAlias = str | datetime | None


def must(field: str, *values: Any) -> Filter:
    """Keep rows whose field has one of these values; of a list, any element.

    >>> must("color", "red")
    {'op': 'must', 'field': 'color', 'conds': ['red']}
    """
    return {"op": "must", "field": field, "conds": _values(values)}


def must_not(field: str, *values: Any) -> Filter:
    """Leave out rows whose field has one of these values.

    >>> must_not("color", "red", "blue")
    {'op': 'must_not', 'field': 'color', 'conds': ['red', 'blue']}
    """
    return {"op": "must_not", "field": field, "conds": _values(values)}


def range_(
    field: str,
    *,
    gt: Bound = None,
    gte: Bound = None,
    lt: Bound = None,
    lte: Bound = None,
) -> Filter:
    """Keep rows whose number lies between bounds; raises ``InvalidInputError`` if there are none.

    >>> range_("price", gte=10, lt=20)
    {'op': 'range', 'field': 'price', 'gte': 10, 'lt': 20}
    """
    return {"op": "range", "field": field, **_bounds(gt=gt, gte=gte, lt=lt, lte=lte)}


def range_out(
    field: str,
    *,
    gt: Bound = None,
    gte: Bound = None,
    lt: Bound = None,
    lte: Bound = None,
) -> Filter:
    """Keep rows whose number lies outside: above ``gt`` or below ``lt``.

    >>> range_out("price", gt=500, lt=100)
    {'op': 'range_out', 'field': 'price', 'gt': 500, 'lt': 100}
    """
    return {"op": "range_out", "field": field, **_bounds(gt=gt, gte=gte, lt=lt, lte=lte)}


def time_range(
    field: str, *, gt: TimeBound = None, gte: TimeBound = None, lt: TimeBound = None, lte: TimeBound = None
) -> Filter:
    """Keep rows whose time lies between bounds: datetimes that know their zone, or texts as RFC 3339 has them.

    >>> time_range("at", gt="2025-08-12T00:00:00+08:00")
    {'op': 'time_range', 'field': 'at', 'gt': '2025-08-12T00:00:00+08:00'}
    """
    bounds = _bounds(gt=gt, gte=gte, lt=lt, lte=lte)
    return {"op": "time_range", "field": field, **{name: _time(bound) for name, bound in bounds.items()}}


def geo_range(field: str, center: str | tuple[float, float], radius: str | float) -> Filter:
    """Keep rows whose place is within a radius, in metres or as a text with its unit, of longitude and latitude.

    >>> geo_range("place", (116.4, 39.9), 500)
    {'op': 'geo_range', 'field': 'place', 'center': '116.4,39.9', 'radius': '500m'}
    """
    return {
        "op": "geo_range",
        "field": field,
        "center": center if isinstance(center, str) else f"{center[0]},{center[1]}",
        "radius": radius if isinstance(radius, str) else f"{radius}m",
    }


def circle(fields: Sequence[str], center: Sequence[float], radius: float) -> Filter:
    """Keep rows whose two numbers are a point of a circle.

    >>> circle(("x", "y"), (100, 50), 10)
    {'op': 'range', 'field': ['x', 'y'], 'center': [100, 50], 'radius': 10}
    """
    return {"op": "range", "field": list(fields), "center": list(center), "radius": radius}


def and_(*filters: Mapping[str, Any]) -> Filter:
    """Keep rows that all filters keep.

    >>> and_(must("a", 1), must("b", 2))["conds"][1]["field"]
    'b'
    """
    return {"op": "and", "conds": list(filters)}


def or_(*filters: Mapping[str, Any]) -> Filter:
    """Keep rows that any filter keeps.

    >>> or_(must("a", 1))
    {'op': 'or', 'conds': [{'op': 'must', 'field': 'a', 'conds': [1]}]}
    """
    return {"op": "or", "conds": list(filters)}


def _values(values: tuple[Any, ...]) -> list[Any]:
    """Return values that were given one by one, or as one list."""
    alone = values[0] if len(values) == 1 else None
    return list(alone) if isinstance(alone, list | tuple | set | frozenset) else list(values)


def _bounds(**given: Any) -> dict[str, Any]:
    bounds = {name: bound for name, bound in given.items() if bound is not None}
    if not bounds:
        raise InvalidInputError("a range has a bound: give gt, gte, lt or lte")
    return bounds


def _time(bound: str | datetime) -> str:
    if isinstance(bound, str):
        return bound
    if bound.tzinfo is None:
        raise InvalidInputError(f"{bound!r} does not know its time zone: give one with tzinfo")
    return bound.isoformat()
