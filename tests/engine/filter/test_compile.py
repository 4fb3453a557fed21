from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_rows import MemoryRows
from pyroaring import BitMap
from strategies import IDS, RELAXED, field_indexes, filters, payloads

from quiverdb.engine.filter import compile as compiling
from quiverdb.engine.filter.compile import compile_filter
from quiverdb.engine.filter.evaluate import matches
from quiverdb.engine.index import fields as indexing
from quiverdb.engine.index.fields import FieldIndexes
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import (
    Condition,
    Filter,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    MatchExcept,
    MatchText,
    MatchValue,
    MinShould,
    Nested,
    Range,
    Slice,
    ValuesCount,
)

STEPS = st.one_of(
    st.tuples(st.just("insert"), st.lists(st.tuples(st.sampled_from(IDS), payloads()), max_size=5)),
    st.tuples(st.just("replace"), st.lists(st.tuples(st.sampled_from(IDS), payloads()), max_size=3)),
    st.tuples(st.just("delete"), st.sampled_from(IDS)),
    st.tuples(st.just("reopen"), st.none()),
    st.tuples(st.just("ask"), st.lists(filters(), min_size=6, max_size=6)),
    st.tuples(st.just("ask"), st.lists(filters(), min_size=6, max_size=6)),
)


class Collection:
    """Rows with their indexes, changed as a segment changes them."""

    def __init__(self, declared: dict[str, FieldIndex]) -> None:
        self.rows = MemoryRows()
        self.fields = FieldIndexes(declared)

    def insert(self, points: list[tuple[int | str, dict[str, Any]]]) -> None:
        unique = dict(points)
        new = list(unique.values())
        self.fields.insert(self.rows.insert(list(unique), new, ("", "image")), new)

    def replace(self, points: list[tuple[int | str, dict[str, Any]]]) -> None:
        changes = {self.rows.by_id[id]: payload for id, payload in points if id in self.rows.by_id}
        old = [self.rows.payload(offset) for offset in changes]
        for offset, payload in changes.items():
            self.rows.points[offset].payload = payload
        self.fields.replace(list(changes), old, list(changes.values()))

    def delete(self, id: int | str) -> None:
        if id in self.rows.by_id:
            self.rows.delete(self.rows.by_id[id])

    def reopen(self, _: None) -> None:
        data = self.fields.dump()
        self.fields = FieldIndexes(self.fields.declared)
        assert self.fields.restore(data)

    def ask(self, filters: list[Filter]) -> None:
        live = self.rows.live.copy()
        for filter in filters:
            wanted = {o for o in live if matches(filter, self.rows.points[o], self.fields.declared)}
            assert set(compile_filter(filter, self.rows, self.fields)) == wanted, filter
        assert self.rows.live == live


