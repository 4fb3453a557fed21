"""A server for clients of the Cosdata API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import served


@pytest.fixture(scope="session")
def cosdata_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server in a process of its own, in which each test begins by deleting what is there."""
    with served(tmp_path_factory.mktemp("served"), "--cosdata-port", "0") as server:
        yield f"http://127.0.0.1:{server.cosdata_port}"
