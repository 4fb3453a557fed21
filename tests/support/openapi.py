"""Descriptions of APIs without their recursion, whose examples take too long to make up; and such examples, sent."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import httpx

REF = "$ref"
SENT = ("method", "url", "params", "headers", "json", "data")


def trimmed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a description whose recursive schemas hold none of their kind: filters without filters, and so on."""
    document = copy.deepcopy(document)
    schemas = document["components"]["schemas"]
    recursive = {name for name in schemas if name in reachable(name, schemas)}
    for name in recursive:
        schemas[name] = without(schemas[name], recursive)
    return document


def references(part: Any) -> Iterator[str]:
    """Yield the names of the schemas that a part of a description refers to."""
    if isinstance(part, dict):
        if REF in part:
            yield part[REF].rpartition("/")[2]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from references(item)


def reachable(name: str, schemas: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    rest = [name]
    while rest:
        new = set(references(schemas[rest.pop()])) - found
        found |= new
        rest.extend(new)
    return found


def without(part: Any, names: set[str]) -> Any:
    """Return a part of a description in which nothing is of a schema of these names."""
    if isinstance(part, list):
        return [without(item, names) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get(REF, "").rpartition("/")[2] in names:
        return False  # the schema of nothing
    kept = {name: without(value, names) for name, value in part.items()}
    if "anyOf" in kept:
        kept["anyOf"] = [member for member in kept["anyOf"] if member is not False] or [{"type": "null"}]
    return kept


def sent(http: httpx.Client, case: Any) -> httpx.Response:
    """Send a request that was made up; libraries say in different words what its parts are."""
    parts = case.as_transport_kwargs(base_url=str(http.base_url))
    parts = {name: value for name, value in parts.items() if value is not None and name in SENT}
    data = parts.pop("data", None)
    if isinstance(data, bytes | str):
        parts["content"] = data
    elif data is not None:
        parts["data"] = data
    return http.request(**parts)
