"""What each operation needs, which collection a request is about, and what is shown to those who may not see all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from quiverdb.database import Database
from quiverdb.server.access import Access, Need
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.operations import Operation, Payload
from quiverdb.vikingdb.service.layout import DEFAULT_PROJECT, collection_name
from quiverdb.vikingdb.service.state import load_schema, stored_name

__all__ = ["GROWING", "IN_RECOVERY", "check", "visible"]

_ANY = Need("any")
_GLOBAL = Need("global", manage=True)
_NEEDS: Mapping[str, Need] = MappingProxyType({
    "embedding": _ANY,
    "rerank": _ANY,
    "list_collections": _ANY,
    "create_collection": _GLOBAL,
    "delete_collection": _GLOBAL,
})  # fmt: skip
_NEEDS_BY_ACCESS: Mapping[str, Need] = MappingProxyType({
    "read": Need("collection"),
    "write": Need("collection", write=True),
    "manage": Need("collection", write=True, extras=True),
})  # fmt: skip

IN_RECOVERY = frozenset(("ping", "delete_collection", "delete_index"))
"""What recovery mode leaves: collections cannot be deleted before their indexes."""
GROWING = frozenset(("create_collection", "update_collection", "create_index", "enable_index", "upsert", "update"))
"""What quotas stop."""

_LISTS: Mapping[str, str] = MappingProxyType({"list_collections": "Collections", "list_indexes": "Indexes"})
_PAGE = 100
"""The most that a page may hold."""

Call: TypeAlias = Callable[[Payload], Mapping[str, Any]]


def check(access: Access, row: Operation, payload: Payload, database: Database) -> None:
    """Raise ``RefusedError`` (403) unless a caller may do what a request asks for."""
    need = _NEEDS.get(row.name) or _NEEDS_BY_ACCESS[row.access]
    if access.everywhere is not None:
        access.check(need)
        return
    about = _collection_of(row, payload, database)
    if about is not None or row.name not in _LISTS:  # of which those that name none are cut down
        access.check(need, about)


def _collection_of(row: Operation, payload: Payload, database: Database) -> str | None:
    """Return what the collection is called in the database that a request is about."""
    names = ("ProjectName", "CollectionName", "ResourceId") if row.action else _LOCATORS
    project, name, resource = (value if isinstance(value := payload.get(key), str) else "" for key in names)
    if name:
        return collection_name(project or DEFAULT_PROJECT, name)
    try:
        return stored_name(load_schema(database, None, None, resource))
    except VikingException:
        return None


_LOCATORS = ("project_name", "collection_name", "resource_id")


def visible(access: Access, row: Operation, payload: Payload, call: Call) -> Mapping[str, Any]:
    """Return the answer to a request, of lists what the caller may know of, in pages of the size that is asked for."""
    envelope = call(payload)
    if access.everywhere is not None or row.name not in _LISTS:
        return envelope
    kind, told = _LISTS[row.name], envelope["result"]
    entries, page = [], 0
    while page * _PAGE < told["TotalCount"]:
        page += 1
        entries += call({**payload, "PageNumber": page, "PageSize": _PAGE})["result"][kind]
    seen = [one for one in entries if access.sees(collection_name(one["ProjectName"], one["CollectionName"]))]
    number, size = told["PageNumber"], told["PageSize"]
    shown = seen[(number - 1) * size : number * size]
    return {**envelope, "result": {**told, kind: shown, "TotalCount": len(seen)}}
