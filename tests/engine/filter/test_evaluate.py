"""The evaluator, by examples and against Qdrant's core.

Where Edge 0.9 differs on purpose or by accident, and what is done here:

- Declared KEYWORD, INTEGER, FLOAT, BOOL, DATETIME and UUID indexes of Edge do not see values of other types, so that
  "except" and ranges lose mixed values under them; an integer index takes ``gt`` instead of ``gte`` when both are
  given, compares integers beyond 2**53 exactly and caps larger ones; a geo index misses areas as wide as the world.
  Here, an index changes no answer but in the four documented ways.
- In Edge an empty ``should`` list inside ``Nested`` lets nothing through, outside it everything; the model has no
  empty list apart from an absent one, so it lets everything through.
- ``FieldCondition(is_empty=True)`` of Edge holds if one of several values is empty, ``IsEmptyCondition`` if all are;
  ``IsEmpty`` is the latter.
"""

from __future__ import annotations

from typing import Any

import pytest
from edge_filter import EdgePoints, vectors_of
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_rows import SimplePoint
from strategies import IDS, RELAXED, UUIDS, conditions, field_indexes, filters, payloads

from quiverdb.engine.filter.evaluate import matches
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import (
    Condition,
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPoint,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    MinShould,
    Nested,
    Range,
    Slice,
    ValuesCount,
)

A1, B1, NEVER = MatchValue("a", 1), MatchValue("b", 1), HasId(())
TEXT = FieldIndex(FieldType.TEXT)
PHRASES = FieldIndex(FieldType.TEXT, phrase_matching=True)


def holds(condition: Condition, value: Any, index: FieldIndex | None = None) -> bool:
    point = SimplePoint(7, {"a": value}, frozenset({""}))
    return matches(Filter(must=(condition,)), point, {} if index is None else {"a": index})


@pytest.mark.parametrize(
    ("condition", "yes", "no"),
    [
        (MatchValue("a", 1), [1, [0, 1], [None, 1]], [True, 1.0, "1", [[1]], 2**64 - 1, None, {}]),
        (MatchValue("a", True), [True, [False, True]], [1, 1.0, "true"]),
        (MatchValue("a", "x"), ["x", ["x"]], ["X", "xx", ["xx"]]),
        (MatchValue("a", -(2**63)), [-(2**63)], [2**63, -(2.0**63)]),
        (MatchAny("a", (1, 2)), [2, [3, 2]], [2.0, True, "1"]),
        (MatchAny("a", ()), [], [1, "x", None, []]),
        (MatchExcept("a", (1, 2)), [3, 1.0, True, "x", {}, [[1]], [1, 3], 2**64 - 1], [1, [1, 2], None, [], [None]]),
        (MatchExcept("a", ()), [1, {}, "x"], [None, [], [None]]),
        (MatchPrefix("a", "ab"), ["ab", "abc", ["x", "abc"]], ["Abc", "xab", 1]),
        (MatchPrefix("a", ""), ["", "x"], [1, None]),
        (MatchSubstring("a", "b"), ["abc"], ["aBc", ["x"], 5]),
        (Range("a", gte=1.0, lt=2.0), [1, 1.5, [0, 1]], [2, True, "1.5", None, [[1]]]),
        (Range("a"), [0, -1.5, 2**64 - 1], [False, "1", None]),
        (Range("a", gt=9e18), [2**63, 2**64 - 1], [2**62]),
        (Range("a", gt=float("nan")), [], [1, 1e308]),
        (DatetimeRange("a", gte=0, lt=86_400_000_000), ["1970-01-01", "1970-01-01T12:00"], ["1970-01-02", 5, "soon"]),
        (DatetimeRange("a"), ["2020-01-01"], ["x", 0]),
        (GeoRadius("a", GeoPoint(0, 0), 10.0), [{"lon": 0, "lat": 0.0}, [{"lon": 0, "lat": 0, "x": 1}]],
         [{"lon": 1, "lat": 1}, {"lon": "0", "lat": 0}, {"lat": 0}, {"lon": True, "lat": 0}, [[{"lon": 0, "lat": 0}]]]),
        (GeoBox("a", GeoPoint(-1, 1), GeoPoint(1, -1)), [{"lon": 0, "lat": 0}], [{"lon": 1, "lat": 0}, "0,0"]),
        (GeoPolygon("a", tuple(GeoPoint(*p) for p in ((0, 0), (0, 2), (2, 0), (0, 0)))),
         [{"lon": 0.5, "lat": 0.5}], [{"lon": 0, "lat": 1}, {"lon": 1, "lat": 1}, {"lon": 10**400, "lat": 1}]),
        (ValuesCount("a", gte=1, lte=1), [1, "xyz", {}, [None], [[1, 2]]], [None, [], [1, 2]]),
        (ValuesCount("a", lt=1), [None, []], [0, [None]]),
        (IsEmpty("a"), [None, []], [[None], "", {}, 0, [[]]]),
        (IsNull("a"), [None, [1, None]], [[], 0, [[None]]]),
        (MatchText("a", "fox RED"), ["Red fox", "fox_red!", ["x", "red fox"]], ["redfox", ["red", "fox"], 5, None]),
        (MatchText("a", "red zz", "any"), ["red", ["x", "red"]], ["redder", ""]),
        (MatchText("a", "red fox", "phrase"), ["A red-fox!"], ["fox red", "red big fox", ["red", "fox"]]),
        (MatchText("a", "", "any"), [], ["", "x"]),
        (MatchText("a", " - "), [], ["-", "x"]),
        (HasId((7, UUIDS[0])), [None], []),
        (HasId(("7", 8)), [], [None]),
        (HasVector(""), [None], []),
        (HasVector("image"), [], [None]),
        (Nested("a", Filter(must=(A1, B1))), [], [{"a": 1, "b": 1}, [{"a": 1}, {"b": 1}], [[{"a": 1, "b": 1}]]]),
        (Nested("a", Filter(must=(A1,))), [[{"a": 1}], [5, {"a": [2, 1]}]], [{"a": 1}, [1], [], None]),
        (Nested("a[]", Filter(must=(A1,))), [[{"a": 1}]], [{"a": 1}]),
        (Nested("a", Filter()), [[{}]], [[], [1], {}, None]),
        (Nested("a", Filter(must_not=(HasId((7,)), HasVector(""), Slice(1, 0)))), [[{}]], []),
    ],
)  # fmt: skip
def test_conditions(condition: Condition, yes: list[Any], no: list[Any]) -> None:
    for value in yes:
        assert holds(condition, value), value
    for value in no:
        assert not holds(condition, value), value


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (ValuesCount("zz", lte=0), True),
        (ValuesCount("zz", gte=1), False),
        (IsEmpty("zz"), True),
        (IsNull("zz"), False),
        (MatchExcept("zz", ("x",)), False),
        (Range("zz"), False),
    ],
)
def test_missing_keys(condition: Condition, holds: bool) -> None:
    assert matches(Filter(must=(condition,)), SimplePoint(1, {"a": 1})) is holds


