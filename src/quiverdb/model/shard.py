"""Shard keys: names of the parts of a collection that a request may be limited to."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = ["ShardFallback", "ShardKey", "ShardSelector"]

ShardKey: TypeAlias = int | str
"""A number and a string of the same digits are different keys."""


class ShardFallback(msgspec.Struct, frozen=True):
    """Mean the shard ``target`` if there is one, and the shard ``fallback`` if there is none."""

    target: ShardKey
    fallback: ShardKey


ShardSelector: TypeAlias = tuple[ShardKey, ...] | ShardFallback
"""Several shards, or one of two."""
