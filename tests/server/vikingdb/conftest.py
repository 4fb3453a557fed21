"""Servers with keys and without, and clients of VikingDB's protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from vikingdb_wire import Wire

from quiverdb.engine.database import EngineDatabase
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings, VikingDB, VikingKey

KEYS = (
    VikingKey(access_key="AK", secret_key="SK=="),
    VikingKey(access_key="LENT", secret_key="lent", session_token="STSTOKEN"),
    VikingKey(access_key="READER", secret_key="read", read_only=True),
    VikingKey(access_key="SOME", secret_key="some", collections=("rows", "shop.rows")),
    VikingKey(api_key="all"),
    VikingKey(api_key="look", collections=("texts",), read_only=True),
)


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    """A server that lets in those who have keys, with two collections."""
    service = Service(http_port=0, grpc_port=None, api_key="x" * 40, read_only_api_key="reader", jwt_rbac=True)
    settings = Settings(service=service, vikingdb=VikingDB(port=0, keys=KEYS))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        with Wire(server.url, "AK", "SK==") as owner:
            owner.make()
        yield server


@pytest.fixture(scope="module")
def owner(locked: Server) -> Iterator[Wire]:
    with Wire(locked.url, "AK", "SK==") as wire:
        yield wire


@pytest.fixture(scope="module")
def wire(server: Server) -> Iterator[Wire]:
    """Nobody in particular, at a server that lets in everybody; it has two collections."""
    with Wire(server.url) as anybody:
        anybody.make()
        yield anybody
