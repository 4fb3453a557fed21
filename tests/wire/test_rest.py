"""Requests over REST: what JSON cannot say is refused before it travels."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.wire.operations import OPERATIONS
from quiverdb.wire.rest import request


def body(operation: str, **arguments: Any) -> Any:
    return json.loads(request(OPERATIONS[operation], {"collection_name": "docs", **arguments}).body or b"")


@pytest.mark.parametrize("number", [nan, inf, -inf, np.float32("nan"), np.float64("nan")])
def test_what_is_no_number_does_not_become_nothing(number: Any) -> None:
    """A bound of NaN would otherwise be none, and a filter with it mean all points."""
    bound = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(gt=number))])
    point = models.PointStruct(id=1, vector=[0.5], payload={"n": {"m": [1.0, number]}})
    for operation, arguments in (
        ("delete", {"points_selector": bound}),
        ("upsert", {"points": [point]}),
        ("upsert", {"points": [{"id": 1, "vector": {"a": np.array([1.0, number])}}]}),
        ("query_points", {"query": {"nearest": [number, 1.0]}}),
    ):
        with pytest.raises(InvalidInputError, match="no NaN or infinity"):
            body(operation, **arguments)


def test_nothing_and_numbers_travel() -> None:
    points = [{"id": 1, "vector": np.array([1.0]), "payload": {"n": None, "t": "null", "i": np.int64(1), "f": 1e308}}]
    assert body("upsert", points=points)["points"] == [
        {"id": 1, "vector": [1.0], "payload": {"n": None, "t": "null", "i": 1, "f": 1e308}}
    ]