@pytest.mark.parametrize(
    ("filter", "holds"),
    [
        (Filter(), True),
        (Filter(must=(A1, B1)), False),
        (Filter(should=(A1, B1)), True),
        (Filter(should=(B1, NEVER)), False),
        (Filter(must_not=(A1,)), False),
        (Filter(must_not=(B1,)), True),
        (Filter(must=(A1,), should=(B1,)), False),
        (Filter(min_should=MinShould((A1, B1, A1), 2)), True),
        (Filter(min_should=MinShould((A1, B1), 2)), False),
        (Filter(min_should=MinShould((), 1)), False),
        (Filter(must=(Filter(must_not=(Filter(must=(B1,)),)),)), True),
    ],
)
def test_clauses(filter: Filter, holds: bool) -> None:
    assert matches(filter, SimplePoint(1, {"a": 1, "b": 2})) is holds


@pytest.mark.parametrize("id", [*range(20), *UUIDS])
def test_slices_part_the_ids(id: int | str) -> None:
    slices = [Filter(must=(Slice(5, index),)) for index in range(5)]
    assert sum(matches(filter, SimplePoint(id, {})) for filter in slices) == 1
    assert not matches(Filter(must=(Slice(0, 0),)), SimplePoint(id, {}))


def test_a_text_index_changes_the_tokens() -> None:
    words = MatchText("a", "red fox")
    assert holds(words, ["red", "fox"], TEXT)
    assert not holds(words, ["red", "fox"])
    assert not holds(MatchText("a", "red fox", "phrase"), "red fox", TEXT)
    assert holds(MatchText("a", "red fox", "phrase"), "red fox", PHRASES)
    assert not holds(MatchText("a", "red fox", "phrase"), ["red", "fox"], PHRASES)
    assert not holds(words, "RED FOX", FieldIndex(FieldType.TEXT, lowercase=False))
    assert holds(MatchText("a", "re"), "red", FieldIndex(FieldType.TEXT, tokenizer="prefix", min_token_len=1))


@pytest.mark.parametrize(
    ("phrase", "found"),
    [("brown fox", True), ("quick brown", True), ("brown fo", True), ("br fo", False), ("b fox", False), ("fox", True)],
)
def test_phrases_of_prefixes_follow_each_other_as_they_are_stored(phrase: str, found: bool) -> None:
    index = FieldIndex(FieldType.TEXT, tokenizer="prefix", phrase_matching=True)
    assert holds(MatchText("a", phrase, "phrase"), "The quick brown Fox", index) is found


