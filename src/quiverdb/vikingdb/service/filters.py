"""Filters: from VikingDB's language to that of the database.

::

    {"op": "and" | "or", "conds": [filter, …]}
    {"op": "must" | "must_not", "field", "conds": [value, …]}              string, int64, bool, and lists of them
    {"op": "range" | "range_out", "field", "gt", "gte", "lt", "lte"}       int64, float32
    {"op": "range", "field": [x, y], "center": [x, y], "radius"}           int64, float32: a circle, edge included
    {"op": "time_range", "field", "gt", "gte", "lt", "lte"}                date_time
    {"op": "geo_range" | "georange", "field", "center", "radius"}          geo_point: nearer than the radius
    {"op": "prefix", "field", "prefix"}   {"op": "contains", "field", "substring"}
    {"op": "regex", "field", "pattern"}                                    string, list<string>

``range_out`` with a lower bound above the upper one holds beyond either of them; otherwise it holds where ``range``
does not. Bounds are compared as float64. Circles and regular expressions are beyond what a database can look up:
the rows in question are read, and found again by their ids or values.

A field must be among the scalar fields of the index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from quiverdb.database import ScrollRequest, pages
from quiverdb.model.filter import (
    Condition,
    Filter,
    GeoRadius,
    HasId,
    MatchAny,
    MatchPrefix,
    MatchSubstring,
    MatchValue,
    Range,
)
from quiverdb.model.query import Select
from quiverdb.model.result import Record
from quiverdb.vikingdb.exceptions import VikingVectorException
from quiverdb.vikingdb.service import units
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.layout import GEO, TIME, Field, Index, Schema, point_id
from quiverdb.vikingdb.service.patterns import compile_pattern
from quiverdb.vikingdb.service.reading import (
    check_keys,
    choice,
    flag,
    integer,
    invalid,
    listing,
    mapping,
    missing,
    number,
    text,
)
from quiverdb.vikingdb.service.rows import alive
from quiverdb.vikingdb.service.state import stored_name

__all__ = ["NOTHING", "Rows", "compile_filter", "filter_of", "indexed_field"]

NOTHING = HasId(())
"""A condition that holds for no row."""

Rows: TypeAlias = Callable[[Filter | None, tuple[str, ...]], Iterable[Record]]
"""Read the rows that a filter lets through: of each the id, and of its payload these keys."""

_DEEPEST = 64
_AT_ONCE = 1000
_BOUNDS = ("gt", "gte", "lt", "lte")
_ENUMERABLE = ("string", "int64", "bool", "list<string>", "list<int64>")
_NUMERIC = ("int64", "float32")
_STRINGS = ("string", "list<string>")
_READERS: dict[str, Callable[[Any, str], Any]] = {"string": text, "int64": integer, "bool": flag}


def compile_filter(schema: Schema, index: Index, given: Any, rows: Rows | None = None) -> Filter | None:
    """Return the filter of the database for one of VikingDB; nothing for none and for an empty one.

    ``rows`` reads rows of the collection, which circles and regular expressions need. Raises ``InvalidParameter``
    for a filter of another shape, and for fields that cannot be filtered by in this way.

    >>> year = Field(field_name="year", field_type="int64")
    >>> schema = Schema(project_name="default", collection_name="books", resource_id="r", fields=(year,))
    >>> compile_filter(schema, Index(index_name="main"), {"op": "range", "field": "year", "gte": 2000}).must
    (Range(key='year', lt=None, lte=None, gt=None, gte=2000.0),)
    """
    if given is None or given == {}:
        return None
    condition = _Reader(schema, index, rows).condition(given, "filter")
    return condition if isinstance(condition, Filter) else Filter(must=(condition,))


def filter_of(context: Context, schema: Schema, index: Index, given: Any) -> Filter | None:
    """Return the filter of the database for one of VikingDB, which lets no row through that has expired."""
    name, database, living = stored_name(schema), context.database, alive(context, schema)

    def rows(filter: Filter | None, keys: tuple[str, ...]) -> Iterator[Record]:
        asked = ScrollRequest(filter, _AT_ONCE, with_payload=Select(include=keys))
        return (record for page in pages(database, name, asked) for record in page)

    found = compile_filter(schema, index, given, rows)
    if found is None or living is None:
        return found or living
    return Filter(must=(found,), must_not=living.must_not)


def indexed_field(schema: Schema, index: Index, name: Any, kinds: Sequence[str], where: str) -> Field:
    """Return a field of one of these types that the index can filter and sort by."""
    name = text(name, where)
    field = next((field for field in schema.fields if field.field_name == name), None)
    if field is None:
        raise invalid(f"{where}: the collection has no field {name!r}")
    if field.field_type not in kinds:
        raise invalid(f"{where}: {name!r} is a field of type {field.field_type}; this takes {', '.join(kinds)}")
    if index.scalar_index is not None and name not in index.scalar_index:
        raise invalid(
            f"{where}: {name!r} is not in the ScalarIndex of the index {index.index_name!r}, "
            f"which has {', '.join(index.scalar_index) or 'no fields'}"
        )
    return field


class _Reader:
    """Read the filters of one index."""

    def __init__(self, schema: Schema, index: Index, rows: Rows | None) -> None:
        self._schema = schema
        self._index = index
        self._rows = rows

    def condition(self, given: Any, where: str, depth: int = 0) -> Condition:
        """Return the condition that one object of a filter stands for; ``where`` it stands is for errors."""
        node = mapping(given, where)
        if depth > _DEEPEST:
            raise invalid(f"filter is nested more than {_DEEPEST} deep")
        op = choice(node.get("op"), f"{where}.op", _OPERATORS)
        if op in ("and", "or"):
            return self._combined(op, node, where, depth)
        method, keys = _OPERATORS[op]
        check_keys(node, ("op", "field", *keys), where)
        return method(self, node, where)

    def _combined(self, op: str, node: Mapping[str, Any], where: str, depth: int) -> Filter:
        check_keys(node, ("op", "conds"), where)
        given = listing(node.get("conds"), f"{where}.conds", least=1)
        found = tuple(self.condition(inner, f"{where}.conds[{i}]", depth + 1) for i, inner in enumerate(given))
        return Filter(must=found) if op == "and" else Filter(should=found)

    def _field(self, node: Mapping[str, Any], where: str, kinds: Sequence[str]) -> Field:
        return indexed_field(self._schema, self._index, node.get("field"), kinds, f"{where}.field")

    def _one_of(self, node: Mapping[str, Any], where: str) -> Condition:
        field = self._field(node, where, _ENUMERABLE)
        kind = field.field_type.removeprefix("list<").removesuffix(">")
        given = listing(node.get("conds"), f"{where}.conds", least=1)
        values = tuple(_value(kind, value, f"{where}.conds[{i}]") for i, value in enumerate(given))
        if field.is_primary_key:
            return HasId(tuple(map(point_id, values)))
        if kind == "bool":
            return Filter(should=tuple(MatchValue(field.field_name, value) for value in dict.fromkeys(values)))
        return MatchAny(field.field_name, values)

    def _none_of(self, node: Mapping[str, Any], where: str) -> Filter:
        return Filter(must_not=(self._one_of(node, where),))

    def _range(self, node: Mapping[str, Any], where: str) -> Condition:
        if isinstance(node.get("field"), list | tuple):
            return self._circle(node, where)
        if "center" in node or "radius" in node:
            raise invalid(f"{where}: center and radius go with two fields")
        if _type_of(self._schema, node.get("field")) == "date_time":
            raise invalid(f"{where}: {node['field']!r} is a field of type date_time; use the op time_range")
        field = self._field(node, where, _NUMERIC)
        return Range(field.field_name, **_bounds(node, where, number))

    def _range_out(self, node: Mapping[str, Any], where: str) -> Filter:
        field = self._field(node, where, _NUMERIC)
        bounds = _bounds(node, where, number)
        low = max((bounds[key] for key in ("gt", "gte") if key in bounds), default=None)
        high = min((bounds[key] for key in ("lt", "lte") if key in bounds), default=None)
        if low is not None and high is not None and low > high:
            return Filter(should=tuple(Range(field.field_name, **{key: bound}) for key, bound in bounds.items()))
        return Filter(must_not=(Range(field.field_name, **bounds),))

    def _time_range(self, node: Mapping[str, Any], where: str) -> Condition:
        field = self._field(node, where, ("date_time",))
        return Range(f"{TIME}.{field.field_name}", **_bounds(node, where, _moment))

    def _near(self, node: Mapping[str, Any], where: str) -> Condition:
        field = self._field(node, where, ("geo_point",))
        center = units.place(_present(node, "center", where))
        if center is None:
            raise invalid(f"{where}.center must be a place like '116.412138,39.914912', got {node['center']!r}")
        radius = units.length(_present(node, "radius", where))
        if radius is None:
            raise invalid(f"{where}.radius must be a length like '500m' or '10km', got {node['radius']!r}")
        return GeoRadius(f"{GEO}.{field.field_name}", center, radius)

    def _circle(self, node: Mapping[str, Any], where: str) -> HasId:
        check_keys(node, ("op", "field", "center", "radius"), where)
        names = listing(node["field"], f"{where}.field", least=2, most=2)
        keys = tuple(
            indexed_field(self._schema, self._index, name, _NUMERIC, f"{where}.field[{i}]").field_name
            for i, name in enumerate(names)
        )
        given = listing(_present(node, "center", where), f"{where}.center", least=2, most=2)
        x, y = (number(value, f"{where}.center[{i}]") for i, value in enumerate(given))
        radius = number(_present(node, "radius", where), f"{where}.radius", 0)
        ends = zip(keys, (x, y), strict=True)
        box = Filter(must=tuple(Range(key, gte=middle - radius, lte=middle + radius) for key, middle in ends))
        return HasId(
            tuple(
                row.id
                for row in self._read(box, keys, where)
                if row.payload and (row.payload[keys[0]] - x) ** 2 + (row.payload[keys[1]] - y) ** 2 <= radius**2
            )
        )

    def _prefix(self, node: Mapping[str, Any], where: str) -> Condition:
        field = self._field(node, where, _STRINGS)
        return MatchPrefix(field.field_name, text(node.get("prefix"), f"{where}.prefix"))

    def _contains(self, node: Mapping[str, Any], where: str) -> Condition:
        field = self._field(node, where, _STRINGS)
        return MatchSubstring(field.field_name, text(node.get("substring"), f"{where}.substring"))

    def _regex(self, node: Mapping[str, Any], where: str) -> Condition:
        key = self._field(node, where, _STRINGS).field_name
        matches = compile_pattern(text(node.get("pattern"), f"{where}.pattern"), f"{where}.pattern")
        found = {value for row in self._read(None, (key,), where) for value in _strings(row, key)}
        values = tuple(sorted(filter(matches, found)))
        return MatchAny(key, values) if values else NOTHING

    def _read(self, filter: Filter | None, keys: tuple[str, ...], where: str) -> Iterable[Record]:
        if self._rows is None:
            raise invalid(f"{where}.op cannot be used here: it needs every row to be read")
        return self._rows(filter, keys)


_OPERATORS: dict[str, tuple[Callable[[_Reader, Mapping[str, Any], str], Condition], tuple[str, ...]]] = {
    "and": (_Reader.condition, ()),
    "or": (_Reader.condition, ()),
    "must": (_Reader._one_of, ("conds",)),
    "must_not": (_Reader._none_of, ("conds",)),
    "range": (_Reader._range, (*_BOUNDS, "center", "radius")),
    "range_out": (_Reader._range_out, _BOUNDS),
    "time_range": (_Reader._time_range, _BOUNDS),
    "geo_range": (_Reader._near, ("center", "radius")),
    "georange": (_Reader._near, ("center", "radius")),
    "prefix": (_Reader._prefix, ("prefix",)),
    "contains": (_Reader._contains, ("substring",)),
    "regex": (_Reader._regex, ("pattern",)),
}
"""What reads the conditions of each operator, and which keys they have besides operator and field."""


def _bounds(node: Mapping[str, Any], where: str, read: Callable[[Any, str], float]) -> dict[str, float]:
    found = {key: read(node[key], f"{where}.{key}") for key in _BOUNDS if node.get(key) is not None}
    if not found:
        raise missing(f"{where}: at least one of {', '.join(_BOUNDS)}")
    return found


def _moment(value: Any, name: str) -> int:
    found = units.moment(value)
    if found is None:
        raise _not_a_moment(value, name)
    return found


def _not_a_moment(value: Any, name: str) -> VikingVectorException:
    return invalid(f"{name} must be a date like '2025-08-12T00:00:00+08:00' from 1970 to 3000, got {value!r}")


def _value(kind: str, value: Any, name: str) -> Any:
    return text(value, name, empty=True) if kind == "string" else _READERS[kind](value, name)


def _present(node: Mapping[str, Any], key: str, where: str) -> Any:
    if node.get(key) is None:
        raise missing(f"{where}.{key}")
    return node[key]


def _type_of(schema: Schema, name: Any) -> str | None:
    return next((field.field_type for field in schema.fields if field.field_name == name), None)


def _strings(row: Record, key: str) -> Sequence[str]:
    found = (row.payload or {}).get(key)
    return found if isinstance(found, list) else [] if found is None else [found]
