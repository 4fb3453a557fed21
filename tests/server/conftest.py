"""Servers for tests: one in this process, and a client that sends whatever it is told to."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from quiverdb.engine.database import EngineDatabase
from quiverdb.server.serving import Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server on an empty database in memory."""
    with EngineDatabase.open(":memory:") as database, serving(database) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