@given(field_indexes(), st.lists(payloads(), max_size=10), st.lists(STEPS, min_size=3, max_size=9), st.booleans())
@settings(RELAXED, max_examples=60)
def test_answers_like_the_evaluator(
    declared: dict[str, FieldIndex], first: list[dict[str, Any]], steps: list[tuple[str, Any]], looking: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        few = 256 if looking else 0  # with 0, everything goes through indexes
        patch.setattr(compiling, "_FEW", few)
        patch.setattr(indexing, "_FEW", few)
        collection = Collection(declared)
        collection.insert(list(zip(IDS, first, strict=False)))
        for name, argument in steps:
            getattr(collection, name)(argument)


MANY = [
    {
        "n": i,
        "f": i / 4,
        "tag": [f"t{i % 7}", f"t{i % 3}"],
        "name": f"name {i}",
        "parts": [{"k": i % 5, "x": i % 2}, {"k": i % 11, "x": 1}],
        "mixed": [i, i + 0.5, "x", None][: i % 5],
        "texts": [f"red w{i % 5}", f"fox w{i % 3}"][: i % 3],
    }
    for i in range(3000)
]
CONDITIONS: list[Condition] = [
    Range("n", gte=10.0, lt=20.0),
    Range("n", gte=500.5),
    Range("n", gt=0.0),
    Range("f", lte=100.25),
    Range("mixed", gt=100.25, lte=2000.0),
    MatchValue("tag", "t3"),
    MatchExcept("tag", ("t1", "t2")),
    MatchExcept("mixed", ("x",)),
    MatchText("name", "name 77"),
    MatchText("name", "name 77", "phrase"),
    ValuesCount("mixed", gte=2),
    IsEmpty("mixed"),
    HasId((5, 6, 99_999)),
    HasVector("image"),
    Slice(3, 1),
    Nested("parts", Filter(must=(MatchValue("k", 3),))),
    Nested("parts", Filter(must=(MatchValue("k", 3), MatchValue("x", 0)))),
    Nested("parts", Filter(should=(MatchValue("k", 3), MatchValue("k", 10)))),
    Nested("parts", Filter(must=(MatchValue("x", 0),), must_not=(MatchValue("k", 3),))),
    Nested("parts", Filter(min_should=MinShould((MatchValue("k", 3), MatchValue("x", 1)), 2))),
    Nested("parts", Filter(must=(HasId((5,)),))),
    Nested("parts", Filter()),
    Nested("parts", Filter(should=(MatchValue("k", 3), IsEmpty("x")))),
    Nested("parts", Filter(must=(IsEmpty("x"),))),
    Nested("parts", Filter(must=(ValuesCount("x", lte=1), MatchValue("k", 3)))),
    MatchText("texts", "red w2"),
    MatchText("texts", "red fox"),
    MatchText("texts", "red fox", "any"),
    MatchText("texts", "fox w1", "phrase"),
]


@pytest.fixture(scope="module")
def many() -> Collection:
    collection = Collection({"name": FieldIndex(FieldType.TEXT, phrase_matching=True)})
    collection.insert(list(enumerate(MANY)))
    for id in range(0, 3000, 50):
        collection.delete(id)
    return collection


@pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
def test_many_rows(many: Collection, condition: Condition) -> None:
    others = (Range("n", lt=1000.0), MatchValue("tag", "t1"))
    many.ask(
        [
            Filter(must=(condition,)),
            Filter(must_not=(condition,)),
            Filter(must=(condition, *others)),
            Filter(should=(condition, *others)),
            Filter(min_should=MinShould((condition, *others), 2)),
            Filter(must=(others[0], Filter(should=(others[1], condition), must_not=(IsEmpty("mixed"),)))),
        ]
    )


def test_what_nested_sees_differs_under_declared_indexes() -> None:
    uuid = "550e8400-e29b-41d4-a716-446655440000"
    declared = {
        "o[].i": FieldIndex(FieldType.INTEGER),
        "o[].u": FieldIndex(FieldType.UUID),
        "o[].t": FieldIndex(FieldType.TEXT),
    }
    collection = Collection(declared)
    held = [{"i": 1}, {"i": 1.0}, {"u": uuid}, {"u": uuid.upper()}, {"t": ["red", "fox"]}, {"t": "red fox"}]
    collection.insert([(id, {"o": [held[id % len(held)], {"t": "red"}]}) for id in range(1000)])
    inner: list[Condition] = [
        MatchValue("i", 1),
        MatchExcept("i", (1,)),
        MatchValue("u", uuid),
        MatchExcept("u", (uuid,)),
        MatchText("t", "red fox"),
    ]
    collection.ask([Filter(must=(Nested("o", Filter(must=(condition,))),)) for condition in inner])
    outer: list[Condition] = [MatchValue("o[].i", 1), MatchValue("o[].u", uuid), MatchText("o[].t", "red fox")]
    collection.ask([Filter(must=(condition,)) for condition in outer])


def test_numbers_compare_as_floats() -> None:
    collection = Collection({})
    near = [2**53, 2**62, 2**63 - 1, 2**63 - 513, 2**63 - 512, -(2**63), -(2**53), 2**54 + 2]
    values = [near_one + step for near_one in near for step in range(-3, 4)]
    payloads = [{"n": value} for value in values if -(2**63) <= value < 2**64] * 10
    collection.insert(list(enumerate(payloads)))
    bounds = [*sorted({float(value) for value in values}), 1e300, -1e300, float("inf"), float("-inf")]
    ranges = [Range("n", **{name: bound}) for bound in bounds for name in ("lt", "lte", "gt", "gte")]
    collection.ask([Filter(must=(condition,)) for condition in ranges])


def test_a_replaced_value_is_seen_by_type() -> None:
    collection = Collection({})
    collection.insert([(id, {"k": [True, None]}) for id in range(600)])
    shapes: list[Condition] = [
        MatchValue("k", True),
        MatchValue("k", 1),
        IsNull("k"),
        IsEmpty("k"),
        ValuesCount("k", gte=2),
    ]
    asked = [Filter(must=(condition,)) for condition in shapes]
    collection.ask(asked)
    collection.replace([(id, {"k": [1, None]}) for id in range(0, 600, 2)])
    collection.ask(asked)
    collection.replace([(id, {"k": []}) for id in range(0, 600, 3)])
    collection.ask(asked)


def test_an_empty_filter_gives_a_copy(many: Collection) -> None:
    found = compile_filter(Filter(), many.rows, many.fields)
    assert found == many.rows.live
    found.clear()
    assert many.rows.live


def test_no_rows() -> None:
    assert compile_filter(Filter(must=(Range("n"), Slice(2, 0))), MemoryRows(), FieldIndexes({})) == BitMap()


def test_few_candidates_need_no_index(many: Collection) -> None:
    fields = FieldIndexes({})
    assert len(compile_filter(Filter(must=(MatchValue("tag", "t1"), HasId((1, 2)))), many.rows, fields)) == 1
    assert not fields.ready(MatchValue("tag", "t1"))
