"""Operations that read vectors, as they are or as a version has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from quiverdb.cosdata.errors import NotFoundError
from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.layout import PAST, PAST_SPARSE, RAW, SPARSE, point_id
from quiverdb.cosdata.service.reading import in_one_state
from quiverdb.cosdata.service.revisions import past_at, payload_of, present_at, stored_vectors, walk
from quiverdb.cosdata.service.staging import read_id
from quiverdb.cosdata.service.state import State
from quiverdb.model.filter import Filter, MatchValue
from quiverdb.model.point import SparseVector
from quiverdb.model.result import Record
from quiverdb.packing import shortest

__all__ = ["VECTORS"]

T = TypeVar("T")


def _get(context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    record = _found(context, state, arguments, vectors=True)
    if record is None:
        raise NotFoundError(f"Vector Not Found! There is none with the id {arguments['id']!r}", status=400)
    return _shown(record)


def _exists(context: Context, state: State, arguments: Arguments) -> bool:
    return _found(context, state, arguments, vectors=False) is not None


def _found(context: Context, state: State, arguments: Arguments, *, vectors: bool) -> Record | None:
    """Return the point that holds a vector, if there is one."""
    id, database = read_id(required(arguments, "id")), context.database

    def present(state: State) -> Record | None:
        names = stored_vectors(state) if vectors else False
        return next(iter(database.retrieve(state.name, [point_id(id)], with_vectors=names)), None)

    def at(state: State, number: int) -> Record | None:
        record = present(state)
        if record is not None and payload_of(record)["born"] <= number:
            return record
        names = stored_vectors(state, past=True) if vectors else ()
        pages = walk(database, state.name, past_at(number, MatchValue(f"{PAST}.id", id)), names)
        return next((record for page in pages for record in page), None)

    return _read(context, state, arguments, present, at)


def _find(context: Context, state: State, arguments: Arguments) -> list[dict[str, Any]]:
    document_id, database = read_id(required(arguments, "document_id")), context.database
    is_now, was_then = MatchValue("document_id", document_id), MatchValue(f"{PAST}.document_id", document_id)

    def having(state: State, where: Filter, *, past: bool = False) -> list[Record]:
        pages = walk(database, state.name, where, stored_vectors(state, past=past))
        return [record for page in pages for record in page if "id" in payload_of(record)]  # else of another API

    def present(state: State) -> list[Record]:
        return having(state, Filter(must=(is_now,)))

    def at(state: State, number: int) -> list[Record]:
        still = having(state, present_at(number, is_now))
        return still + having(state, past_at(number, was_then), past=True)

    found = [_shown(record) for record in _read(context, state, arguments, present, at)]
    return sorted(found, key=lambda vector: vector["id"])


def _read(
    context: Context,
    state: State,
    arguments: Arguments,
    present: Callable[[State], T],
    at: Callable[[State, int], T],
) -> T:
    """Return what is read of the present state, or of the version that is asked for."""
    version = arguments.get("version")
    if version is None:
        return present(state)

    def read(state: State) -> T:
        number = state.at(version)
        return present(state) if number is None else at(state, number)

    return in_one_state(context, state, read)


def _shown(record: Record) -> dict[str, Any]:
    payload, vectors = payload_of(record), record.vectors or {}
    dense, sparse = vectors.get(RAW), vectors.get(SPARSE, vectors.get(PAST_SPARSE))
    terms = sparse if isinstance(sparse, SparseVector) else None
    return {
        "id": payload["id"],
        "document_id": payload.get("document_id"),
        "dense_values": shortest(dense) if isinstance(dense, np.ndarray) else None,
        "metadata": payload.get("metadata"),
        "sparse_indices": terms and terms.indices.tolist(),
        "sparse_values": terms and shortest(terms.values),
        "text": payload.get("text"),
    }


VECTORS = {"get_vector": _get, "find_vectors": _find, "vector_exists": _exists}
