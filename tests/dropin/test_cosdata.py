"""Programs that import ``cosdata`` get QuiverDB; whatever the official releases offer is there."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cosdata_wheels
import pytest

from quiverdb import dropin
from quiverdb.cosdata import Client
from quiverdb.cosdata.official import MODULES

SURFACE = """
import importlib, inspect, json, pkgutil, cosdata

def told(function):
    return [
        [each.name, None if each.default is each.empty else repr(each.default)]
        for each in inspect.signature(function).parameters.values()
    ][1:]

surface = {}
for module in [cosdata.__name__, *(found.name for found in pkgutil.walk_packages(cosdata.__path__, "cosdata."))]:
    names = vars(importlib.import_module(module))
    homes = {module} if module.count(".") > 1 else {kind.__module__ for kind in names.values() if inspect.isclass(kind)}
    kinds = {name: kind for name, kind in names.items() if inspect.isclass(kind) and kind.__module__ in homes}
    surface[module] = {
        name: {
            method: told(function)
            for method, function in inspect.getmembers(kind, inspect.isfunction)
            if not method.startswith("_")
        }
        for name, kind in kinds.items()
    }
print(json.dumps(surface))
"""
MODULE_STYLE = {"Search": "search", "Vectors": "vectors", "Versions": "versions"}
"""Classes of release 0.1.5 that take the name of a collection with each call, as these attributes of a client do."""
LEFT_OUT = {("Auth", "set_client_info")}
"""What only the official client itself calls."""
OTHER_NAMES = {
    ("Collections", "get", "name"),
    ("Collections", "delete", "name"),
    ("Collections", "load", "name"),
    ("Collections", "unload", "name"),
    ("Versions", "get", "version_hash"),
}
"""Parameters that have another name first, and are understood by this one."""


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with dropin.installed("cosdata", replace=True):
        yield


@pytest.mark.parametrize(
    "statement",
    [
        "import cosdata; cosdata.Client, cosdata.api.Collection",
        "from cosdata import Client",
        "from cosdata import Client, Collection, Index, Transaction",
        "from cosdata import *; Client",
        "from cosdata.client import Client",
        "from cosdata.api import Client, Collection, Index, Transaction, Search, Vectors, Versions",
        "from cosdata.api import Client, Auth, Collections, Transactions, Search, Indexes, Vectors, Versions",
        "from cosdata.api.client import Client",
        "from cosdata.api.auth import Auth",
        "from cosdata.api.collections import Collection, Collections",
        "from cosdata.api.indexes import DenseIndex, Index, Indexes, SparseIndex, TfIdfIndex",
        "from cosdata.api.search import Search",
        "from cosdata.api.transactions import Transaction, Transactions",
        "from cosdata.api.vectors import Vector, Vectors",
        "from cosdata.api.versions import Version, Versions",
        "from cosdata.embedding import embed_texts",
    ],
)
def test_names_that_programs_import(statement: str) -> None:
    exec(statement, {})


def test_names_are_those_of_quiverdb() -> None:
    import cosdata.api.client
    import cosdata.client

    import cosdata

    assert cosdata.Client is cosdata.client.Client is cosdata.api.client.Client is cosdata.api.Client is Client


def test_what_is_inside_is_reached_by_attributes() -> None:
    package = importlib.import_module("cosdata")
    for name in MODULES:
        place = package
        for step in filter(None, name.split(".")):
            place = getattr(place, step)
        assert place is importlib.import_module(f"cosdata.{name}".rstrip("."))


@pytest.mark.parametrize(("name", "version"), cosdata_wheels.WHEELS)
def test_everything_of_the_official_releases_is_there(name: str, version: str) -> None:
    surface: dict[str, Any] = json.loads(cosdata_wheels.run(name, version, SURFACE))
    calls = [
        (module, kind, method, parameters)
        for module, kinds in surface.items()
        for kind, methods in kinds.items()
        for method, parameters in methods.items()
        if (kind, method) not in LEFT_OUT
    ]
    assert len(calls) > 40
    with Client(":memory:") as client:
        for module, kind, method, parameters in calls:
            found: Any = getattr(importlib.import_module(module), kind)
            if version == "0.1.5" and kind in MODULE_STYLE:
                found = type(getattr(client, MODULE_STYLE[kind]))
            function = getattr(found, method)
            if isinstance(function, property):  # ``collections``, which is called
                function = type(getattr(client, method)).__call__
            check(kind, method, parameters, function)


def check(kind: str, method: str, parameters: list[tuple[str, str | None]], function: Any) -> None:
    """Check that a method of ours takes what the official one takes, in the same order and with the same defaults."""
    mine = list(inspect.signature(function).parameters.values())[not inspect.ismethod(function) :]
    for (name, default), ours in zip(parameters, mine, strict=False):
        told = (kind, method, name)
        assert ours.name == name or told in OTHER_NAMES, told
        assert default is None or repr(ours.default) == default, told
    assert len(parameters) <= len(mine), (kind, method)


def test_a_program_runs_unchanged(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from cosdata import Client\n"
        "from cosdata.api import Collection\n"
        "client = Client(host=':memory:')\n"
        "collection = client.create_collection(name='docs', dimension=2)\n"
        "with collection.transaction() as txn:\n"
        "    txn.upsert_vector({'id': 'a', 'dense_values': [1.0, 2.0]})\n"
        "print(isinstance(collection, Collection), collection.vectors.get('a').dense_values)\n"
    )
    command = [sys.executable, "-m", "quiverdb", "run", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True [1.0, 2.0]\n"
