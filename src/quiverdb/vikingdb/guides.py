"""The collections that VikingDB's guides and its quick start take for granted.

>>> from quiverdb.vikingdb.vector import VikingDB
>>> with VikingDB(":memory:") as client:
...     first, again = seed(client), seed(client)
>>> first[:2]
["created the collection 'text'", "created the index 'text_index'"]
>>> again[:2]
["the collection 'text' is there", "the index 'text_index' is there"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.vector.client import VikingDB
from quiverdb.vikingdb.vector.filters import must
from quiverdb.vikingdb.vector.models import DataApiResponse

__all__ = ["DEMO", "PARAGRAPH", "TEXT", "VECTOR", "Prepared", "seed"]

PARAGRAPH = -1
"""The paragraph of the rows that are put into ``text``: no guide gives this number to a row of its own."""

_MODEL, _DIM = "bge-m3", 1024
_CHAPTER: Mapping[str, str] = {"title": "string", "paragraph": "int64", "score": "float32", "text": "text"}
_FILTERED = ("paragraph", "score")
_NEAREST = {"IndexType": "hnsw", "Distance": "ip", "Quant": "float"}
_ROWS = (
    {"title": "Seed row 1", "paragraph": PARAGRAPH, "score": 1.0, "text": "The first of two rows of one paragraph."},
    {"title": "Seed row 2", "paragraph": PARAGRAPH, "score": 2.0, "text": "The second of two rows of one paragraph."},
)


class Prepared(msgspec.Struct, frozen=True):
    """Describe a collection and its index: types of fields by name, and whether texts become vectors.

    >>> TEXT.collection, TEXT.index, TEXT.vectorized
    ('text', 'text_index', True)
    """

    collection: str
    index: str
    fields: Mapping[str, str]
    vectorized: bool


TEXT = Prepared("text", "text_index", _CHAPTER, vectorized=True)
VECTOR = Prepared("vector", "vector_index", {**_CHAPTER, "vector": "vector"}, vectorized=False)
DEMO = Prepared("demo_collection", "demo_index", _CHAPTER, vectorized=True)


def seed(client: VikingDB, *, project_name: str | None = None) -> list[str]:
    """Create what the guides assume and is not there, and return what was done and found, a line each.

    Besides the collections those are two rows of one paragraph, for a guide that counts rows by paragraph. Raises
    ``InvalidInputError`` for what is there and does not fit, and ``VikingException``.
    """
    steps = []
    for prepared in (TEXT, VECTOR, DEMO):
        steps += [_collection(client, prepared, project_name), _index(client, prepared, project_name)]
    return [*steps, _rows(client, project_name)]


def _collection(client: VikingDB, prepared: Prepared, project: str | None) -> str:
    name = prepared.collection
    found = _found(client.get_collection, collection_name=name, project_name=project)
    if found is None:
        fields = [
            {"FieldName": field, "FieldType": kind, **({"Dim": _DIM} if kind == "vector" else {})}
            for field, kind in prepared.fields.items()
        ]
        dense = {"Dense": {"ModelName": _MODEL, "TextField": "text", "Dim": _DIM}} if prepared.vectorized else None
        client.create_collection(collection_name=name, project_name=project, fields=fields, vectorize=dense)
        return f"created the collection {name!r}"
    there = {field["FieldName"]: field for field in found.get("Fields") or ()}
    for field, kind in prepared.fields.items():
        is_kind = there.get(field, {}).get("FieldType")
        if is_kind != kind:
            raise _unfit("collection", name, f"its field {field!r} is {is_kind or 'missing'}, not {kind}")
        if kind == "vector" and there[field].get("Dim") != _DIM:
            raise _unfit(
                "collection", name, f"its field {field!r} has {there[field].get('Dim')} dimensions, not {_DIM}"
            )
    if any(field.get("IsPrimaryKey") for field in there.values()):
        raise _unfit("collection", name, "it has a primary key, where the guides let keys be given out")
    if prepared.vectorized and not (found.get("Vectorize") or {}).get("Dense"):
        raise _unfit("collection", name, "it has no model that makes vectors of its texts")
    return f"the collection {name!r} is there"


def _index(client: VikingDB, prepared: Prepared, project: str | None) -> str:
    name = prepared.index
    where: dict[str, Any] = {"collection_name": prepared.collection, "project_name": project, "index_name": name}
    found = _found(client.get_index, **where)
    if found is None:
        client.create_index(**where, vector_index=_NEAREST)
        return f"created the index {name!r}"
    there = {field["FieldName"] for field in found.get("ScalarIndex") or ()}
    for field in _FILTERED:
        if field not in there:
            raise _unfit("index", name, f"searches cannot be filtered by {field!r}: add it to its ScalarIndex")
    return f"the index {name!r} is there"


def _rows(client: VikingDB, project: str | None) -> str:
    index = client.index(collection_name=TEXT.collection, index_name=TEXT.index, project_name=project)
    counted = index.aggregate(op="count", field="paragraph", filter=must("paragraph", PARAGRAPH)).result
    count = 0 if counted is None else int(counted.agg.get(str(PARAGRAPH), 0))
    rows = _ROWS[count:]
    client.collection(collection_name=TEXT.collection, project_name=project).upsert_many(rows, batch_size=1)
    what = f"rows of the paragraph {PARAGRAPH}"
    return f"put {what} into {TEXT.collection!r}: {len(rows)}" if rows else f"{what} in {TEXT.collection!r} are there"


def _found(get: Callable[..., DataApiResponse], **named: str | None) -> Mapping[str, Any] | None:
    """Return what is told of a collection or an index, or None if there is none."""
    try:
        return get(**named).result or {}
    except VikingException as error:
        if error.code.partition(".")[0] != "NotFound":
            raise
        return None


def _unfit(what: str, name: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"the {what} {name!r} is not what the guides need: {why}")
