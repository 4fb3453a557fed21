"""The journal: changes of several collections that are decided and perhaps not carried out yet.

An entry is MessagePack in base64, cut into pieces that servers take, each a point of the collection ``JOURNAL``. One
that lacks pieces was never decided.
"""

from __future__ import annotations

import uuid
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np

from quiverdb.cosdata.service.changes import Batch, Change, Removal
from quiverdb.cosdata.service.layout import JOURNAL
from quiverdb.database import Database, ScrollRequest, pages
from quiverdb.model.collection import CollectionSpec
from quiverdb.model.filter import Filter, MatchValue
from quiverdb.model.point import DenseColumn, Points, SparseVector
from quiverdb.model.write import Delete, Upsert

__all__ = ["Part", "entries", "remove", "write"]

_PIECE = 4 << 20
_PAGE = 4


class Part(msgspec.Struct, frozen=True, eq=False):
    """Say what a collection has to change and the number of the commit that does it."""

    collection: str
    uid: str
    number: int
    changes: Sequence[Change]


def write(database: Database, parts: Sequence[Part]) -> str:
    """Keep an entry and return its name; after an error there is none, if the database lets it be dropped."""
    if not database.has_collection(JOURNAL):
        database.create_collection(JOURNAL, CollectionSpec())
    data = b64encode(msgspec.msgpack.encode([_plain_part(part) for part in parts])).decode()
    pieces = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
    name = uuid.uuid4().hex
    try:
        for number, piece in enumerate(pieces):
            payload = {"entry": name, "piece": number, "pieces": len(pieces), "data": piece}
            database.write(JOURNAL, [Upsert(Points([str(uuid.uuid4())], {}, [payload]))])
    except BaseException:
        with suppress(Exception):
            remove(database, name)
        raise
    return name


def remove(database: Database, entry: str) -> None:
    """Drop an entry."""
    database.write(JOURNAL, [Delete(Filter(must=(MatchValue("entry", entry),)))])


def entries(database: Database) -> Iterator[tuple[str, list[Part]]]:
    """Return the entries with their names; those that lack pieces have no parts."""
    if not database.has_collection(JOURNAL):
        return
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for record in (record for page in pages(database, JOURNAL, ScrollRequest(None, _PAGE)) for record in page):
        payload = record.payload or {}
        found.setdefault(payload["entry"], {})[payload["piece"]] = payload
    for entry, pieces in found.items():
        whole = len(pieces) == next(iter(pieces.values()))["pieces"]
        data = "".join(pieces[number]["data"] for number in sorted(pieces)) if whole else ""
        yield entry, [_part_of(plain) for plain in msgspec.msgpack.decode(b64decode(data))] if whole else []


def _plain_part(part: Part) -> dict[str, Any]:
    changes = [_plain(change) for change in part.changes]
    return {"collection": part.collection, "uid": part.uid, "number": part.number, "changes": changes}


def _part_of(plain: dict[str, Any]) -> Part:
    return Part(**{**plain, "changes": [_change_of(change) for change in plain["changes"]]})


def _plain(change: Change) -> dict[str, Any]:
    if isinstance(change, Removal):
        return {"ids": change.ids}
    plain: dict[str, Any] = {"ids": change.ids, "payloads": change.payloads}
    if change.dense is not None:
        rows, positions = change.dense.rows, change.dense.positions
        plain |= {"rows": rows.tobytes(), "positions": None if positions is None else positions.tolist()}
    if change.sparse is not None:
        plain["sparse"] = [value and [value.indices.tobytes(), value.values.tobytes()] for value in change.sparse]
    return plain


def _change_of(plain: dict[str, Any]) -> Change:
    if "payloads" not in plain:
        return Removal(plain["ids"])
    dense = sparse = None
    if "rows" in plain:
        positions = plain["positions"]
        count = len(plain["ids"] if positions is None else positions)
        rows = np.frombuffer(plain["rows"], np.float32).reshape(count, -1)
        dense = DenseColumn(rows, None if positions is None else np.array(positions, np.int64))
    if "sparse" in plain:
        sparse = [value and _sparse_of(*value) for value in plain["sparse"]]
    return Batch(plain["ids"], plain["payloads"], dense, sparse)


def _sparse_of(indices: bytes, values: bytes) -> SparseVector:
    return SparseVector(np.frombuffer(indices, np.uint32), np.frombuffer(values, np.float32))
