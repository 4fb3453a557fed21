"""Operations on collections."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from reprlib import repr as short
from typing import Any, TypeVar

import msgspec

from quiverdb import errors
from quiverdb.cosdata.errors import ConflictError, ValidationError
from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.commits import changing, current, vectors_count
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.filters import check_schema, field_indexes
from quiverdb.cosdata.service.layout import JOURNAL, MARK, PAST, PAST_SPARSE, RAW, SPARSE, Settings
from quiverdb.cosdata.service.reading import in_one_state
from quiverdb.cosdata.service.state import SpoiltError, State
from quiverdb.cosdata.service.transactions import rfc3339
from quiverdb.cosdata.service.values import plain
from quiverdb.model.collection import (
    CollectionSpec,
    Distance,
    FieldIndex,
    FieldType,
    HnswSpec,
    SparseVectorSpec,
    VectorSpec,
)
from quiverdb.model.write import CreateFieldIndex

__all__ = ["COLLECTIONS", "create_collection", "list_collections", "loaded_collections"]

T = TypeVar("T")

_LARGEST = 65535
_TAKEN = (JOURNAL, "loaded")
"""Names that collections cannot have: requests for the last would be for the list of those that are loaded."""
_FIELDS = {"document_id": FieldIndex(FieldType.KEYWORD)}
_SERVER_FIELDS = {
    f"{PAST}.document_id": FieldIndex(FieldType.KEYWORD),
    f"{PAST}.id": FieldIndex(FieldType.KEYWORD),
    "born": FieldIndex(FieldType.INTEGER),
    f"{PAST}.born": FieldIndex(FieldType.INTEGER),
    "died": FieldIndex(FieldType.INTEGER),
}
"""What versions are read by; the engine makes such indexes when a filter asks, a server only when told to."""
_CONFIG = ("max_vectors", "replication_factor")


def create_collection(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Create a collection; raises ``ConflictError`` if the name is taken."""
    name = required(arguments, "name")
    if not isinstance(name, str) or name in _TAKEN:
        raise ValidationError(f"the name of a collection is a string other than {_TAKEN}, got {short(name)}")
    settings = _settings(arguments)
    raw = VectorSpec(settings.dimension, Distance.DOT, hnsw=HnswSpec(m=0))
    spec = CollectionSpec(
        {RAW: raw} if settings.dense_enabled else {},
        {SPARSE: SparseVectorSpec(), PAST_SPARSE: SparseVectorSpec()},
        metadata={MARK: msgspec.to_builtins(settings)},
    )
    try:
        context.database.create_collection(name, spec)
    except errors.AlreadyExistsError as error:
        raise ConflictError(f"Collection with name '{name}' already exists") from error
    context.unloaded.discard(name)
    fields = _FIELDS | ({} if context.atomic else _SERVER_FIELDS) | field_indexes(settings.metadata_schema)
    for key, index in fields.items():
        context.database.write(name, [CreateFieldIndex(key, index)])
    return {"id": name, "name": name, "description": settings.description}


def _settings(arguments: Arguments) -> Settings:
    description = arguments.get("description")
    if description is not None and not isinstance(description, str):
        raise ValidationError(f"the description of a collection is a string, got {short(description)}")
    store_raw_text = arguments.get("store_raw_text") or False
    if not isinstance(store_raw_text, bool):
        raise ValidationError(f"`store_raw_text` is true or false, got {short(store_raw_text)}")
    schema = arguments.get("metadata_schema")
    if schema is not None:
        check_schema(schema)
    required(arguments, "dense_vector")
    enabled = _enabled(arguments, "dense_vector")
    return Settings(
        dimension=_dimension(arguments["dense_vector"], enabled=enabled),
        uid=uuid.uuid4().hex,
        dense_enabled=enabled,
        sparse_enabled=_enabled(arguments, "sparse_vector"),
        text_enabled=_enabled(arguments, "tf_idf_options"),
        description=description,
        config=_config(arguments.get("config")),
        metadata_schema=plain(schema, "metadata_schema"),
        store_raw_text=store_raw_text,
    )


