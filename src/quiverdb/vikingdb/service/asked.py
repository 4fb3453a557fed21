"""What all searches are asked: how many rows, which, and what is shown of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from quiverdb.model.filter import Condition, Filter, HasId
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.filters import NOTHING, filter_of
from quiverdb.vikingdb.service.layout import Index, Schema
from quiverdb.vikingdb.service.post_process import Process, post_process
from quiverdb.vikingdb.service.reading import check_keys, flag, integer, invalid, listing, mapping, number, text
from quiverdb.vikingdb.service.rows import row_id
from quiverdb.vikingdb.service.state import LOCATORS

__all__ = ["MOST", "Asked", "read_asked"]

MOST = 100_000
_USUAL = 10

_COMMON = LOCATORS | {
    "index_name", "output_fields", "filter", "partition", "limit", "offset", "advance", "return_schema",
    "return_download_url", "return_analyzed_result", "return_detail_info", "ignore_unknown_fields",
}  # fmt: skip
_ADVANCE = {
    "dense_weight", "ids_in", "ids_not_in", "post_process_ops", "post_process_input_limit", "scale_k",
    "filter_pre_ann_limit", "filter_pre_ann_ratio",
}  # fmt: skip
_VECTORS = ("vector", "sparse_vector", "tensor")


class Asked(msgspec.Struct, frozen=True):
    """Hold what a search is asked.

    ``output`` are the fields to be shown, None for all that are no vectors.
    """

    limit: int
    offset: int
    filter: Filter | None
    filtered: bool
    output: tuple[str, ...] | None
    dense_weight: float
    scale_k: float
    process: Process | None
    process_input: int
    with_schema: bool
    with_details: bool


def read_asked(context: Context, schema: Schema, index: Index, payload: Payload, own: Collection[str]) -> Asked:
    """Return what a payload asks for, which may have keys of its ``own`` besides those of all searches."""
    given = {key: value for key, value in payload.items() if value is not None}
    check_keys(given, _COMMON.union(own), "the request")
    _check_flags(given)
    limit = integer(given.get("limit", _USUAL), "limit", 1, MOST)
    advance = {k: v for k, v in mapping(given.get("advance", {}), "advance").items() if v is not None}
    check_keys(advance, _ADVANCE, "advance")
    number(advance.get("filter_pre_ann_limit", 0), "advance.filter_pre_ann_limit", 0)
    number(advance.get("filter_pre_ann_ratio", 0), "advance.filter_pre_ann_ratio", 0)
    offset = integer(given.get("offset", 0), "offset", 0)
    process, process_input = _process(context, schema, advance, limit, offset)
    condition = filter_of(context, schema, index, given.get("filter"))
    return Asked(
        limit=limit,
        offset=offset,
        filter=_among(schema, advance, condition),
        filtered=bool(given.get("filter")),
        output=_output(schema, given),
        dense_weight=number(advance.get("dense_weight", 0.5), "advance.dense_weight", 0.2, 1.0),
        scale_k=number(advance.get("scale_k", 1.0), "advance.scale_k", 0.1, 100.0),
        process=process,
        process_input=process_input,
        with_schema=bool(given.get("return_schema", False)),
        with_details=bool(given.get("return_detail_info", False)),
    )


def _check_flags(given: Payload) -> None:
    for name in ("return_schema", "return_download_url", "return_analyzed_result", "return_detail_info"):
        flag(given.get(name, False), name)
    if not isinstance(given.get("partition", ""), str | int):
        raise invalid(f"partition must be a string, got {given['partition']!r}")


def _process(
    context: Context, schema: Schema, advance: Mapping[str, Any], limit: int, offset: int
) -> tuple[Process | None, int]:
    ops = listing(advance.get("post_process_ops", ()), "advance.post_process_ops")
    usual = min(max(3 * limit, offset + limit), MOST)
    wanted = integer(advance.get("post_process_input_limit", usual), "advance.post_process_input_limit", 1, MOST)
    if wanted < limit:
        raise invalid(f"advance.post_process_input_limit must be at least the limit {limit}, got {wanted}")
    return (post_process(schema, ops, context.clock) if ops else None), wanted


def _among(schema: Schema, advance: Mapping[str, Any], condition: Filter | None) -> Filter | None:
    """Return the filter for the rows that are not ruled out by their keys, either."""
    if "ids_in" not in advance and "ids_not_in" not in advance:
        return condition
    must: tuple[Condition, ...] = () if condition is None else (condition,)
    if "ids_in" in advance:
        must += (_ids(schema, advance, "ids_in"),)
    return Filter(must=must, must_not=(_ids(schema, advance, "ids_not_in"),) if "ids_not_in" in advance else ())


def _ids(schema: Schema, advance: Mapping[str, Any], name: str) -> HasId:
    keys = listing(advance[name], f"advance.{name}")
    return HasId(tuple(row_id(schema, key) for key in keys)) if keys else NOTHING


def _output(schema: Schema, given: Payload) -> tuple[str, ...] | None:
    if "output_fields" not in given:
        return None
    names = [
        text(name, f"output_fields[{i}]") for i, name in enumerate(listing(given["output_fields"], "output_fields"))
    ]
    known = {field.field_name for field in schema.fields}
    unknown = [name for name in names if name not in known]
    if unknown and not flag(given.get("ignore_unknown_fields", False), "ignore_unknown_fields"):
        raise invalid(f"output_fields: the collection has no field {unknown[0]!r}; it has {', '.join(sorted(known))}")
    return tuple(dict.fromkeys(name for name in names if name in known))
