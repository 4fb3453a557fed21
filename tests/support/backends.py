"""Everything that answers the Qdrant API and must answer it in the same way: a client for each."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import qdrant_client
from loopback import GatewayClient
from restated import Restated
from serving import Served

from quiverdb.qdrant import QdrantClient

REAL = os.environ.get("QUIVERDB_TEST_QDRANT_URL")
"""A Qdrant server to hold against the same tests; its gRPC port is 6334, or QUIVERDB_TEST_QDRANT_GRPC_PORT.

A key is taken from QUIVERDB_TEST_QDRANT_KEY.
"""

Make = Callable[[Served], Any]


@contextmanager
def _quietly() -> Iterator[None]:
    """Leave out warnings of clients about keys that travel in the clear."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _ours(options: Mapping[str, Any]) -> Any:
    return QdrantClient(**options)


def _official(options: Mapping[str, Any]) -> Any:
    return Restated(qdrant_client.QdrantClient(**options))


def _remote(make: Callable[[Mapping[str, Any]], Any], prefer_grpc: bool, served: Served) -> Any:
    return make({
        "url": served.url,
        "grpc_port": served.grpc_port or 0,
        "prefer_grpc": prefer_grpc,
        "check_compatibility": False,
        "timeout": 30,
    })  # fmt: skip


def _real(make: Callable[[Mapping[str, Any]], Any], prefer_grpc: bool, _: Served) -> Any:
    grpc_port = int(os.environ.get("QUIVERDB_TEST_QDRANT_GRPC_PORT", "6334"))
    options = {"url": REAL, "port": urlsplit(REAL).port or 6333, "grpc_port": grpc_port, "timeout": 30}
    key = os.environ.get("QUIVERDB_TEST_QDRANT_KEY")
    with _quietly():
        return make({**options, "prefer_grpc": prefer_grpc, "check_compatibility": False, "api_key": key})


LOCAL: Mapping[str, Callable[[Path], Any]] = {
    "memory": lambda _: QdrantClient(":memory:"),
    "disk": lambda folder: QdrantClient(path=tempfile.mkdtemp(dir=folder)),
    "remote": lambda _: GatewayClient(),
}
"""Clients with a database of their own: of an engine, or of what asks another one as if that were far away."""
SERVED: Mapping[str, Make] = {
    "ours over REST": partial(_remote, _ours, False),
    "ours over gRPC": partial(_remote, _ours, True),
    "official over REST": partial(_remote, _official, False),
    "official over gRPC": partial(_remote, _official, True),
}
"""Clients in front of ``quiverdb serve``."""
QDRANT: Mapping[str, Make] = {
    "Qdrant, ours over REST": partial(_real, _ours, False),
    "Qdrant, ours over gRPC": partial(_real, _ours, True),
    "Qdrant, official over REST": partial(_real, _official, False),
}
"""Clients in front of a real server, if one is named."""
REMOTE: Mapping[str, Make] = {**SERVED, **(QDRANT if REAL else {})}
