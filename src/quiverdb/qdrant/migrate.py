"""Copies of collections from one client to another: settings, payload indexes and points with all their vectors.

Either client may be one of this package or of the official one; objects are handed to each as it knows them.
Aliases stay behind, as they do with the official client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any, TypeAlias

from pydantic import BaseModel

from quiverdb.errors import AlreadyExistsError, InvalidInputError, NotFoundError, QuiverError, UnsupportedError
from quiverdb.qdrant.request.parse import number, plain, strings

__all__ = ["Progress", "copy_collections"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""What is told of progress: the collection, how many of its points are copied, and of how many."""

_OURS = "quiverdb"
_KEPT = (
    "shard_number", "replication_factor", "write_consistency_factor", "on_disk_payload", "payload",
    "id_tracker",
)  # fmt: skip
"""Settings that a collection reports under the names by which it is created."""
_MOST_STORED = "upsert_max_batchsize"
_DIFFS = {
    "hnsw_config": ("hnsw_config", "HnswConfigDiff"),
    "optimizer_config": ("optimizers_config", "OptimizersConfigDiff"),
    "wal_config": ("wal_config", "WalConfigDiff"),
    "strict_mode_config": ("strict_mode_config", "StrictModeConfig"),
}
"""Settings that are created from another model than the one that reports them."""


def copy_collections(
    source: Any,
    target: Any,
    names: Sequence[str] | None = None,
    *,
    batch_size: int = 100,
    recreate: bool = False,
    progress: Progress | None = None,
) -> None:
    """Copy collections, by default all; those that the target has already are replaced if ``recreate`` says so.

    Before anything is changed, raise ``NotFoundError`` if the source lacks a collection, and
    ``AlreadyExistsError`` if the target has one that is not to be replaced. Raise ``QuiverError`` if a copy comes
    out with another number of points, as happens when the source is written to meanwhile.

    >>> from quiverdb.qdrant import QdrantClient, models
    >>> with QdrantClient(":memory:") as source, QdrantClient(":memory:") as target:
    ...     _ = source.create_collection("docs", models.VectorParams(size=2, distance="Dot"))
    ...     _ = source.upsert("docs", [models.PointStruct(id=1, vector=[1.0, 2.0])])
    ...     copy_collections(source, target)
    ...     target.count("docs").count
    1
    """
    size = number(batch_size, "batch_size", 1, 100)
    target = getattr(target, "_sync", target)  # an asynchronous client of ours stands for the client behind it
    lists = getattr(target, "get_collections", None)
    if lists is None:
        raise InvalidInputError(f"dest_client is a client, got {type(target).__name__}", field="dest_client")
    if iscoroutinefunction(lists):
        raise UnsupportedError(
            "An asynchronous client of the official package", "a migration", "Pass a synchronous one."
        )
    if getattr(source, "_database", source) is getattr(target, "_database", target):
        raise InvalidInputError("the source and the destination are the same database", field="dest_client")
    chosen = _chosen(source, names)
    taken = sorted({found.name for found in target.get_collections().collections} & set(chosen))
    if taken and not recreate:
        raise AlreadyExistsError(
            f"Collections already exist in dest_client: {taken}; pass recreate_on_collision=True to replace them",
            kind="collection",
            name=taken[0],
        )
    for name in chosen:
        _copy(source, target, name, size, progress)


def _chosen(source: Any, names: Sequence[str] | None) -> list[str]:
    present = [found.name for found in source.get_collections().collections]
    if names is None:
        return present
    chosen = list(dict.fromkeys(strings(names, "collection_names")))
    for name in chosen:
        if name not in present:
            raise NotFoundError(f"Source client does not have the collection {name!r}", kind="collection", name=name)
    return chosen


def _copy(source: Any, target: Any, name: str, size: int, progress: Progress | None) -> None:
    info = source.get_collection(name)
    if plain(getattr(info.config.params, "sharding_method", None)) == "custom":
        raise InvalidInputError(f"the collection {name!r} has custom shards, which cannot be copied", field="name")
    if target.collection_exists(name):
        target.delete_collection(name)
    convert = _converter(target)
    target.create_collection(name, **{key: convert(value) for key, value in _settings(info.config, target).items()})
    for key, index in (info.payload_schema or {}).items():
        target.create_payload_index(name, key, convert(index.data_type if index.params is None else index.params))
    limits = info.config.strict_mode_config
    page, batch = (min(size, getattr(limits, limit, None) or size) for limit in ("max_query_limit", _MOST_STORED))
    total, done = source.count(name).count, 0
    for records in _pages(source, name, page):
        target.upload_points(name, [_point(target, record) for record in records], batch_size=batch, wait=True)
        done += len(records)
        if progress is not None:
            progress(name, done, total)
    expected, found = source.count(name).count, target.count(name).count
    if expected != found:
        raise QuiverError(f"the copy of {name!r} has {found} points instead of {expected}: copy it again")


def _settings(config: Any, target: Any) -> dict[str, Any]:
    """Return the arguments that create a collection like another one."""
    params = config.params
    settings = {
        "vectors_config": params.vectors,
        "sparse_vectors_config": params.sparse_vectors,
        "quantization_config": config.quantization_config,
        "metadata": getattr(config, "metadata", None),
    }
    settings |= {name: getattr(params, name, None) for name in _KEPT}
    models = _models(target)
    for reported, (created, model) in _DIFFS.items():
        value = getattr(config, reported, None)
        kind = getattr(models, model)
        if value is not None:
            given = {key: item for key, item in value.model_dump(mode="json").items() if key in kind.model_fields}
            settings[created] = kind(**given)
    return {name: value for name, value in settings.items() if value is not None}


def _point(target: Any, record: Any) -> Any:
    """Return a record as a point to store."""
    convert = _converter(target)
    return _models(target).PointStruct(id=record.id, vector=convert(record.vector or {}), payload=record.payload)


def _pages(source: Any, name: str, size: int) -> Iterator[list[Any]]:
    """Yield all points, page by page."""
    offset = None
    while True:
        records, offset = source.scroll(name, limit=size, offset=offset, with_payload=True, with_vectors=True)
        if records:
            yield records
        if offset is None:
            return


def _models(client: Any) -> Any:
    """Return the module with the models that a client, of a subclass maybe, understands."""
    kinds = type(client).__mro__
    kind = next((kind for kind in kinds if kind.__name__ in ("QdrantClient", "AsyncQdrantClient")), kinds[0])
    package = kind.__module__.split(".")[0]
    return import_module("quiverdb.qdrant.models" if package == _OURS else f"{package}.http.models")


def _converter(client: Any) -> Callable[[Any], Any]:
    """Return the function that turns models into those of a client; ours takes them all."""
    models = _models(client)

    def convert(value: Any) -> Any:
        if isinstance(value, BaseModel):
            kind = getattr(models, type(value).__name__)
            return value if isinstance(value, kind) else kind.model_validate(value.model_dump(mode="json"))
        if isinstance(value, Mapping):
            return {key: convert(item) for key, item in value.items()}
        return value

    return convert
