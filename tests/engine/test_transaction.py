"""Requests of several operations: each sees the ones before it, and they apply as a whole."""

from __future__ import annotations

import random

import numpy as np
import pytest

from quiverdb.database import ScrollRequest
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import InvalidInputError, NotFoundError
from quiverdb.model.collection import CollectionSpec, Distance, FieldIndex, FieldType, SparseVectorSpec, VectorSpec
from quiverdb.model.filter import Filter, HasVector, IsEmpty, MatchValue, Range
from quiverdb.model.point import DenseColumn, Points, SparseVector
from quiverdb.model.query import Nearest, Query
from quiverdb.model.write import (
    ClearPayload,
    CreateFieldIndex,
    CreateVector,
    Delete,
    DeletePayload,
    DeleteVector,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    UpdateVectors,
    Upsert,
)

SPEC = CollectionSpec(
    {"a": VectorSpec(2, Distance.DOT), "b": VectorSpec(3, Distance.EUCLID)}, {"s": SparseVectorSpec()}
)


@pytest.fixture(params=["memory", "disk"])
def database(request, tmp_path):
    with EngineDatabase.open(":memory:" if request.param == "memory" else tmp_path) as found:
        found.create_collection("c", SPEC)
        yield found


def upsert(ids, payloads=None, **vectors) -> Upsert:
    columns = {name: DenseColumn(np.array(rows, "f4")) for name, rows in vectors.items() if name != "s"}
    if "s" in vectors:
        columns["s"] = vectors["s"]
    return Upsert(Points(ids, columns, payloads))


def sparse(**weights) -> SparseVector:
    indices = sorted(int(name[1:]) for name in weights)
    return SparseVector(np.array(indices), np.array([weights[f"i{index}"] for index in indices], "f4"))


def state(database) -> dict:
    """The points as plain objects."""
    page = database.scroll("c", ScrollRequest(limit=1000, with_vectors=True))
    found = {}
    for record in page.records:
        vectors = {
            name: dict(zip(value.indices.tolist(), value.values.tolist(), strict=True))
            if isinstance(value, SparseVector)
            else value.tolist()
            for name, value in record.vectors.items()
        }
        found[record.id] = (record.payload, vectors, record.version)
    return found


def test_operations_see_the_ones_before(database):
    database.write(
        "c",
        [
            upsert([1, 2], [{"n": 1}, {"n": 2}], a=[[1, 2], [3, 4]]),
            SetPayload(Filter(must=(Range("n", gte=2),)), {"m": True}),
            Delete(Filter(must=(MatchValue("m", True),))),
            upsert([2], [{"again": True}], b=[[1, 1, 1]]),
            UpdateVectors(Points([2], {"a": DenseColumn(np.array([[9, 9]], "f4"))})),
            OverwritePayload((1,), {"only": None}),
        ],
    )
    assert state(database) == {
        1: ({"only": None}, {"a": [1, 2]}, 5),
        2: ({"again": True}, {"a": [9, 9], "b": [1, 1, 1]}, 4),
    }


def test_a_wrong_operation_undoes_the_ones_before(database):
    database.write("c", [upsert([1], [{"n": 1}], a=[[1, 2]])])
    before = state(database)
    with pytest.raises(InvalidInputError, match="expected dim: 2, got 3"):
        database.write("c", [Delete((1,)), upsert([3], a=[[1, 2, 3]])])
    assert state(database) == before
    assert database.write("c", [Delete((7,))])[0].operation_id == 1


def test_delete_then_upsert_in_one_request_keeps_one_point(database):
    database.write("c", [upsert([1], [{"n": 1}], a=[[1, 2]])])
    database.write("c", [Delete((1,)), upsert([1], [{"n": 2}], a=[[5, 6]])])
    assert state(database) == {1: ({"n": 2}, {"a": [5, 6]}, 2)}
    assert database.count("c") == 1


def test_the_last_of_equal_ids_wins(database):
    database.write("c", [upsert([1, 1], [{"n": 1}, {"n": 2}], a=[[1, 2], [5, 6]])])
    assert state(database) == {1: ({"n": 2}, {"a": [5, 6]}, 0)}


