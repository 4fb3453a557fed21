"""A collection to search, in memory, on disk and in front of a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import served
from viking_world import World, many_things

from quiverdb.database import Database
from quiverdb.engine.database import EngineDatabase
from quiverdb.remote.database import RemoteDatabase


@pytest.fixture(scope="session")
def viking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served")) as server:
        yield f"qdrant://127.0.0.1:{server.port}"


@pytest.fixture(scope="module", params=["memory", "disk", "remote"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    match request.param:
        case "memory":
            opened: Database = EngineDatabase.open(":memory:")
        case "disk":
            opened = EngineDatabase.open(tmp_path_factory.mktemp("database"))
        case _:
            opened = RemoteDatabase.open(request.getfixturevalue("viking_server"))
    with opened:
        yield opened


@pytest.fixture(scope="module")
def world(database: Database) -> World:
    """A collection of 300 rows with an index of each kind."""
    return many_things(database)
