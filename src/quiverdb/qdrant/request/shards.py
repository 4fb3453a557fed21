"""Shard keys: which part of a collection a request is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quiverdb.errors import InvalidInputError
from quiverdb.model.shard import ShardFallback, ShardKey, ShardSelector
from quiverdb.qdrant.request.parse import shaped

__all__ = ["shard_key", "shard_selector"]

_LIMIT = 1 << 64


def shard_key(value: Any) -> ShardKey:
    """Return a shard key.

    >>> shard_key("fr"), shard_key(7)
    ('fr', 7)
    """
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LIMIT):
        return value
    raise InvalidInputError(
        f"a shard key is a string or an integer from 0 to 2^64-1, not {value!r}", field="shard_key_selector"
    )


def shard_selector(value: Any) -> ShardSelector | None:
    """Return the shards that are meant by a key, a list of keys, or a key with a fallback; ``None`` for all."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return tuple([shard_key(key) for key in value])
    if isinstance(value, Mapping) or type(value).__name__ == "ShardKeyWithFallback":
        either = shaped("ShardKeyWithFallback", value)
        return ShardFallback(shard_key(either.target), shard_key(either.fallback))
    return (shard_key(value),)
