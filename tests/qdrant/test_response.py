"""Answers of the model become objects that cannot be told from validated ones."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from quiverdb.model.point import SparseVector
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.qdrant import models
from quiverdb.qdrant.response import results

SPARSE = SparseVector(np.array([1, 7], "u4"), np.array([0.5, 2.0], "f4"))
HITS = [
    Hit(1, 3, 0.5, {"a": [1, {"b": None}]}, {"": np.array([1, 2], "f4")}),
    Hit("123e4567-e89b-12d3-a456-426614174000", 4, -1.0, None, None, order_value=2.5, shard_key="k"),
    Hit(2, 5, 0.0, {}, {"a": np.array([[1, 2], [3, 4]], "f4"), "s": SPARSE, "": np.array([0.5], "f4")}),
    Hit(3, 6, 0.0, {}, {}),
]
POINTS = [
    models.ScoredPoint(id=1, version=3, score=0.5, payload={"a": [1, {"b": None}]}, vector=[1.0, 2.0]),
    models.ScoredPoint(
        id="123e4567-e89b-12d3-a456-426614174000", version=4, score=-1.0, order_value=2.5, shard_key="k"
    ),
    models.ScoredPoint(
        id=2,
        version=5,
        score=0.0,
        payload={},
        vector={
            "a": [[1.0, 2.0], [3.0, 4.0]],
            "s": models.SparseVector(indices=[1, 7], values=[0.5, 2.0]),
            "": [0.5],
        },
    ),
    models.ScoredPoint(id=3, version=6, score=0.0, payload={}, vector={}),
]


@pytest.fixture(params=range(len(HITS)))
def pair(request: pytest.FixtureRequest) -> tuple[models.ScoredPoint, models.ScoredPoint]:
    return results.scored_points(HITS)[request.param], POINTS[request.param]


def test_points_equal_validated_ones(pair: Any) -> None:
    built, validated = pair
    assert built == validated
    assert validated == built
    assert repr(built) == repr(validated)
    assert built.model_dump() == validated.model_dump()
    assert list(built.model_dump()) == list(validated.model_dump())
    assert built.model_dump_json() == validated.model_dump_json()
    assert models.ScoredPoint.model_validate(built) is built
    assert models.ScoredPoint.model_validate_json(built.model_dump_json()).model_dump_json() == built.model_dump_json()


def test_points_are_copied_and_pickled(pair: Any) -> None:
    built, validated = pair
    for other in (
        pickle.loads(pickle.dumps(built)),
        copy.copy(built),
        copy.deepcopy(built),
        built.model_copy(),
        built.model_copy(deep=True),
    ):
        assert other == validated
        assert other is not built
        assert other.model_dump() == validated.model_dump()
    assert copy.deepcopy(built).payload is not built.payload or built.payload is None


def test_points_can_be_changed_like_any_model(pair: Any) -> None:
    built, _ = pair
    built.payload = {"new": 1}
    assert built.model_dump()["payload"] == {"new": 1}
    assert built.model_copy(update={"score": 9.0}).score == 9.0
    with pytest.raises(ValueError, match="no field"):
        built.nothing = 1
    with pytest.raises(AttributeError):
        built.nothing  # noqa: B018
    assert built.model_fields_set == set(models.ScoredPoint.model_fields)
    assert built.model_extra is None


def test_a_change_of_one_point_leaves_the_others_alone() -> None:
    first, second = results.scored_points([HITS[0], HITS[0]])
    first.score = 7.0
    assert second.score == 0.5
    assert results.scored_points([HITS[0]])[0] == POINTS[0]


def test_query_response() -> None:
    response = results.query_response(HITS)
    assert response == models.QueryResponse(points=POINTS)
    assert pickle.loads(pickle.dumps(response)) == response
    assert models.QueryResponse.model_validate(response.model_dump()) == response


def test_records_and_pages() -> None:
    found = [Record(1, 2, {"a": 1}, {"": np.array([1, 2], "f4")}, order_value=5, shard_key="k"), Record(2, 3)]
    expected = [
        models.Record(id=1, payload={"a": 1}, vector=[1.0, 2.0], shard_key="k", order_value=5),
        models.Record(id=2),
    ]
    assert results.records(found) == expected
    assert results.scroll_result(Page(found, 7)) == (expected, 7)
    assert pickle.loads(pickle.dumps(results.records(found))) == expected


def test_groups() -> None:
    found = [Group("x", HITS[:1], Record(9, 1, {"a": 1})), Group(5, [])]
    assert results.groups_result(found) == models.GroupsResult(
        groups=[
            models.PointGroup(id="x", hits=POINTS[:1], lookup=models.Record(id=9, payload={"a": 1})),
            models.PointGroup(id=5, hits=[]),
        ]
    )


def test_facet() -> None:
    found = results.facet_response([FacetHit("x", 3), FacetHit(True, 2), FacetHit(1, 1)])
    assert [(hit.value, hit.count) for hit in found.hits] == [("x", 3), (True, 2), (1, 1)]
    assert found.hits[1].value is True


def test_matrix() -> None:
    matrix = Matrix([10, "123e4567-e89b-12d3-a456-426614174000"], [0, 1], [1, 0], [0.5, 0.25])
    pairs = results.search_matrix_pairs(matrix).pairs
    assert [(pair.a, pair.b, pair.score) for pair in pairs] == [
        (10, matrix.ids[1], 0.5),
        (matrix.ids[1], 10, 0.25),
    ]
    offsets = results.search_matrix_offsets(matrix)
    assert (offsets.offsets_row, offsets.offsets_col, offsets.scores, offsets.ids) == (
        [0, 1],
        [1, 0],
        [0.5, 0.25],
        matrix.ids,
    )


@pytest.mark.parametrize("status", ["acknowledged", "completed"])
def test_update_result(status: Any) -> None:
    found = results.update_result(WriteResult(5, status))
    assert found == models.UpdateResult(operation_id=5, status=models.UpdateStatus(status))
