"""The description of the REST API is complete, and what is served is as described."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

import httpx
import openapi as described
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from quiverdb.server.openapi import openapi_json
from quiverdb.server.serving import Server

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "0")) // 20 or 3
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
DOCUMENT = json.loads(openapi_json())
PATHS = DOCUMENT["paths"].items()
ROUTES = [
    (path, method)
    for path, methods in PATHS
    for method in methods
    if path != "/openapi.json" and not path.endswith("/upload")  # forms are made by hand in test_snapshots.py
]


def test_what_is_served_is_described_and_nothing_else(server: Server) -> None:
    served = {(route.name, route.method.lower(), route.path) for route in server.qdrant.routes}
    told = {
        (operation.get("operationId"), method, path)
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    assert told == served


def test_the_server_tells_the_description(http: httpx.Client) -> None:
    answer = http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    assert set(described.references(DOCUMENT)) <= DOCUMENT["components"]["schemas"].keys()


@pytest.fixture(scope="module")
def api(http: httpx.Client) -> Any:
    """The description without recursion, and a collection of the name that is made up first."""
    http.put("/collections/0", json={"vectors": {"size": 2, "distance": "Dot"}}).raise_for_status()
    return schemathesis.openapi.from_dict(described.trimmed(DOCUMENT))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_answers_are_as_described(http: httpx.Client, api: Any, path: str, method: str, mode: GenerationMode) -> None:
    """Requests are made up as described, and as not described."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES == 3)
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.validate_response(described.sent(http, case), checks=CHECKS)

    with suppress(Unsatisfiable):  # where nothing can be wrong
        ask()
