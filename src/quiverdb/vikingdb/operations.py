"""The operations of VikingDB: one row each says where it is found over HTTP.

The data plane takes the payload of an operation as the JSON body of a POST and answers with an envelope; what stands
there as ``result`` is the result here. The control plane speaks of collections and indexes in CamelCase: in the cloud
by ``/?Action=CreateVikingdbCollection&Version=2025-06-09``, elsewhere by ``/api/vikingdb/CreateCollection``.

The same row serves the client, the server, and ``quiverdb.vikingdb.service``, which carries operations out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

__all__ = ["CONTROL_VERSION", "OPERATIONS", "PING", "Backend", "Operation", "Payload"]

Payload: TypeAlias = Mapping[str, Any]
"""The body of a request as plain data, in which numpy arrays may stand for lists of numbers."""

CONTROL_VERSION = "2025-06-09"
PING = "/api/vikingdb/Ping"


class Backend(Protocol):
    """Carry out operations: the service of this process, or a server elsewhere. Safe for threads."""

    def call(self, operation: str, payload: Payload, options: Any = None) -> Mapping[str, Any]:
        """Return the envelope of the answer: ``api``, ``code``, ``message``, ``request_id`` and ``result``.

        Raises ``quiverdb.vikingdb.exceptions.VikingException`` for every answer that means failure. ``options`` is a
        ``RequestOptions``.
        """

    def close(self) -> None:
        """Release connections and files; a second call does nothing."""


class Operation(msgspec.Struct, frozen=True):
    """Say how an operation travels.

    >>> OPERATIONS["search_by_id"].path
    '/api/vikingdb/data/search/id'
    """

    name: str
    path: str
    action: str = ""
    """The action of the control plane in the cloud."""
    access: Literal["read", "write", "manage"] = "read"
    locator: Literal["collection", "index", "none"] = "index"
    """What the payload names: a collection, an index of one, or neither."""


_DATA = "/api/vikingdb/data"


def _data(name: str, route: str, **other: Any) -> Operation:
    return Operation(name, f"{_DATA}/{route}", **other)


def _control(name: str, verb: str, thing: str) -> Operation:
    access: Literal["read", "manage"] = "read" if verb in ("Get", "List") else "manage"
    return Operation(name, f"/api/vikingdb/{verb}{thing}", f"{verb}Vikingdb{thing}", access, "none")


_ROWS = (
    _data("upsert", "upsert", access="write", locator="collection"),
    _data("update", "update", access="write", locator="collection"),
    _data("delete", "delete", access="write", locator="collection"),
    _data("fetch_in_collection", "fetch_in_collection", locator="collection"),
    _data("fetch_in_index", "fetch_in_index"),
    _data("search_by_vector", "search/vector"),
    _data("search_by_multi_modal", "search/multi_modal"),
    _data("search_by_id", "search/id"),
    _data("search_by_scalar", "search/scalar"),
    _data("search_by_keywords", "search/keywords"),
    _data("search_by_random", "search/random"),
    _data("aggregate", "agg"),
    _data("sort", "sort"),
    Operation("embedding", "/api/vikingdb/embedding", locator="none"),
    Operation("rerank", "/api/vikingdb/rerank", locator="none"),
    _control("create_collection", "Create", "Collection"),
    _control("get_collection", "Get", "Collection"),
    _control("list_collections", "List", "Collection"),
    _control("update_collection", "Update", "Collection"),
    _control("delete_collection", "Delete", "Collection"),
    _control("create_index", "Create", "Index"),
    _control("get_index", "Get", "Index"),
    _control("list_indexes", "List", "Index"),
    _control("update_index", "Update", "Index"),
    _control("delete_index", "Delete", "Index"),
    _control("enable_index", "Enable", "Index"),
    _control("disable_index", "Disable", "Index"),
)

OPERATIONS: dict[str, Operation] = {row.name: row for row in _ROWS}
