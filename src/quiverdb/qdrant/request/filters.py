"""Filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from quiverdb.dates import parse_datetime
from quiverdb.errors import InvalidInputError
from quiverdb.model.filter import (
    Condition,
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPoint,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    MinShould,
    Nested,
    Range,
    Slice,
    ValuesCount,
)
from quiverdb.qdrant.request.ids import point_ids
from quiverdb.qdrant.request.parse import dispatch, exact, number, parse, real

__all__ = ["condition", "filter_of", "geo_point", "micros"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RING = 4


def filter_of(value: Any) -> Filter | None:
    """Return a filter, or ``None`` for none."""
    if value is None:
        return None
    if type(value).__name__ == "Filter":
        return _filter(value)
    if isinstance(value, Mapping):
        return _filter(parse("Filter", dict(value)))
    found = dispatch(_CONDITIONS, "Filter", value)
    if isinstance(found, Filter):
        return found
    raise InvalidInputError(
        f"expected a Filter, got {type(value).__name__}: write Filter(must=[...]) around it", field="filter"
    )


def condition(value: Any) -> Condition:
    """Return a condition of any kind."""
    handler = _CONDITIONS.get(type(value).__name__)
    return dispatch(_CONDITIONS, "Condition", value) if handler is None else handler(value)


def micros(value: Any) -> int:
    """Return a date as microseconds since 1970-01-01 UTC; a date without a zone is in UTC."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    if isinstance(value, date):
        return micros(datetime(value.year, value.month, value.day, tzinfo=UTC))
    found = parse_datetime(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidInputError(f"{value!r} is not a date", field="datetime")
    return found


def geo_point(value: Any) -> GeoPoint:
    """Return a place on Earth."""
    lon, lat = float(value.lon), float(value.lat)
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InvalidInputError(f"no place has longitude {lon} and latitude {lat}", field="lon")
    return GeoPoint(lon, lat)


def _clause(value: Any) -> tuple[Condition, ...]:
    if isinstance(value, list | tuple):
        return tuple([condition(item) for item in value])
    return (condition(value),)


def _filter(value: Any) -> Filter:
    must, should, must_not, least = value.must, value.should, value.must_not, value.min_should
    return Filter(
        () if must is None else _clause(must),
        () if should is None else _clause(should),
        () if must_not is None else _clause(must_not),
        None if least is None else MinShould(_clause(least.conditions), number(least.min_count, "min_count", 1, 1)),
    )


def _field(value: Any) -> Condition:
    """Map the tests on one key; of several, the three on the number of values go first, the others are joined by or."""
    key = value.key
    if (count := value.values_count) is not None:
        return ValuesCount(key, count.lt, count.lte, count.gt, count.gte)
    if (empty := value.is_empty) is not None:
        return _affirmed(IsEmpty(key), empty)
    if (null := value.is_null) is not None:
        return _affirmed(IsNull(key), null)
    found: list[Condition] = []
    if (match := value.match) is not None:
        found.append(dispatch(_MATCHES, "Match", match, key))
    if (bounds := value.range) is not None:
        found.append(dispatch(_RANGES, "RangeInterface", bounds, key))
    if (box := value.geo_bounding_box) is not None:
        found.append(GeoBox(key, geo_point(box.top_left), geo_point(box.bottom_right)))
    if (circle := value.geo_radius) is not None:
        found.append(GeoRadius(key, geo_point(circle.center), real(circle.radius, "radius", infinite=True)))
    if (area := value.geo_polygon) is not None:
        found.append(GeoPolygon(key, _ring(area.exterior), tuple(_ring(hole) for hole in area.interiors or ())))
    if len(found) == 1:
        return found[0]
    if not found:
        raise InvalidInputError(f"the condition on {key!r} tests nothing", field="key")
    return Filter(should=tuple(found))


def _bounds(given: Any, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    bounds = (given.lt, given.lte, given.gt, given.gte)
    return tuple([None if bound is None else read(bound) for bound in bounds])


def _affirmed(test: IsEmpty | IsNull, wanted: bool) -> Condition:
    return test if wanted else Filter(must_not=(test,))


def _ring(line: Any) -> tuple[GeoPoint, ...]:
    points = tuple(geo_point(point) for point in line.points)
    if len(points) < _RING or points[0] != points[-1]:
        raise InvalidInputError(
            f"a ring of a polygon needs at least {_RING} points, the last like the first", field="geo_polygon"
        )
    return points


def _alike(values: Iterable[Any]) -> tuple[Any, ...]:
    found = tuple(values)
    if len(kinds := set(map(type, found))) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InvalidInputError(f"values to match must be all strings or all integers, got {names}", field="match")
    return found


def _slice(part: Any) -> Slice:
    total = number(part.total, "total", 1, 1)
    index = number(part.index, "index", 0, 0)
    if index >= total:
        raise InvalidInputError(f"slice index must be less than {total}, got {index}", field="index")
    return Slice(total, index)


def _nested(part: Any) -> Nested:
    """Map a nested filter. An empty ``should`` in it lets nothing through, while elsewhere it asks for nothing."""
    inner = filter_of(part.filter) or Filter()
    if getattr(part.filter, "should", None) == []:
        inner = Filter(must=(inner,), min_should=MinShould((), 1))
    return Nested(part.key, inner)


_MATCHES: dict[str, Callable[[Any, str], Condition]] = {
    "MatchValue": lambda match, key: MatchValue(key, match.value),
    "MatchText": lambda match, key: MatchText(key, match.text),
    "MatchTextAny": lambda match, key: MatchText(key, match.text_any, "any"),
    "MatchPhrase": lambda match, key: MatchText(key, match.phrase, "phrase"),
    "MatchPrefix": lambda match, key: MatchPrefix(key, match.prefix),
    "MatchSubstring": lambda match, key: MatchSubstring(key, match.substring),
    "MatchAny": lambda match, key: MatchAny(key, _alike(match.any)),
    "MatchExcept": lambda match, key: MatchExcept(key, _alike(match.except_)),
}

_RANGES: dict[str, Callable[[Any, str], Condition]] = {
    "Range": lambda bounds, key: Range(key, *_bounds(bounds, lambda bound: exact(bound, "range"))),
    "DatetimeRange": lambda bounds, key: DatetimeRange(key, *_bounds(bounds, micros)),
}

_CONDITIONS: dict[str, Callable[[Any], Condition]] = {
    "FieldCondition": _field,
    "IsEmptyCondition": lambda test: IsEmpty(test.is_empty.key),
    "IsNullCondition": lambda test: IsNull(test.is_null.key),
    "HasIdCondition": lambda test: HasId(tuple(point_ids(test.has_id))),
    "HasVectorCondition": lambda test: HasVector(test.has_vector),
    "SliceCondition": lambda test: _slice(test.slice),
    "NestedCondition": lambda test: _nested(test.nested),
    "Filter": _filter,
}
