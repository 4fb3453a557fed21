"""The operations that change rows: ``upsert``, ``update`` and ``delete``.

A request is checked as a whole before one write carries it out, so it happens altogether or not at all. Rows that have
expired go in passing.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from quiverdb.model.filter import Filter
from quiverdb.model.write import Delete, OverwritePayload, UpdateVectors, Upsert, WriteOperation
from quiverdb.vikingdb.exceptions import failure
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.encoding import (
    Draft,
    complete,
    draft_of,
    payload_of,
    points_of,
    read_fields,
    vectorize,
)
from quiverdb.vikingdb.service.layout import EXPIRES, WEIGHTS, Schema, point_id
from quiverdb.vikingdb.service.reading import check_keys, flag, integer, invalid, listing, missing
from quiverdb.vikingdb.service.rows import expired, fields_of, living_rows, primary_key, read_key
from quiverdb.vikingdb.service.state import LOCATORS, save_schema, stored_name

__all__ = ["MOST_ROWS", "WRITES", "Write"]

Write: TypeAlias = Callable[[Context, Schema, Payload], Any]
Key: TypeAlias = int | str

MOST_ROWS = 100
_ROWS_KEYS = LOCATORS | {"data", "ttl", "ignore_unknown_fields"}
_AUTO_KEYS = 2**63 - 1


def upsert(context: Context, schema: Schema, payload: Payload) -> dict[str, Any]:
    """Store rows, each in the place of the one with the same key; returns the keys."""
    check_keys(payload, _ROWS_KEYS | {"async"}, "the request")
    _flag(payload, "async")
    now, ttl = context.clock(), _ttl(payload)
    keys: list[Key | None] = []
    drafts: list[Draft] = []
    for where, key, values in _read_rows(schema, payload):
        complete(schema, values, where)
        if key is None and any(field.is_primary_key for field in schema.fields):
            raise missing(f"{where}.{primary_key(schema).field_name}")
        keys.append(key)
        drafts.append(draft_of(schema, values))
    token_usage = vectorize(schema, drafts)
    given = _numbered(context, schema, keys)
    rows = dict(zip(given, drafts, strict=True))
    expires = now + ttl if ttl else None
    payloads = [payload_of(schema, key, draft.values, expires) for key, draft in rows.items()]
    _write(context, schema, now, [Upsert(points_of(schema, rows, payloads))], expiring=expires is not None)
    return {"token_usage": token_usage, "ids": given}


def update(context: Context, schema: Schema, payload: Payload) -> dict[str, Any]:
    """Replace some fields of rows that exist; vectors are made anew of texts that change."""
    check_keys(payload, _ROWS_KEYS, "the request")
    now, ttl = context.clock(), _ttl(payload)
    changes: list[tuple[Key, dict[str, Any]]] = []
    for where, key, values in _read_rows(schema, payload):
        if key is None:
            raise missing(f"{where}.{primary_key(schema).field_name}")
        changes.append((key, values))
    stored = living_rows(context, schema, (key for key, _ in changes), now=now)
    before = {key: record.payload or {} for key, record in stored.items()}
    rows: dict[Key, Draft] = {}
    for key, values in changes:
        if key not in before:
            raise failure("NotFound.VikingdbData", f"There is no row with the primary key {key!r}.")
        _merge(rows.setdefault(key, Draft(_kept(before[key]))), draft_of(schema, values))
    texts = {model.text_field for model in (schema.dense, schema.sparse) if model is not None}
    changed = [
        draft
        for key, draft in rows.items()
        if any(draft.values.get(text or "") != before[key].get(text or "") for text in texts)
    ]
    token_usage = vectorize(schema, changed)
    expires = {key: before[key].get(EXPIRES) if ttl is None else now + ttl if ttl else None for key in rows}
    operations: list[WriteOperation] = [
        OverwritePayload((point_id(key),), payload_of(schema, key, draft.values, expires[key]))
        for key, draft in rows.items()
    ]
    moved = {key: draft for key, draft in rows.items() if draft.dense is not None or draft.weights is not None}
    if moved:
        operations.append(UpdateVectors(points_of(schema, moved)))
    _write(context, schema, now, operations, expiring=bool(ttl))
    return {"token_usage": token_usage, "ids": [key for key, _ in changes]}


def delete(context: Context, schema: Schema, payload: Payload) -> None:
    """Remove rows by their keys, or all of them; keys that no row has are no error."""
    check_keys(payload, LOCATORS | {"ids", "del_all", "async"}, "the request")
    _flag(payload, "async")
    everything, ids = _flag(payload, "del_all"), payload.get("ids")
    if everything and ids is not None and len(listing(ids, "ids")):
        raise invalid("ids and del_all exclude each other")
    if everything:
        context.database.write(stored_name(schema), [Delete(Filter())])
        return
    keys = [read_key(schema, key, f"ids[{at}]") for at, key in enumerate(listing(ids, "ids", least=1, most=MOST_ROWS))]
    _write(context, schema, context.clock(), [Delete(tuple(point_id(key) for key in dict.fromkeys(keys)))])


def _read_rows(schema: Schema, payload: Payload) -> Sequence[tuple[str, Key | None, dict[str, Any]]]:
    """Return of each row where it stands, its key and its fields."""
    ignore = _flag(payload, "ignore_unknown_fields")
    rows = listing(payload.get("data"), "data", least=1, most=MOST_ROWS)
    if len(rows) > 1 and (schema.dense is not None or schema.sparse is not None):
        raise invalid(f"data takes one row at a time where Vectorize makes the vectors, got {len(rows)}")
    places = [f"data[{at}]" for at in range(len(rows))]
    return [(where, *read_fields(schema, row, where, ignore=ignore)) for where, row in zip(places, rows, strict=True)]


def _numbered(context: Context, schema: Schema, keys: Sequence[Key | None]) -> list[Key]:
    """Give rows that have no key a number that no row has."""
    given = [key for key in keys if key is not None]
    lacking = len(keys) - len(given)
    if not lacking:
        return given
    drawn = {secrets.randbelow(_AUTO_KEYS) + 1 for _ in range(lacking)}
    if len(drawn) < lacking or not drawn.isdisjoint(given) or living_rows(context, schema, drawn, now=-math.inf):
        return _numbered(context, schema, keys)
    new = iter(drawn)
    return [next(new) if key is None else key for key in keys]


def _kept(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an update leaves of a row where it says nothing."""
    kept = fields_of(payload)
    return {**kept, WEIGHTS: payload[WEIGHTS]} if WEIGHTS in payload else kept


def _merge(row: Draft, change: Draft) -> None:
    row.values.update(change.values)
    row.dense = row.dense if change.dense is None else change.dense
    row.weights = row.weights if change.weights is None else change.weights


def _write(
    context: Context,
    schema: Schema,
    now: float,
    operations: Sequence[WriteOperation],
    *,
    expiring: bool = False,
) -> None:
    """Carry out a request, and remove what has expired; ``expiring`` says that it stores rows that will."""
    if expiring and not schema.expiring:
        save_schema(context.database, msgspec.structs.replace(schema, expiring=True))
    late = [Delete(Filter(must=(expired(now),)))] if schema.expiring else []
    context.database.write(stored_name(schema), [*late, *operations])


def _ttl(payload: Payload) -> int | None:
    given = payload.get("ttl")
    return None if given is None else integer(given, "ttl", 0)


def _flag(payload: Payload, name: str) -> bool:
    given = payload.get(name)
    return False if given is None else flag(given, name)


WRITES: Mapping[str, Write] = {"upsert": upsert, "update": update, "delete": delete}