@pytest.mark.parametrize(
    "operation",
    [
        SetPayload((1, 99), {"x": 1}),
        DeletePayload((1, 99), ("n",)),
        ClearPayload((1, 99)),
        DeleteVectors((1, 99), ("a",)),
        UpdateVectors(Points([1, 99], {"a": DenseColumn(np.ones((2, 2), "f4"))})),
    ],
)
def test_missing_points_are_reported_after_the_rest_was_done(database, operation):
    database.write("c", [upsert([1], [{"n": 1}], a=[[1, 2]])])
    before = state(database)
    with pytest.raises(NotFoundError, match="99") as caught:
        database.write("c", [operation])
    assert (caught.value.kind, caught.value.name) == ("point", "99")
    assert state(database) != before


def test_modes_and_conditions(database):
    database.write("c", [upsert([1, 2], [{"v": 1}, {"v": 2}], a=[[1, 1], [2, 2]])])
    new = Points([1, 2, 3], {"a": DenseColumn(np.full((3, 2), 7, "f4"))}, [{"new": 1}] * 3)
    database.write("c", [Upsert(new, mode="insert_only")])
    assert [state(database)[id][0] for id in (1, 2, 3)] == [{"v": 1}, {"v": 2}, {"new": 1}]
    database.write("c", [Delete((3,)), Upsert(new, filter=Filter(must=(MatchValue("v", 2),)), mode="update_only")])
    assert {id: point[0] for id, point in state(database).items()} == {1: {"v": 1}, 2: {"new": 1}}


def test_vectors_are_replaced_one_by_one(database):
    database.write("c", [upsert([1], [{"n": 1}], a=[[1, 2]], b=[[1, 2, 3]], s=[sparse(i3=1.0, i9=2.0)])])
    database.write("c", [UpdateVectors(Points([1], {"b": DenseColumn(np.zeros((1, 3), "f4"))}))])
    assert state(database)[1][:2] == ({"n": 1}, {"a": [1, 2], "b": [0, 0, 0], "s": {3: 1.0, 9: 2.0}})
    database.write("c", [DeleteVectors((1,), ("a", "s"))])
    assert state(database)[1][:2] == ({"n": 1}, {"b": [0, 0, 0]})
    database.write("c", [UpdateVectors(Points([1], {"s": [sparse(i1=4.0)]}))])
    assert state(database)[1][1] == {"b": [0, 0, 0], "s": {1: 4.0}}


def test_named_vectors_come_and_go(database):
    database.write("c", [upsert([1], a=[[1, 2]])])
    database.write("c", [CreateVector("late", VectorSpec(2, Distance.COSINE))])
    database.write("c", [upsert([2], late=[[3, 4]])])
    assert {id: set(point[1]) for id, point in state(database).items()} == {1: {"a"}, 2: {"late"}}
    assert database.count("c", Filter(must=(HasVector("late"),))) == 1
    database.write("c", [DeleteVector("late")])
    assert state(database)[2][1] == {}
    database.write("c", [CreateVector("late", VectorSpec(3, Distance.DOT))])
    assert state(database)[2][1] == {}
    with pytest.raises(InvalidInputError, match="only operation"):
        database.write("c", [DeleteVector("late"), Delete((1,))])


@pytest.mark.parametrize("seed", range(2))
def test_names_come_and_go_as_often_as_one_likes(seed, tmp_path):
    """Slots of dropped vectors are given out again, and nothing of the former vector shows."""
    draw = random.Random(seed)
    kinds: dict[str, str] = {"a": "a", "b": "b", "s": "s"}
    model: dict[int, dict] = {}
    database = EngineDatabase.open(tmp_path)
    database.create_collection("c", SPEC)
    specs = {"a": VectorSpec(2, Distance.DOT), "b": VectorSpec(3, Distance.EUCLID), "s": SparseVectorSpec()}
    made = {
        "a": lambda: DenseColumn(np.array([[draw.randrange(9), draw.randrange(9)]], "f4")),
        "b": lambda: DenseColumn(np.array([[draw.randrange(9)] * 3], "f4")),
        "s": lambda: [sparse(**{f"i{draw.randrange(5)}": float(draw.randrange(1, 9))})],
    }

    def plain(column):
        if isinstance(column, DenseColumn):
            return column.rows[0].tolist()
        return dict(zip(column[0].indices.tolist(), column[0].values.tolist(), strict=True))

    for step in range(250):
        name = draw.choice("uvwxyz")
        if name in kinds:
            database.write("c", [DeleteVector(name)], wait=False)
            del kinds[name]
            for vectors in model.values():
                vectors.pop(name, None)
        else:
            kinds[name] = draw.choice("abs")
            database.write("c", [CreateVector(name, specs[kinds[name]])], wait=False)
        for _ in range(3):
            id, held = draw.randrange(60), draw.sample(sorted(kinds), draw.randint(1, min(3, len(kinds))))
            columns = {name: made[kinds[name]]() for name in held}
            points = Points([id], columns)
            new = {name: plain(column) for name, column in columns.items()}
            if id in model and draw.random() < 0.7:
                database.write("c", [UpdateVectors(points), SetPayload((id,), {"n": step})], wait=False)
                model[id] |= new
            else:
                database.write("c", [Upsert(points)], wait=False)
                model[id] = new
        if step % 97 == 0:
            database.close()
            database = EngineDatabase.open(tmp_path)
        assert {id: point[1] for id, point in state(database).items()} == model
        for name, kind in kinds.items():
            having = {id for id, vectors in model.items() if name in vectors}
            assert database.count("c", Filter(must=(HasVector(name),))) == len(having)
            asked = (
                sparse(**{f"i{term}": 1.0 for term in range(5)}) if kind == "s" else np.ones(2 if kind == "a" else 3)
            )
            hits = database.query("c", [Query(Nearest(asked), using=name, limit=100)])[0]
            assert {hit.id for hit in hits} == having
    assert database._find("c").view.schema.next_slot > 62
    database.close()


