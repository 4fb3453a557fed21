"""Points, vectors, ids and writes of the dialect become those of the model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from qdrant_client import models as official

from quiverdb.errors import InvalidInputError
from quiverdb.model.filter import Filter, HasId
from quiverdb.model.point import DenseColumn, Points, SparseVector
from quiverdb.model.shard import ShardFallback
from quiverdb.model.write import (
    ClearPayload,
    Delete,
    DeletePayload,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    UpdateVectors,
    Upsert,
)
from quiverdb.qdrant import models
from quiverdb.qdrant.request import writes
from quiverdb.qdrant.request.ids import point_id, point_ids
from quiverdb.qdrant.request.inference import NotEmbeddedError
from quiverdb.qdrant.request.points import column_batches, points, points_of_columns, row_batches
from quiverdb.qdrant.request.vectors import vector

UUID_TEXT = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize(
    "spelling",
    [
        UUID_TEXT,
        UUID_TEXT.upper(),
        UUID_TEXT.replace("-", ""),
        "{" + UUID_TEXT + "}",
        "urn:uuid:" + UUID_TEXT,
        "URN:UUID:" + UUID_TEXT.upper(),
        UUID(UUID_TEXT),
    ],
)
def test_uuids_are_read_in_every_spelling(spelling: Any) -> None:
    assert point_id(spelling) == UUID_TEXT


@pytest.mark.parametrize("value", [0, 1, 2**64 - 1, np.uint64(2**64 - 1), np.int32(7)])
def test_integers_are_ids(value: Any) -> None:
    found = point_id(value)
    assert found == int(value)
    assert type(found) is int


@pytest.mark.parametrize(
    "value",
    [
        -1,
        2**64,
        True,
        False,
        np.True_,
        1.0,
        None,
        "",
        "abc",
        "1",
        UUID_TEXT[:-1],
        UUID_TEXT + " ",
        "{" + UUID_TEXT,
        b"x",
        [1],
    ],
)
def test_other_ids_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="valid point id"):
        point_id(value)
    with pytest.raises(InvalidInputError, match="valid point id"):
        point_ids([1, value])


def test_a_string_is_no_list_of_ids() -> None:
    with pytest.raises(InvalidInputError, match="ids must be a list"):
        point_ids(UUID_TEXT)


@pytest.mark.parametrize(
    "given",
    [
        [0.1, 2, 3],
        (0.1, 2, 3),
        np.array([0.1, 2, 3]),
        np.array([0.1, 2, 3], np.float32),
        [np.float32(0.1), np.int64(2), 3],
    ],
)
def test_dense_vectors_become_float32(given: Any) -> None:
    found = vector(given)
    assert found.dtype == np.float32
    assert found.tolist() == np.array([0.1, 2, 3], np.float32).tolist()


def test_float32_arrays_pass_untouched() -> None:
    array = np.arange(3, dtype=np.float32)
    assert vector(array) is array


@pytest.mark.parametrize(
    "given",
    [[[1.0, 2.0], [3.0, 4.0]], np.array([[1, 2], [3, 4]]), [np.array([1, 2]), np.array([3, 4])], ((1, 2), (3, 4))],
)
def test_rows_are_a_multivector(given: Any) -> None:
    found = vector(given)
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "given",
    [
        models.SparseVector(indices=[7, 2], values=[0.5, 1]),
        official.SparseVector(indices=[7, 2], values=[0.5, 1]),
        {"indices": [7, 2], "values": [0.5, 1]},
        models.SparseVector(indices=np.array([7, 2]), values=np.array([0.5, 1])),
    ],
)
def test_sparse_vectors_are_put_in_order(given: Any) -> None:
    found = vector(given)
    assert isinstance(found, SparseVector)
    assert (found.indices.dtype, found.values.dtype) == (np.uint32, np.float32)
    assert (found.indices.tolist(), found.values.tolist()) == ([2, 7], [1, 0.5])


def test_a_sparse_vector_may_be_empty() -> None:
    assert vector(models.SparseVector(indices=[], values=[])).indices.tolist() == []


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["a", 1.0], "found 'a'"),
        ([None], "found None"),
        ([[1.0], [1.0, 2.0]], "differ in length"),
        ([[1.0], 2.0], "found 2.0"),
        ([[["a"]]], "array of"),
        (np.array(["a"]), "array of"),
        (np.ones((1, 1, 1)), "dimensions"),
        (np.array([1 + 2j]), "complex"),
        ("abc", "got str"),
        (1.5, "got float"),
        (None, "got NoneType"),
        ({"indices": [1]}, "values"),
        (models.SparseVector(indices=[1, 2], values=[1.0]), "as many values"),
        (models.SparseVector(indices=[1, 1], values=[1.0, 2.0]), "unique"),
        (models.SparseVector(indices=[-1], values=[1.0]), "from 0"),
        (models.SparseVector(indices=[2**32], values=[1.0]), "from 0"),
        (models.SparseVector(indices=[0.5], values=[1.0]), "integers"),
        (models.SparseVector(indices=[1], values=["a"]), "sparse"),
    ],
)
def test_wrong_vectors_are_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        vector(given)


@pytest.mark.parametrize(
    "given",
    [
        models.Document(text="a", model="m"),
        official.Document(text="a", model="m"),
        models.Image(image="a", model="m"),
        models.InferenceObject(object={}, model="m"),
    ],
)
def test_what_is_to_be_embedded_says_so(given: Any) -> None:
    with pytest.raises(NotEmbeddedError, match=type(given).__name__):
        vector(given)
    with pytest.raises(NotEmbeddedError, match=type(given).__name__):
        points([models.PointStruct(id=1, vector={"a": given})])


def dense(batch: Points, name: str = "") -> list[list[float]]:
    column = batch.vectors[name]
    assert isinstance(column, DenseColumn)
    assert column.positions is None
    return column.rows.tolist()


ROWS: dict[str, Any] = {
    "ours": [models.PointStruct(id=1, vector=[1, 2], payload={"a": 1}), models.PointStruct(id=2, vector=[3, 4])],
    "official": [
        official.PointStruct(id=1, vector=[1, 2], payload={"a": 1}),
        official.PointStruct(id=2, vector=[3, 4]),
    ],
    "dicts": [{"id": 1, "vector": [1, 2], "payload": {"a": 1}}, {"id": 2, "vector": [3, 4]}],
    "records": [models.Record(id=1, vector=[1, 2], payload={"a": 1}), official.Record(id=2, vector=[3, 4])],
    "mixed": [models.PointStruct(id=1, vector=(1, 2), payload={"a": 1}), {"id": 2, "vector": [3, 4]}],
    "arrays": [
        models.PointStruct(id=1, vector=np.array([1, 2]), payload={"a": 1}),
        models.PointStruct(id=2, vector=np.array([3.0, 4.0])),
    ],
    "lists and arrays": [
        models.PointStruct(id=1, vector=[1, 2], payload={"a": 1}),
        models.PointStruct(id=2, vector=np.array([3.0, 4.0])),
    ],
    "batch": models.Batch(ids=[1, 2], vectors=[[1, 2], [3, 4]], payloads=[{"a": 1}, {}]),
    "official batch": official.Batch(ids=[1, 2], vectors=[[1, 2], [3, 4]], payloads=[{"a": 1}, {}]),
    "batch as a dict": {"ids": [1, 2], "vectors": [[1, 2], [3, 4]], "payloads": [{"a": 1}, {}]},
    "batch of an array": models.Batch(ids=[1, 2], vectors=np.array([[1, 2], [3, 4]]), payloads=[{"a": 1}, {}]),
}


@pytest.mark.parametrize("case", ROWS)
def test_points_become_columns(case: str) -> None:
    found = points(ROWS[case])
    assert list(found.ids) == [1, 2]
    assert dense(found) == [[1, 2], [3, 4]]
    assert [payload or None for payload in found.payloads] == [{"a": 1}, None]


def test_points_may_come_from_a_generator() -> None:
    found = points(models.PointStruct(id=i, vector=[i, i]) for i in range(3))
    assert dense(found) == [[0, 0], [1, 1], [2, 2]]
    assert found.payloads is None


def test_an_array_of_a_batch_passes_untouched() -> None:
    array = np.ones((2, 3), np.float32)
    assert points(models.Batch(ids=[1, 2], vectors=array)).vectors[""].rows is array


def test_named_vectors_have_columns_of_their_own() -> None:
    found = points(
        [
            models.PointStruct(id=1, vector={"a": [1, 2], "s": models.SparseVector(indices=[1], values=[0.5])}),
            models.PointStruct(id=2, vector={"b": [[1, 2], [3, 4]]}),
            models.PointStruct(id=3, vector={"a": [3, 4]}),
            models.PointStruct(id=4, vector={}),
            models.Record(id=5, vector=None),
            models.PointStruct(id=6, vector=[5, 6]),
        ]
    )
    assert found.vectors["a"].rows.tolist() == [[1, 2], [3, 4]]
    assert found.vectors["a"].positions.tolist() == [0, 2]
    assert found.vectors[""].positions.tolist() == [5]
    assert [value is None for value in found.vectors["s"]] == [False, True, True, True, True, True]
    assert found.vectors["b"][1].tolist() == [[1, 2], [3, 4]]


def test_a_batch_may_have_multivectors_and_names() -> None:
    found = points(models.Batch(ids=[1, 2], vectors={"a": np.ones((2, 3)), "m": np.ones((2, 4, 3))}))
    assert found.vectors["a"].rows.shape == (2, 3)
    assert [value.shape for value in found.vectors["m"]] == [(4, 3), (4, 3)]


def test_no_points_have_no_columns() -> None:
    assert points([]).vectors == {}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (5, "list of points, got int"),
        ("abc", "list of points, got str"),
        (models.PointStruct(id=1, vector=[1.0]), "list of points, got PointStruct"),
        ([1], "a point, got int"),
        ([{"id": 1}], "vector"),
        ([{"id": 1, "vector": [1.0], "extra": 1}], "extra"),
        ([models.PointStruct(id=1, vector=[1, 2]), models.PointStruct(id=2, vector=[1])], "expected dim: 2, got 1"),
        ([models.PointStruct(id=1, vector=[1]), models.PointStruct(id=2, vector=[1, 2])], "expected dim: 1, got 2"),
        ([models.PointStruct(id=1, vector=[1, 2]), models.PointStruct(id=2, vector=["a", 2])], "'a'"),
        (
            [models.PointStruct(id=1, vector=np.ones(2)), models.PointStruct(id=2, vector=np.ones(3))],
            "expected dim: 2, got 3",
        ),
        ([models.PointStruct(id=1, vector=[1, 2]), models.PointStruct(id=2, vector=np.ones(3))], "dim: 2, got 3"),
        (models.Batch(ids=[1], vectors=[[1.0], [2.0]]), "2 vectors for 1 points"),
        (models.Batch(ids=[1], vectors=np.array([["a"]])), "must be numbers"),
        (models.Batch(ids=[1], vectors=np.ones(1)), "dimensions"),
        ({"ids": [1]}, "vectors"),
        ([models.PointStruct(id=-1, vector=[1.0])], "-1"),
    ],
)
def test_wrong_points_are_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        points(given)


def test_rows_are_cut_into_batches() -> None:
    batches = list(row_batches((models.PointStruct(id=i, vector=[i]) for i in range(5)), 2))
    assert [list(points(batch).ids) for batch in batches] == [[0, 1], [2, 3], [4]]


def batches_of_columns(vectors: Any, payloads: Any, ids: Any, size: int) -> list[Points]:
    return [points_of_columns(batch, batch.vectors) for batch in column_batches(vectors, payloads, ids, size)]


def vectors_of(kind: str) -> Any:
    rows = [[float(i), 0.0] for i in range(5)]
    return {
        "array": np.array(rows, np.float32),
        "list": rows,
        "generator": (row for row in rows),
        "named": {"": np.array(rows)},
        "dicts": [{"": row} for row in rows],
    }[kind]


@pytest.mark.parametrize("kind", ["array", "list", "generator", "named", "dicts"])
def test_columns_are_cut_into_batches(kind: str) -> None:
    payloads = ({"i": i} for i in count())
    batches = batches_of_columns(vectors_of(kind), payloads, count(10), 2)
    assert [list(batch.ids) for batch in batches] == [[10, 11], [12, 13], [14]]
    assert [dense(batch) for batch in batches] == [[[0, 0], [1, 0]], [[2, 0], [3, 0]], [[4, 0]]]
    assert [batch.payloads for batch in batches] == [[{"i": 0}, {"i": 1}], [{"i": 2}, {"i": 3}], [{"i": 4}]]


class Tensor:
    """What other libraries hand out: no numpy array, but readable as one."""

    def __init__(self, rows: Any) -> None:
        self.rows = np.asarray(rows, np.float64)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.rows if dtype is None else self.rows.astype(dtype)

    def __len__(self) -> int:
        return len(self.rows)


def test_whatever_numpy_reads_is_an_array() -> None:
    (batch,) = batches_of_columns(Tensor([[1, 2], [3, 4]]), None, [1, 2], 10)
    assert dense(batch) == [[1, 2], [3, 4]]
    assert dense(points(models.Batch(ids=[1, 2], vectors=Tensor([[1, 2], [3, 4]])))) == [[1, 2], [3, 4]]
    assert dense(points([models.PointStruct(id=1, vector=Tensor([1, 2]))])) == [[1, 2]]
    assert vector(Tensor([1, 2])).tolist() == [1, 2]


def test_arrays_are_sliced_not_copied() -> None:
    array = np.zeros((4, 2), np.float32)
    for batch in batches_of_columns(array, None, range(4), 2):
        assert np.shares_memory(batch.vectors[""].rows, array)


def test_points_without_ids_get_random_ones() -> None:
    (batch,) = batches_of_columns(np.zeros((3, 2)), None, None, 10)
    assert len({UUID(id) for id in batch.ids}) == 3


@pytest.mark.parametrize(
    ("vectors", "payloads", "ids", "complaint"),
    [
        (np.zeros((3, 2)), [{}], None, "fewer payloads"),
        (np.zeros((3, 2)), None, [1], "fewer ids"),
        ({"a": np.zeros((3, 2)), "b": np.zeros((2, 2))}, None, None, "differ in number"),
    ],
)
def test_short_columns_are_refused(vectors: Any, payloads: Any, ids: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        batches_of_columns(vectors, payloads, ids, 10)


FILTER = {"must": [{"has_id": [7]}]}
CHOSEN = Filter(must=(HasId((7,)),))


def selections() -> Iterator[tuple[Any, Any]]:
    yield [1, UUID(UUID_TEXT)], (1, UUID_TEXT)
    yield (1,), (1,)
    yield iter([1, 2]), (1, 2)
    yield np.array([1, 2]), (1, 2)
    yield {"points": [1]}, (1,)
    yield {"filter": FILTER}, CHOSEN
    yield FILTER, CHOSEN
    for source in (models, official):
        yield source.PointIdsList(points=[1]), (1,)
        yield source.FilterSelector(filter=FILTER), CHOSEN
        yield source.Filter(**FILTER), CHOSEN


@pytest.mark.parametrize(("given", "expected"), list(selections()), ids=lambda value: type(value).__name__)
def test_points_are_chosen_by_id_or_filter(given: Any, expected: Any) -> None:
    assert writes.selector(given) == (expected, None)


@pytest.mark.parametrize("given", [None, 1, "abc", {"point": [1]}, ["abc"], models.SearchParams()])
def test_other_choices_are_refused(given: Any) -> None:
    with pytest.raises(InvalidInputError):
        writes.selector(given)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a", ("a",)),
        (7, (7,)),
        (["a", 7], ("a", 7)),
        ([], ()),
        (models.ShardKeyWithFallback(target="a", fallback="b"), ShardFallback("a", "b")),
    ],
)
def test_points_are_chosen_in_shards(key: Any, expected: Any) -> None:
    assert writes.selector(models.PointIdsList(points=[1], shard_key=key)) == ((1,), expected)
    assert writes.selector(models.FilterSelector(filter=models.Filter(), shard_key=key)) == (Filter(), expected)
    assert writes.in_shards(writes.delete([1]), key) == Delete((1,), expected)


@pytest.mark.parametrize("key", [1.0, True, -1, 1 << 64, b"a", [None], {"target": "a"}, ["a", ["b"]]])
def test_other_shard_keys_are_refused(key: Any) -> None:
    with pytest.raises(InvalidInputError):
        writes.in_shards(writes.delete([1]), key)


POINT = {"id": 1, "vector": [1.0]}
OPERATIONS: dict[str, tuple[dict[str, Any], Any]] = {
    "UpsertOperation": ({"upsert": {"points": [POINT], "update_filter": FILTER, "update_mode": "insert_only"}}, Upsert),
    "DeleteOperation": ({"delete": {"filter": FILTER}}, Delete(CHOSEN)),
    "SetPayloadOperation": (
        {"set_payload": {"payload": {"a": 1}, "points": [1], "key": "k"}},
        SetPayload((1,), {"a": 1}, "k"),
    ),
    "OverwritePayloadOperation": (
        {"overwrite_payload": {"payload": {"a": 1}, "filter": FILTER}},
        OverwritePayload(CHOSEN, {"a": 1}),
    ),
    "DeletePayloadOperation": ({"delete_payload": {"keys": ["a"], "points": [1]}}, DeletePayload((1,), ("a",))),
    "ClearPayloadOperation": ({"clear_payload": {"points": [1]}}, ClearPayload((1,))),
    "UpdateVectorsOperation": ({"update_vectors": {"points": [POINT], "update_filter": FILTER}}, UpdateVectors),
    "DeleteVectorsOperation": ({"delete_vectors": {"vector": ["a"], "points": [1]}}, DeleteVectors((1,), ("a",))),
}


@pytest.mark.parametrize("written", ["dict", "ours", "official"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_a_batch(name: str, written: str) -> None:
    given, expected = OPERATIONS[name]
    source = {"ours": models, "official": official}.get(written)
    found = writes.operation(getattr(source, name)(**given) if source else given)
    if isinstance(expected, type):
        assert isinstance(found, expected)
        assert dense(found.points) == [[1.0]]
        assert found.filter == CHOSEN
        assert getattr(found, "mode", "insert_only") == "insert_only"
    else:
        assert found == expected


@pytest.mark.parametrize(
    "given",
    [
        {"set_payload": {"payload": {"a": 1}}},
        {"nothing": {}},
        5,
        models.SearchParams(),
    ],
)
def test_wrong_operations_are_refused(given: Any) -> None:
    with pytest.raises(InvalidInputError):
        writes.operation(given)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: writes.delete_payload("abc", [1]), "must be a list"),
        (lambda: writes.delete_payload([1], [1]), "must be a string"),
        (lambda: writes.set_payload([1], [1]), "must be a dict"),
        (lambda: writes.update_mode("never"), "update_mode"),
        (lambda: writes.update_vectors(5), "list of points"),
        (lambda: writes.update_vectors([{"id": 1, "vector": [1.0], "payload": {}}]), "payload"),
    ],
)
def test_wrong_parts_of_writes_are_refused(call: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        call()


def test_empty_vectors_are_left_to_the_collection_to_refuse() -> None:
    assert vector([]).shape == (0,)
    assert points([models.PointStruct(id=i, vector=[]) for i in range(2)]).vectors[""].rows.shape == (2, 0)


def test_complaints_stay_short() -> None:
    with pytest.raises(InvalidInputError) as caught:
        points([models.PointStruct(id=1, vector=[1.0, [0.5] * 1000])])
    assert len(str(caught.value)) < 200
