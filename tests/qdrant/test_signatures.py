"""The client's methods have the names, parameters and defaults of the official one."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
import qdrant_client

from quiverdb.qdrant import QdrantClient

FACTS: dict[str, list[list[str]]] = json.loads((Path(__file__).parent / "facts_methods.json").read_text())
LEGACY: dict[str, list[list[str]]] = json.loads((Path(__file__).parent / "facts_legacy_methods.json").read_text())
"""Methods of release 1.15 that 1.20 no longer has."""
OURS = {
    "migrate": {"progress"},
    "query_points": {"query_points"},
    "upload_collection": {"progress"},
    "upload_points": {"progress"},
    "__init__": {"database"},
    "create_shard_key": {"initial_state", "timeout"},
    "delete_shard_key": {"timeout"},
}
OPEN = {"__init__", "add", "query", "query_batch", "set_model", "set_sparse_model"}
"""Methods that pass on what they do not know."""


def parameters(function, extra: set[str] = frozenset()) -> list[list[str]]:
    found = []
    given = list(inspect.signature(function).parameters.values())
    for parameter in given if inspect.ismethod(function) else given[1:]:
        if function.__name__ in OPEN and parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.name in extra:
            assert parameter.kind is parameter.KEYWORD_ONLY
            assert parameter.default is None
            continue
        assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        found.append([parameter.name] + ([] if parameter.default is parameter.empty else [repr(parameter.default)]))
    return found


@pytest.mark.parametrize("name", sorted(FACTS))
def test_method_is_called_like_the_official_one(name: str) -> None:
    assert parameters(getattr(QdrantClient, name), OURS.get(name, set())) == FACTS[name]


@pytest.mark.parametrize("name", sorted(LEGACY))
def test_legacy_method_is_called_like_the_last_official_one(name: str) -> None:
    assert parameters(getattr(QdrantClient, name)) == LEGACY[name]


def test_constructor_is_called_like_the_official_one() -> None:
    official = inspect.signature(qdrant_client.QdrantClient.__init__).parameters.values()
    expected = [
        [parameter.name, repr(parameter.default)]
        for parameter in list(official)[1:]
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    assert parameters(QdrantClient.__init__, OURS["__init__"]) == expected


def test_no_public_method_is_unknown_to_the_facts() -> None:
    methods = {name for name, value in inspect.getmembers(QdrantClient, callable) if not name.startswith("_")}
    assert methods == FACTS.keys() | LEGACY.keys()


def test_every_method_says_what_it_does() -> None:
    for name in FACTS.keys() | LEGACY.keys():
        assert inspect.getdoc(getattr(QdrantClient, name))
