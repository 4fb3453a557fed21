"""Operations that read vectors, as they are or as a version has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from quiverdb.cosdata.errors import NotFoundError
from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.layout import PAST, PAST_SPARSE, RAW, SPARSE, point_id
from quiverdb.cosdata.service.revisions import past_at, payload_of, present_at, stored_vectors, walk
from quiverdb.cosdata.service.staging import read_id
from quiverdb.cosdata.service.state import State
from quiverdb.model.filter import Filter, MatchValue
from quiverdb.model.point import SparseVector
from quiverdb.model.result import Record

__all__ = ["VECTORS"]


def _get(context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    record = _found(context, state, arguments, vectors=True)
    if record is None:
        raise NotFoundError(f"Vector Not Found! There is none with the id {arguments['id']!r}", status=400)
    return _shown(record)


def _exists(context: Context, state: State, arguments: Arguments) -> bool:
    return _found(context, state, arguments, vectors=False) is not None


def _found(context: Context, state: State, arguments: Arguments, *, vectors: bool) -> Record | None:
    """Return the point that holds a vector: present first, since a commit puts what it replaces among the past ones."""
    id = read_id(required(arguments, "id"))
    number = state.at(arguments.get("version"))
    names = stored_vectors(state) if vectors else False
    records = context.database.retrieve(state.name, [point_id(id)], with_vectors=names)
    if number is None:
        return records[0] if records else None
    if records and payload_of(records[0])["born"] <= number:
        return records[0]
    where = past_at(number, MatchValue(f"{PAST}.id", id))
    pages = walk(context.database, state.name, where, stored_vectors(state, past=True) if vectors else ())
    return next((record for page in pages for record in page), None)


def _find(context: Context, state: State, arguments: Arguments) -> list[dict[str, Any]]:
    document_id = read_id(required(arguments, "document_id"))
    number = state.at(arguments.get("version"))
    found: dict[str, Record] = {}
    present = MatchValue("document_id", document_id)
    filters = [(Filter(must=(present,)) if number is None else present_at(number, present), stored_vectors(state))]
    if number is not None:
        past = past_at(number, MatchValue(f"{PAST}.document_id", document_id))
        filters.append((past, stored_vectors(state, past=True)))
    for where, names in filters:
        for page in walk(context.database, state.name, where, names):
            for record in page:
                found.setdefault(payload_of(record)["id"], record)
    return [_shown(found[id]) for id in sorted(found)]


def _shown(record: Record) -> dict[str, Any]:
    payload, vectors = payload_of(record), record.vectors or {}
    dense, sparse = vectors.get(RAW), vectors.get(SPARSE, vectors.get(PAST_SPARSE))
    terms = sparse if isinstance(sparse, SparseVector) else None
    return {
        "id": payload["id"],
        "document_id": payload.get("document_id"),
        "dense_values": dense.tolist() if isinstance(dense, np.ndarray) else None,
        "metadata": payload.get("metadata"),
        "sparse_indices": terms and terms.indices.tolist(),
        "sparse_values": terms and terms.values.tolist(),
        "text": payload.get("text"),
    }


VECTORS = {"get_vector": _get, "find_vectors": _find, "vector_exists": _exists}