def test_former_sparse_vectors_of_a_slot_do_not_count(database):
    database.write("c", [upsert([1, 2], a=[[1, 2], [3, 4]], s=[sparse(i1=1.0), sparse(i2=1.0)])])
    collection = database._find("c")
    slot = collection.view.schema.slots["s"]
    database.write("c", [DeleteVector("s")])
    while True:
        database.write("c", [CreateVector("s", SparseVectorSpec(modifier="idf"))])
        if collection.view.schema.slots["s"] == slot:
            break
        database.write("c", [DeleteVector("s")])
    assert [hit.id for hit in database.query("c", [Query(Nearest(sparse(i1=1.0)), using="s")])[0]] == []
    database.write("c", [UpdateVectors(Points([1], {"a": DenseColumn(np.ones((1, 2), "f4"))}))])
    database.write("c", [UpdateVectors(Points([2], {"s": [sparse(i1=1.0)]}))])
    [hit] = database.query("c", [Query(Nearest(sparse(i1=1.0)), using="s")])[0]
    assert (hit.id, hit.score) == (2, pytest.approx(np.log(1 + 0.5 / 1.5)))


def test_there_are_62_names_at_a_time(database):
    for number in range(59):
        database.write("c", [CreateVector(f"v{number}", VectorSpec(2, Distance.DOT))])
    with pytest.raises(InvalidInputError, match="at most 62 named vectors"):
        database.write("c", [CreateVector("more", VectorSpec(2, Distance.DOT))])
    database.write("c", [upsert([1], v7=[[1, 2]]), upsert([2], a=[[1, 2]])])
    database.write("c", [DeleteVector("v7")])
    database.write("c", [CreateVector("more", VectorSpec(3, Distance.DOT))])
    assert {id: point[1] for id, point in state(database).items()} == {1: {}, 2: {"a": [1, 2]}}


def test_payload_indexes_follow_changes(database):
    database.write("c", [CreateFieldIndex("n", FieldIndex(FieldType.INTEGER))])
    database.write("c", [upsert([1, 2, 3], [{"n": 1}, {"n": 2}, None], a=[[1, 1]] * 3)])
    one, empty = Filter(must=(MatchValue("n", 1),)), Filter(must=(IsEmpty("n"),))
    assert (database.count("c", one), database.count("c", empty)) == (1, 1)
    database.write("c", [SetPayload(empty, {"n": 1}), DeletePayload((2,), ("n",))])
    assert (database.count("c", one), database.count("c", empty)) == (2, 1)
    assert database.info("c").payload_schema["n"].points == 2
    database.write("c", [upsert([2], [{"n": [1, 5]}], a=[[1, 1]]), Delete((1,))])
    assert (database.count("c", one), database.count("c", empty)) == (2, 0)


def test_a_condition_on_vectors_is_judged_once_per_request(database):
    database.write("c", [upsert([1], b=[[2, 2, 2]])])
    twice = Points(
        [1, 1],
        {"a": DenseColumn(np.array([[3, 3]], "f4"), np.array([0])), "b": DenseColumn(np.ones((1, 3)), np.array([1]))},
    )
    database.write("c", [UpdateVectors(twice, Filter(must_not=(HasVector("a"),)))])
    assert state(database)[1][1] == {"a": [3, 3], "b": [1, 1, 1]}
