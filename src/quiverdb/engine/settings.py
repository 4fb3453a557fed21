"""The settings in effect: a vector's own over the collection's over the defaults, and what follows from them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from quiverdb.engine.index.codes import Recipe, recipe_for
from quiverdb.model.collection import CollectionSpec, HnswSpec, Memory, OptimizerSpec, Quantization, VectorSpec
from quiverdb.model.defaults import HNSW, OPTIMIZERS

__all__ = ["effective_hnsw", "effective_optimizers", "merged", "placement", "recipe_of", "resident"]


def merged(old: Any, new: Any) -> Any:
    """Lay the settings that ``new`` gives over ``old``, level by level."""
    if new is None or new == "disabled":
        return None if new else old
    if isinstance(new, dict):
        return {**(old or {}), **new}
    if not isinstance(new, msgspec.Struct) or old is None or _tag(old) != _tag(new):
        return new
    given = {name: value for name in new.__struct_fields__ if (value := getattr(new, name)) is not None}
    return msgspec.structs.replace(old, **{name: merged(getattr(old, name), value) for name, value in given.items()})


def _tag(value: Any) -> Any:
    """Tell one kind of quantization from another; other settings have no kinds."""
    return getattr(getattr(value, "__struct_config__", None), "tag", None)


def effective_hnsw(collection: CollectionSpec, vector: VectorSpec) -> HnswSpec:
    """Return the graph settings of a vector: its own over the collection's over the defaults."""
    return _effective_hnsw(collection.hnsw, vector.hnsw)


@lru_cache(maxsize=256)
def _effective_hnsw(collection: HnswSpec, vector: HnswSpec | None) -> HnswSpec:
    settings: HnswSpec = merged(merged(HNSW, collection), vector)
    return settings


def recipe_of(collection: CollectionSpec, vector: VectorSpec) -> Recipe:
    """Return how the graph of a vector is to be built."""
    return recipe_for(effective_hnsw(collection, vector), _quantization(collection, vector), vector.size)


def _quantization(collection: CollectionSpec, vector: VectorSpec) -> Quantization | None:
    return vector.quantization or collection.quantization


def placement(vector: VectorSpec) -> Memory:
    """Return where the originals of a vector belong; an unset ``memory`` gives way to the older ``on_disk``.

    - ``cold``: on the disk. Searches read the rows of their candidates and keep none of them; scans give back what
      they read.
    - ``cached``: mapped; the system keeps what searches touch as long as it has the room.
    - ``pinned``: mapped, and read ahead on open, so that the first searches do not wait for the disk.
    """
    return vector.memory or ("cold" if vector.on_disk else "cached")


def resident(collection: CollectionSpec, vector: VectorSpec) -> bool:
    """Tell whether a graph and its codes are held in memory of the process rather than mapped.

    That is so when the codes are ``pinned`` (``always_ram`` in older settings), or the graph is.
    """
    codes = _quantization(collection, vector)
    pinned = codes is not None and (codes.memory == "pinned" or (codes.memory is None and bool(codes.always_ram)))
    return pinned or effective_hnsw(collection, vector).memory == "pinned"


def effective_optimizers(collection: CollectionSpec) -> OptimizerSpec:
    """Return the optimizer settings: the collection's over the defaults."""
    return _effective_optimizers(collection.optimizers)


@lru_cache(maxsize=256)
def _effective_optimizers(collection: OptimizerSpec) -> OptimizerSpec:
    settings: OptimizerSpec = merged(OPTIMIZERS, collection)
    return settings
