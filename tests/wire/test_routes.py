"""The table of routes is that of the facts, and goes with the table of operations."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from quiverdb.wire.operations import OPERATIONS
from quiverdb.wire.rest import path_arguments
from quiverdb.wire.routes import ROUTES

TOOLS = Path(__file__).parents[2] / "tools"
ROWS = {(row.method, row.path): row for routes in ROUTES.values() for row in routes.values()}


def test_the_generated_file_is_current() -> None:
    spec = importlib.util.spec_from_file_location("gen_routes", TOOLS / "gen_routes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.generate() == module.TARGET.read_text(), "run python tools/gen_routes.py"


def test_every_route_of_the_facts_is_there() -> None:
    facts = json.loads((TOOLS / "facts" / "qdrant_rest_routes.json").read_text())["routes"]
    assert len(facts) == sum(map(len, ROUTES.values())) == len(ROWS)
    for fact in facts:
        row = ROUTES[fact["group"]][fact["name"]]
        assert [*path_arguments(row.path), *row.query, *row.body] == list(fact["params"])


def test_operations_travel_by_these_routes() -> None:
    for operation in OPERATIONS.values():
        row = ROWS[operation.method, operation.path]
        assert set(operation.query) <= {name.strip("_") for name in row.query} | {"with_"}
        assert bool(operation.body) == bool(row.body)
        assert row.access == ("read" if row.method == "GET" else operation.access)