def test_integer_and_uuid_indexes_know_their_values() -> None:
    assert holds(MatchValue("a", 1), 1.0, FieldIndex(FieldType.INTEGER))
    assert not holds(MatchExcept("a", (1,)), [1.0], FieldIndex(FieldType.INTEGER))
    uuid = FieldIndex(FieldType.UUID)
    assert holds(MatchValue("a", UUIDS[0]), UUIDS[0].upper(), uuid)
    assert holds(MatchAny("a", (UUIDS[0].replace("-", ""),)), UUIDS[0], uuid)
    assert not holds(MatchValue("a", UUIDS[0]), UUIDS[0].upper())


def test_bad_paths_are_refused() -> None:
    with pytest.raises(InvalidInputError):
        matches(Filter(must=(IsEmpty("a..b"),)), SimplePoint(1, {}))


def answers(filter: Filter, points: list[dict[str, Any]], indexes: dict[str, FieldIndex]) -> set[int | str]:
    subjects = [
        SimplePoint(id, payload, vectors_of(n)) for n, (id, payload) in enumerate(zip(IDS, points, strict=True))
    ]
    return {point.id for point in subjects if matches(filter, point, indexes)}


@given(
    st.lists(payloads(), min_size=len(IDS), max_size=len(IDS)),
    st.lists(filters(slices=False), min_size=25, max_size=25),
)
@settings(RELAXED, max_examples=40)
def test_agrees_with_edge(points: list[dict[str, Any]], asked: list[Filter]) -> None:
    with EdgePoints(points, IDS) as edge:
        for filter in asked:
            assert answers(filter, points, {}) == edge.ids(filter), filter


def _index_narrows(condition: Condition, indexes: dict[str, FieldIndex]) -> bool:
    """Tell whether Edge loses or adds values of other types under a declared index."""
    match condition:
        case Filter() | Nested():
            return True  # may contain any of the following
        case MatchExcept(key) | Range(key) | DatetimeRange(key) | GeoBox(key):
            return key in indexes and indexes[key].type is not FieldType.TEXT
        case _:
            return False


@given(
    st.lists(payloads(), min_size=len(IDS), max_size=len(IDS)),
    st.lists(conditions(0, slices=False), min_size=25, max_size=25),
    field_indexes(),
)
@settings(RELAXED, max_examples=60)
def test_agrees_with_edge_under_declared_indexes(
    points: list[dict[str, Any]], asked: list[Condition], indexes: dict[str, FieldIndex]
) -> None:
    with EdgePoints(points, IDS, indexes) as edge:
        for condition in asked:
            if not _index_narrows(condition, indexes):
                filter = Filter(must=(condition,))
                assert answers(filter, points, indexes) == edge.ids(filter), (condition, indexes)


NUMBERS = st.sampled_from((0, 1, 2, 3, -1))
OF_TYPE: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.KEYWORD: st.sampled_from(("red", "fox", "Red fox", "")),
    FieldType.INTEGER: NUMBERS,
    FieldType.FLOAT: st.one_of(NUMBERS, NUMBERS.map(lambda number: number / 2)),
    FieldType.BOOL: st.booleans(),
    FieldType.DATETIME: st.sampled_from(("2020-01-01", "2020-01-01T00:00:00.5Z", "2021-01-01 10:00")),
    FieldType.UUID: st.sampled_from((*UUIDS, UUIDS[0].upper())),
    FieldType.TEXT: st.sampled_from(("red fox", "the red-fox jumps", "fox", "Red")),
}


