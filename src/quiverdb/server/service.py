"""Routes that tell of the server itself: its version, its health."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from quiverdb._version import __version__
from quiverdb.qdrant._connection import API_VERSION
from quiverdb.server.exchange import TEXT, Answer
from quiverdb.wire.rest import encode

__all__ = ["FIXED"]


def _text(body: str) -> Answer:
    return Answer(body.encode(), headers=TEXT)


FIXED: Mapping[str, Answer] = MappingProxyType({
    "/": Answer(
        encode({"title": "qdrant - vector search engine", "version": API_VERSION, "commit": f"quiverdb-{__version__}"})
    ),
    "/healthz": _text("healthz check passed"),
    "/livez": _text("healthz check passed"),
    "/readyz": _text("all shards are ready"),
})  # fmt: skip
"""What is always answered in the same way, by path."""