def _enabled(arguments: Arguments, name: str) -> bool:
    options = arguments.get(name)
    if options is None:
        return False
    if not isinstance(options, Mapping) or not isinstance(options.get("enabled"), bool):
        raise ValidationError(f'`{name}` is an object with "enabled": true or false, got {short(options)}')
    return bool(options["enabled"])


def _dimension(options: Mapping[str, Any], *, enabled: bool) -> int:
    dimension = required(options, "dimension")
    if type(dimension) is not int or not enabled <= dimension <= _LARGEST:
        raise ValidationError(f"the dimension of dense vectors is from 1 to {_LARGEST}, got {short(dimension)}")
    return dimension


def _config(config: Any) -> dict[str, int]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise ValidationError(f"`config` is an object, got {short(config)}")
    given = {name: config[name] for name in _CONFIG if config.get(name) is not None}
    for name, value in given.items():
        if type(value) is not int or not 0 <= value < 1 << 32:
            raise ValidationError(f"`{name}` is an integer from 0 to 2^32-1, got {short(value)}")
    return given


def _of_each(context: Context, tell: Callable[[State], T]) -> list[T]:
    """Return what there is to tell of the collections of Cosdata, in the order of their names."""
    found = []
    for name in context.database.collection_names():
        try:
            found.append(tell(current(context, name)))
        except (errors.NotFoundError, SpoiltError):
            continue  # of another API, or spoilt by one, or deleted since
    return found


def list_collections(context: Context, _: Arguments) -> dict[str, Any]:
    """Describe all collections, in the order of their names."""
    left_out = ("config", "metadata_schema", "store_raw_text")
    described = _of_each(context, partial(_described, context))
    return {"collections": [{key: item[key] for key in item if key not in left_out} for item in described]}


def loaded_collections(context: Context, _: Arguments) -> list[str]:
    """Return the names of the collections that were not unloaded."""
    names = _of_each(context, lambda state: state.name)
    return [name for name in names if name not in context.unloaded]


def _described(context: Context, state: State) -> dict[str, Any]:
    return in_one_state(context, state, lambda state: _counted(context, state))


def _counted(context: Context, state: State) -> dict[str, Any]:
    settings = state.settings
    return {
        "name": state.name,
        "description": settings.description,
        "dense_vector": {"enabled": settings.dense_enabled, "dimension": settings.dimension},
        "sparse_vector": {"enabled": settings.sparse_enabled},
        "tf_idf_options": {"enabled": settings.text_enabled},
        "config": {name: settings.config.get(name) for name in _CONFIG},
        "metadata_schema": settings.metadata_schema,
        "store_raw_text": settings.store_raw_text,
        "vectors_count": vectors_count(context, state),
        "dimension": settings.dimension,
    }


def _get(context: Context, state: State, _: Arguments) -> dict[str, Any]:
    return _described(context, state)


def _delete(context: Context, state: State, _: Arguments) -> None:
    with changing(context, [state]):
        context.database.delete_collection(state.name)
    transaction = context.transactions.open_of(state.settings.uid)
    if transaction is not None:
        with transaction.lock:
            context.transactions.end(transaction, "aborted")
    context.unloaded.discard(state.name)


def _load(context: Context, state: State, _: Arguments) -> dict[str, Any]:
    context.unloaded.discard(state.name)
    return _described(context, state)


def _unload(context: Context, state: State, _: Arguments) -> str:
    context.unloaded.add(state.name)
    return f"Collection '{state.name}' successfully unloaded"


def _indexing_status(_: Context, state: State, __: Arguments) -> dict[str, Any]:
    head = state.head
    return {
        "collection_name": state.name,
        "total_transactions": head.transactions,
        "completed_transactions": head.transactions,
        "in_progress_transactions": 0,
        "not_started_transactions": 0,
        "total_records_indexed_completed": head.records,
        "average_rate_per_second_completed": None,
        "last_synced": rfc3339(head.changed_at or state.created_at),
    }


COLLECTIONS = {
    "get_collection": _get,
    "delete_collection": _delete,
    "load_collection": _load,
    "unload_collection": _unload,
    "indexing_status": _indexing_status,
}
