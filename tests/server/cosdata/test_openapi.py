"""The description is complete, and what is served is as described."""

from __future__ import annotations

import json

import httpx
import openapi as described
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from quiverdb.cosdata.operations import OPERATIONS
from quiverdb.server.cosdata.openapi import openapi_json
from quiverdb.server.serving import Server

CHECKS = [not_a_server_error, content_type_conformance, status_code_conformance]
DOCUMENT = json.loads(openapi_json())
ROUTES = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
SENT = ("method", "url", "params", "headers", "json", "data")


def test_what_is_served_is_described() -> None:
    told = {
        operation["operationId"]: (method.upper(), path, operation["summary"])
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    assert {name: found[:2] for name, found in told.items()} == {
        row.name: (row.method, row.path) for row in OPERATIONS.values()
    }
    assert all(summary.endswith(".") for _, _, summary in told.values())


def test_the_server_tells_the_description(server: Server) -> None:
    answer = httpx.get(f"{server.url}/api-docs/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    assert set(described.references(DOCUMENT)) <= DOCUMENT["components"]["schemas"].keys()
