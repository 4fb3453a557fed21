"""Bodies become arguments, checked; points become objects that the readers of requests take as they are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant.request.points import points
from quiverdb.server.bodies import PointStruct, PointVectors, read_body
from quiverdb.server.calls import ALL, required

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_points_are_read_without_a_model() -> None:
    body = {
        "points": [{"id": 1, "vector": [1.0, 2.0], "payload": {"a": None}}, {"id": "x", "vector": {"v": [1]}, "b": 1}]
    }
    read = read_body("upsert", json.dumps(body).encode())
    assert read["points"] == [PointStruct(1, [1.0, 2.0], {"a": None}), PointStruct("x", {"v": [1]})]
    vectors = read_body("update_vectors", b'{"points": [{"id": 1, "vector": [1.0]}]}')
    assert vectors["points"] == [PointVectors(1, [1.0])]


def test_readers_of_requests_take_them_as_they_take_dicts() -> None:
    body = {"points": [{"id": i, "vector": [float(i), 2.0], "payload": {"n": i}} for i in range(3)]}
    read = points(read_body("upsert", json.dumps(body).encode())["points"])
    plain = points(body["points"])
    assert (read.ids, read.payloads) == (plain.ids, plain.payloads)
    assert np.array_equal(read.vectors[""].rows, plain.vectors[""].rows)


@given(operation=st.sampled_from(sorted(ALL)), body=JSON)
def test_any_json_is_read_or_refused(operation: str, body: Any) -> None:
    try:
        read = read_body(operation, json.dumps(body).encode())
    except InvalidInputError:
        return
    if isinstance(body, dict):
        assert read.keys() <= body.keys()


@pytest.mark.parametrize("operation", sorted(ALL))
def test_every_required_argument_has_its_field(operation: str) -> None:
    for field in required(operation).values():
        assert field.replace("` or `", "|") in ALL[operation].body.values()


def test_what_is_required() -> None:
    assert required("query_points") == {}
    assert required("facet") == {"key": "key"}
    assert required("delete_vectors") == {"vectors": "vector", "points": "points` or `filter"}
    assert required("search_batch") == {"requests": "searches"}
