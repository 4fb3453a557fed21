"""Shards: which numbers the shard keys of a request stand for, and how keys come and go.

A shard is a part of the one machine's collection: rows carry its number, and a bitmap per number tells the points.
A number is never given out twice, so that a new key never finds what a dropped one left behind. A point id is in
one shard at a time; storing the point under another key moves it.
"""

from __future__ import annotations

import msgspec

from quiverdb.engine.storage.rows import Schema
from quiverdb.engine.validate import BACKEND
from quiverdb.errors import InvalidInputError, NotFoundError, UnsupportedError
from quiverdb.model.shard import ShardFallback, ShardKey, ShardSelector

__all__ = ["home_shard", "readable_shards", "with_shard", "without_shard", "writable_shards"]

_LIMIT = 1 << 64
_MOST = (1 << 32) - 1


def readable_shards(schema: Schema, selector: ShardSelector | None) -> tuple[int, ...] | None:
    """Return the shards that a request reads, ascending; None for all points.

    Raises ``InvalidInputError`` for a key that does not exist, ``NotFoundError`` when a fallback does not either.
    """
    if selector is None:
        return None
    keys = (_existing(schema, selector),) if isinstance(selector, ShardFallback) else selector
    return tuple(sorted({_number(schema, key) for key in keys}))


def writable_shards(schema: Schema, selector: ShardSelector | None) -> frozenset[int] | None:
    """Return the shards that a write may touch; None for all points, where there are no shards to choose from."""
    if selector is None:
        if schema.spec.sharding_method == "custom":
            raise InvalidInputError("Shard key not specified", field="shard_key")
        return None
    found = readable_shards(schema, selector)
    if not found:
        raise InvalidInputError("Empty shard keys selection", field="shard_key")
    return frozenset(found)


def home_shard(shards: frozenset[int] | None) -> int:
    """Return the shard in which a write puts new points."""
    if shards is None:
        return 0
    if len(shards) > 1:
        raise UnsupportedError(
            "A copy of a point in each of several shards", BACKEND, "Name one shard key: a point is in one shard."
        )
    return next(iter(shards))


def _existing(schema: Schema, either: ShardFallback) -> ShardKey:
    for key in (either.target, either.fallback):
        if key in schema.shards:
            return key
    raise NotFoundError(
        f"Neither target shard key {_shown(either.target)} nor fallback shard key {_shown(either.fallback)} exist",
        kind="shard_key",
        name=str(either.target),
    )


def _number(schema: Schema, key: ShardKey) -> int:
    found = schema.shards.get(key)
    if found is None:
        raise InvalidInputError(f"Shard key {_shown(key)} not found", field="shard_key")
    return found


def with_shard(schema: Schema, key: ShardKey) -> Schema:
    """Return the settings after a shard key was added."""
    _require_custom(schema, key, "created")
    if isinstance(key, bool) or not isinstance(key, int | str) or (isinstance(key, int) and not 0 <= key < _LIMIT):
        raise InvalidInputError(
            f"a shard key is a string or an integer from 0 to 2^64-1, not {key!r}", field="shard_key"
        )
    if key in schema.shards:
        raise InvalidInputError(f"Shard key {_shown(key)} already exists", field="shard_key")
    if schema.next_shard > _MOST:
        raise InvalidInputError(f"a collection can have had {_MOST} shard keys at most", field="shard_key")
    return msgspec.structs.replace(
        schema, shards=schema.shards | {key: schema.next_shard}, next_shard=schema.next_shard + 1
    )


def without_shard(schema: Schema, key: ShardKey) -> Schema:
    """Return the settings after a shard key was dropped."""
    _require_custom(schema, key, "removed")
    _number(schema, key)
    return msgspec.structs.replace(
        schema, shards={name: number for name, number in schema.shards.items() if name != key}
    )


def _require_custom(schema: Schema, key: ShardKey, what: str) -> None:
    if schema.spec.sharding_method != "custom":
        raise InvalidInputError(
            f"Shard Key {_shown(key)} cannot be {what} with Auto sharding method: "
            "create the collection with sharding_method custom",
            field="shard_key",
        )


def _shown(key: ShardKey) -> str:
    return f'"{key}"' if isinstance(key, str) else str(key)
