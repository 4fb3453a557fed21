"""The operation ``aggregate``: rows are counted, or one of their numbers is taken together, in all or by groups.

::

    {"op": "count"}                                    {"field": "__NONE__", "agg": {"__TOTAL__": 3}}
    {"op": "count", "field": "city"}                   {"field": "city", "agg": {"bath": 2, "york": 1}}
    {"op": "sum" | "avg" | "min" | "max", "calc_value_on": "price", "group_by": "city"}
    {"op": "vector_weighted_sum", "ids": […], "weights": […]}

``group_by`` is another name of ``field``. ``cond`` keeps the groups whose value lies within bounds, ``order`` sorts
them by it. Only ``count`` is documented; the others are named in the official client, and do here what they say.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from quiverdb.database import ScrollRequest, pages
from quiverdb.model.filter import Filter, HasId
from quiverdb.model.query import FacetQuery, Select
from quiverdb.model.result import Record
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.filters import filter_of, indexed_field
from quiverdb.vikingdb.service.layout import Index, Schema, dense_name, point_id
from quiverdb.vikingdb.service.reading import check_keys, choice, invalid, listing, mapping, missing, number
from quiverdb.vikingdb.service.rows import dense_size, is_row, key_of, read_key
from quiverdb.vikingdb.service.state import LOCATORS, stored_name
from quiverdb.vikingdb.service.values import float32
from quiverdb.vikingdb.service.writes import MOST_ROWS

__all__ = ["aggregate"]

Value: TypeAlias = int | float
Groups: TypeAlias = Mapping[str | int | bool | None, Value]

TOTAL, NO_FIELD = "__TOTAL__", "__NONE__"
WEIGHTED_SUM = "vector_weighted_sum"

_KEYS = LOCATORS | {
    "index_name", "op", "field", "group_by", "calc_value_on", "cond", "order", "filter", "partition", "ids", "weights",
}  # fmt: skip
_GROUPABLE = ("string", "int64", "bool")
_NUMERIC = ("int64", "float32")
_AT_ONCE = 1000
_BOUNDS: Mapping[str, Callable[[Value, Value], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def _sum(values: Sequence[Value]) -> Value:
    return sum(values) if all(isinstance(value, int) for value in values) else math.fsum(values)


def _average(values: Sequence[Value]) -> Value:
    return math.fsum(values) / len(values)


_MEASURES: Mapping[str, Callable[[Sequence[Value]], Value]] = {"sum": _sum, "avg": _average, "min": min, "max": max}


def aggregate(context: Context, schema: Schema, index: Index, payload: Payload) -> dict[str, Any]:
    """Count rows, or take one of their numbers together."""
    given = {name: value for name, value in payload.items() if value is not None}
    check_keys(given, _KEYS, "the request")
    op = choice(given.get("op"), "op", ("count", *_MEASURES, WEIGHTED_SUM))
    filter = filter_of(context, schema, index, given.get("filter"))
    group, measured = _group(schema, index, given), given.get("calc_value_on")
    keep, order = _bounds(given), _order(given)
    if group is None and (keep or order):
        raise invalid("cond and order go with a field to group by")
    if op == WEIGHTED_SUM:
        _check_absent(given, op, ("field", "group_by", "calc_value_on"))
        return {"op": op, "field": NO_FIELD, "agg": {}, op: _weighted_sum(context, schema, index, given, filter)}
    _check_absent(given, op, ("ids", "weights"))
    if op == "count":
        _check_absent(given, op, ("calc_value_on",))
        groups = _counted(context, schema, group, filter)
    else:
        indexed_field(schema, index, measured, _NUMERIC, "calc_value_on")
        groups = _measured(context, schema, group, str(measured), filter, _MEASURES[op])
    kept = [(value, found) for value, found in groups.items() if all(holds(found, bound) for holds, bound in keep)]
    if order:
        kept.sort(key=lambda pair: pair[1], reverse=order == "desc")
    shown = {TOTAL if group is None else _text(value): found for value, found in kept}
    more: dict[str, Any] = {name: given[name] for name in ("group_by", "calc_value_on") if name in given}
    return {"op": op, "field": group or NO_FIELD, "agg": shown, **more}


def _group(schema: Schema, index: Index, given: Payload) -> str | None:
    names = {name: given[name] for name in ("field", "group_by") if given.get(name, "") != ""}
    for where, name in names.items():
        indexed_field(schema, index, name, _GROUPABLE, where)
    if len(set(names.values())) > 1:
        raise invalid("field and group_by are two names of one thing; give one of them")
    return next(iter(names.values()), None)


def _bounds(given: Payload) -> list[tuple[Callable[[Value, Value], bool], float]]:
    cond = mapping(given.get("cond", {}), "cond")
    check_keys(cond, _BOUNDS, "cond")
    return [(_BOUNDS[key], number(bound, f"cond.{key}")) for key, bound in cond.items() if bound is not None]


def _order(given: Payload) -> str | None:
    order = given.get("order")
    return None if order in (None, "") else choice(order, "order", ("asc", "desc"))


def _check_absent(given: Payload, op: str, names: Sequence[str]) -> None:
    for name in names:
        if name in given:
            raise invalid(f"{name} does not go with the op {op}")


def _counted(context: Context, schema: Schema, group: str | None, filter: Filter | None) -> Groups:
    """Count rows by the values of a field, those that occur most first."""
    database, name = context.database, stored_name(schema)
    total = database.count(name, filter)
    if group is None or not total:
        return {} if group is not None else {None: total}
    hits = database.facet(name, FacetQuery(group, filter, limit=total, exact=True))
    return {hit.value: hit.count for hit in sorted(hits, key=lambda hit: (-hit.count, hit.value))}


def _measured(
    context: Context,
    schema: Schema,
    group: str | None,
    field: str,
    filter: Filter | None,
    measure: Callable[[Sequence[Value]], Value],
) -> Groups:
    """Take the numbers of a field together, those of each group by themselves."""
    keys = (field,) if group is None else (field, group)
    values: dict[str | int | bool | None, list[Value]] = defaultdict(list)
    for row in _rows(context, schema, ScrollRequest(filter, _AT_ONCE, with_payload=Select(include=keys))):
        stored = row.payload or {}
        if all(key in stored for key in keys):
            values[None if group is None else stored[group]].append(stored[field])
    return {value: measure(numbers) for value, numbers in sorted(values.items(), key=lambda pair: str(pair[0]))}


def _rows(context: Context, schema: Schema, request: ScrollRequest) -> Iterator[Record]:
    found = pages(context.database, stored_name(schema), request)
    return (record for page in found for record in page)


def _weighted_sum(
    context: Context, schema: Schema, index: Index, given: Payload, filter: Filter | None
) -> dict[str, Any]:
    size, vector = dense_size(schema), dense_name(index.index_name)
    if size is None:
        raise invalid("the rows of this collection have no vectors to add up")
    if "ids" not in given:
        raise missing("ids")
    ids = listing(given["ids"], "ids", least=1, most=MOST_ROWS)
    weights = listing(given.get("weights", [1.0] * len(ids)), "weights")
    if len(weights) != len(ids):
        raise invalid(f"there must be as many weights as ids, got {len(weights)} and {len(ids)}")
    shares: dict[int | str, float] = defaultdict(float)
    for at, (id, weight) in enumerate(zip(ids, weights, strict=True)):
        shares[read_key(schema, id, f"ids[{at}]")] += float32(weight, f"weights[{at}]")
    wanted = HasId(tuple(point_id(key) for key in shares))
    request = ScrollRequest(
        Filter(must=(wanted,) if filter is None else (wanted, filter)), len(shares), with_vectors=(vector,)
    )
    rows = [row for row in _rows(context, schema, request) if is_row(row.payload) and vector in (row.vectors or ())]
    vectors = {key_of(row.payload or {}): (row.vectors or {})[vector] for row in rows}
    found = [key for key in shares if key in vectors]
    added = sum((shares[key] * np.asarray(vectors[key], np.float64) for key in found), np.zeros(size))
    return {
        "vector": added.tolist(),
        "found_count": len(found),
        "found_ids": found,
        "weight_sum": math.fsum(shares[key] for key in found),
    }


def _text(value: Any) -> str:
    """Return the name of a group: keys of JSON objects are strings."""
    return str(value).lower() if isinstance(value, bool) else str(value)
