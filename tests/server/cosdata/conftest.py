"""Clients of Cosdata's protocol that are logged in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from cosdata_calls import client

from quiverdb.server.serving import Server


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with client(server.url) as logged_in:
        yield logged_in
