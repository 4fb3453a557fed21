"""A server's collections to be attacked, requests that are right, and what must stay as it is when they are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import wire_calls

from quiverdb.errors import QuiverError
from quiverdb.server.calls import ALL
from quiverdb.wire.operations import Operation
from quiverdb.wire.rest import request
from quiverdb.wire.rpc import request_bytes

NAME, OTHER = wire_calls.NAME, "other"
JSON = {"content-type": "application/json"}
_GROUPS = ("SEARCHES", "READS", "WRITES", "COLLECTIONS", "CLUSTER", "SNAPSHOTS")
_SLOW = frozenset(("create_snapshot", "create_full_snapshot", "create_shard_snapshot"))
_DENSE = {"size": 3, "distance": "Dot"}
_SCHEMA = {
    "vectors": {
        "": {"size": 3, "distance": "Cosine"},
        "v": _DENSE,
        "w": {"size": 3, "distance": "Euclid"},
        "m": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
    },
    "sparse_vectors": {"s": {}, "sparse": {}},
}
_FIELDS = {"k": "keyword", "n": "integer", "d": "float", "t": "text", "when": "datetime", "place": "geo", "b": "bool"}
_VOLATILE = ("indexed_vectors_count", "status", "optimizer_status", "segments_count", "update_queue", "warnings")
"""What of a collection's description background work may change at any time."""


@dataclass(frozen=True)
class Asked:
    """A request that is right: over REST, and, if there is one, as a message."""

    operation: Operation
    path: str
    query: tuple[tuple[str, str], ...]
    body: bytes | None
    message: bytes | None

    def __repr__(self) -> str:
        return f"{self.operation.method} {self.path}?{urlencode(self.query)} {(self.body or b'').decode()[:500]}"


@cache
def asked() -> tuple[Asked, ...]:
    """Every call of the table, as requests."""
    return tuple(_asked())


def _asked() -> Iterator[Asked]:
    for call in (call for group in _GROUPS for call in getattr(wire_calls, group)):
        operation = ALL.get(call.method)
        if operation is None or operation.name in _SLOW:
            continue
        arguments = dict(call.arguments)
        if operation.name == "create_collection":
            arguments["collection_name"] = "new"
        try:
            sent = request(operation, arguments)
            message = request_bytes(operation, arguments) if operation.rpc else None
        except QuiverError:
            continue
        yield Asked(operation, sent.path, sent.query, sent.body, message)


def fill(http: httpx.Client) -> None:
    """Make the collections what they were in the beginning."""
    for name in collections(http):
        http.delete(f"/collections/{quote(name, safe='')}").raise_for_status()
    sparse = [{"indices": [1, i + 2], "values": [1, 2]} for i in range(12)]
    vectors = [
        {"": [i, 1, 2], "v": [1, i, 0], "w": [i, i, 1], "m": [[i, 1], [2, 3]], "s": sparse[i]} for i in range(12)
    ]
    payload = {"k": "red", "t": "red fox", "when": "2024-01-02T03:04:05Z", "place": {"lon": 1.0, "lat": 2.0}, "b": True}
    points: list[Any] = [
        {"id": i, "vector": vector, "payload": {**payload, "n": i, "d": i / 2, "nested": [{"a": i}]}}
        for i, vector in enumerate(vectors)
    ]
    points.append({**points[1], "id": wire_calls.U})
    for name in (NAME, OTHER):
        http.put(f"/collections/{name}", json=_SCHEMA).raise_for_status()
        for key, kind in _FIELDS.items():
            index = {"field_name": key, "field_schema": kind}
            http.put(f"/collections/{name}/index?wait=true", json=index).raise_for_status()
        http.put(f"/collections/{name}/points?wait=true", json={"points": points}).raise_for_status()


def collections(http: httpx.Client) -> list[str]:
    return sorted(found["name"] for found in http.get("/collections").json()["result"]["collections"])


def state(http: httpx.Client) -> str:
    """Everything that the server holds: settings, points with all they have, indexes, aliases."""
    found: dict[str, Any] = {"aliases": http.get("/aliases").json()["result"]}
    for name in collections(http):
        path = f"/collections/{quote(name, safe='')}"
        info = http.get(path).json()["result"]
        for key in _VOLATILE:
            info.pop(key, None)
        points = http.post(f"{path}/points/scroll", json={"limit": 100, "with_vector": True}).json()
        points.pop("time")
        found[name] = [info, points]
    return json.dumps(found, sort_keys=True)