@st.composite
def _typed_worlds(draw: st.DrawFn) -> tuple[FieldType, list[dict[str, Any]], list[Filter]]:
    kind = draw(st.sampled_from(list(OF_TYPE)))
    value = OF_TYPE[kind]
    held = st.one_of(value, value, st.none(), st.lists(st.one_of(value, st.none()), max_size=3))
    point = st.one_of(st.builds(lambda held: {"a": held}, held), st.just({}))
    points = draw(st.lists(point, min_size=len(IDS), max_size=len(IDS)))
    bounds = {name: st.one_of(st.none(), NUMBERS.map(float)) for name in ("lt", "gt")}
    moments = {name: st.one_of(st.none(), st.just(1577836800500000)) for name in ("lte", "gte")}
    listed = st.lists(value, min_size=1, max_size=2).map(tuple)
    kinds: list[st.SearchStrategy[Condition]] = [
        st.just(IsEmpty("a")),
        st.just(IsNull("a")),
        st.builds(ValuesCount, st.just("a"), gte=st.integers(0, 3), lte=st.one_of(st.none(), st.integers(0, 3))),
    ]
    if kind not in (FieldType.FLOAT, FieldType.DATETIME):
        kinds.append(st.builds(MatchValue, st.just("a"), value))
    if kind in (FieldType.KEYWORD, FieldType.INTEGER, FieldType.UUID):
        kinds += [st.builds(MatchAny, st.just("a"), listed), st.builds(MatchExcept, st.just("a"), listed)]
    if kind in (FieldType.INTEGER, FieldType.FLOAT):
        kinds.append(st.builds(Range, st.just("a"), **bounds))
    if kind is FieldType.DATETIME:
        kinds.append(st.builds(DatetimeRange, st.just("a"), **moments))
    if kind in (FieldType.KEYWORD, FieldType.TEXT):
        kinds.append(st.builds(MatchText, st.just("a"), st.sampled_from(("red", "fox red"))))
        kinds.append(st.builds(MatchPrefix, st.just("a"), st.sampled_from(("r", ""))))
    condition = st.one_of(kinds)
    clause = st.one_of(
        condition.map(lambda one: Filter(must=(one,))),
        condition.map(lambda one: Filter(must_not=(one,))),
        st.lists(condition, min_size=2, max_size=3).map(lambda some: Filter(min_should=MinShould(tuple(some), 2))),
    )
    return kind, points, draw(st.lists(clause, min_size=20, max_size=20))


@given(_typed_worlds())
@settings(RELAXED, max_examples=60)
def test_agrees_with_edge_on_values_of_the_declared_type(
    world: tuple[FieldType, list[dict[str, Any]], list[Filter]],
) -> None:
    kind, points, asked = world
    indexes = {"a": FieldIndex(kind)}
    with EdgePoints(points, IDS, indexes) as edge:
        for filter in asked:
            assert answers(filter, points, indexes) == edge.ids(filter), (filter, kind)


@pytest.mark.parametrize("index", [None, TEXT, PHRASES, FieldIndex(FieldType.TEXT, lowercase=False)])
def test_texts_inside_nested_agree_with_edge(index: FieldIndex | None) -> None:
    points = [
        {"a": [{"t": "Red fox"}, {"t": "x"}]},
        {"a": [{"t": ["red", "fox"]}]},
        {"a": [{"t": "red"}, {"t": "fox"}]},
    ]
    indexes = {} if index is None else {"a[].t": index}
    with EdgePoints(points, indexes=indexes) as edge:
        for text, mode in (("red fox", "all"), ("Red", "any"), ("red", "all"), ("red fox", "phrase")):
            for key, wrap in (("t", True), ("a[].t", False)):
                condition: Condition = MatchText(key, text, mode)  # type: ignore[arg-type]
                filter = Filter(must=(Nested("a", Filter(must=(condition,))) if wrap else condition,))
                found = {n for n, payload in enumerate(points) if matches(filter, SimplePoint(n, payload), indexes)}
                assert found == edge.ids(filter), (filter, index)


def test_values_inside_nested_agree_with_edge() -> None:
    points = [{"a": [{"k": 1.0}]}, {"a": [{"k": 1}]}, {"a": [{"k": UUIDS[0].upper()}]}, {"a": [{"k": UUIDS[0]}]}]
    for kind, value in ((FieldType.INTEGER, 1), (FieldType.UUID, UUIDS[0])):
        indexes = {"a[].k": FieldIndex(kind)}
        with EdgePoints(points, indexes=indexes) as edge:
            for condition in (MatchValue("a[].k", value), Nested("a", Filter(must=(MatchValue("k", value),)))):
                filter = Filter(must=(condition,))
                found = {n for n, payload in enumerate(points) if matches(filter, SimplePoint(n, payload), indexes)}
                assert found == edge.ids(filter), (filter, kind)


def test_is_empty_under_a_nested_index_agrees_with_edge() -> None:
    values: list[Any] = [
        [{"k": "x"}, {"n": 2}], [{"k": "x"}], [], None, [{"k": "y"}, {"k": "x"}], [{}], {"k": "x"}, [{"k": None}],
        [{"k": []}, {"k": "x"}], [1, {"k": 2}],
    ]  # fmt: skip
    points = [{"a": value} for value in values]
    for indexes in ({}, {"a[].k": FieldIndex(FieldType.KEYWORD, nested="a")}):
        with EdgePoints(points, indexes=indexes) as edge:
            filter = Filter(must=(IsEmpty("a[].k"),))
            found = {n for n, payload in enumerate(points) if matches(filter, SimplePoint(n, payload), indexes)}
            assert found == edge.ids(filter)
