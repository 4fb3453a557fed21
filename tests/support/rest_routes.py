"""The documented REST routes, and names to put into their paths."""

from __future__ import annotations

import json
from pathlib import Path

from quiverdb.wire.operations import LEGACY

FACTS = json.loads((Path(__file__).parents[1] / "server/facts_routes.json").read_text())
"""Method, path and names in the query string of each documented route."""
ROUTES = [*((fact["method"], fact["path"]) for fact in FACTS), *((old.method, old.path) for old in LEGACY.values())]
NAMES = {
    "collection_name": "docs", "shard_id": "0", "id": "7", "peer_id": "1", "snapshot_name": "x.snapshot",
    "vector_name": "v", "field_name": "f",
}  # fmt: skip
