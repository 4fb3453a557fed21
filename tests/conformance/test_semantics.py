"""What the Qdrant API promises, case by case with the answers written out.

Every case runs in memory, on disk, on a folder that is reopened before each call, through a remote database, through
our client and the official one in front of a server, and on Qdrant's own core, which keeps the written answers true.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends import LOCAL, REMOTE
from edge import EdgeCollection
from targets import NAME, ClientCollection, outcome

from quiverdb.qdrant import QdrantClient, models

M = models
Make = Callable[[Any], Any]
DOT = M.VectorParams(size=2, distance=M.Distance.DOT)
U1, U2 = "00000000-0000-0000-0000-000000000001", "f0000000-0000-0000-0000-000000000000"


class Reopening(ClientCollection):
    """Closes and opens the folder before each call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._client = QdrantClient(path=str(path))
        super().__init__(self._client)

    @property
    def client(self) -> QdrantClient:
        self._client.close()
        self._client = QdrantClient(path=str(self.path))
        return self._client

    @client.setter
    def client(self, client: QdrantClient) -> None:
        self._client = client

    def close(self) -> None:
        self._client.close()


@pytest.fixture(params=[*LOCAL, "reopened", "core", *REMOTE])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes a collection with the given vectors."""
    with ExitStack() as opened:

        def build(config: Any) -> Any:
            if request.param == "core":
                return opened.enter_context(closing(EdgeCollection(config)))
            if request.param in REMOTE:
                made = ClientCollection.made(request.getfixturevalue("remote")(request.param), config)
                opened.callback(made.drop)
                return made
            if request.param == "reopened":
                made = Reopening(tmp_path / "db")
            else:
                made = ClientCollection(LOCAL[request.param](tmp_path))
            opened.callback(made.close)
            made.client.create_collection(NAME, vectors_config=config)
            return made

        yield build


def point(id: Any, vector: Any = (1.0, 0.0), **payload: Any) -> M.PointStruct:
    return M.PointStruct(id=id, vector=list(vector) if isinstance(vector, tuple) else vector, payload=payload)


def ids(collection: Any, **clauses: Any) -> list[Any]:
    where = M.Filter(**clauses) if clauses else None
    return [row.id for row in collection.scroll(scroll_filter=where, limit=100)[0]]


def payload(collection: Any, id: Any = 1) -> Any:
    return collection.retrieve([id], with_payload=True)[0].payload


def stored(collection: Any, id: Any = 1, name: str = "") -> list[float]:
    return collection.retrieve([id], with_vectors=True)[0].vectors[name].tolist()


def scored(collection: Any, query: Any, **arguments: Any) -> list[tuple[Any, float]]:
    hits = collection.query_points(query=query, **{"limit": 100, **arguments})
    return [(hit.id, round(hit.score, 4)) for hit in hits]


# --- ids and pages


def test_integers_come_before_uuids(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(U2), point(2**64 - 1), point(3), point(U1), point(20)])
    assert ids(things) == [3, 20, 2**64 - 1, U1, U2]


def test_a_uuid_has_many_spellings(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(U2, n=1)])
    things.upsert(points=[point(U2.upper().replace("-", ""), n=2)])
    things.upsert(points=[point(f"urn:uuid:{U2}", n=3)])
    assert ids(things) == [U2]
    assert payload(things, U2) == {"n": 3}


def test_pages_name_the_next_id(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(i) for i in (1, 5, 7)] + [point(U1)])
    seen, offset, pages = [], None, 0
    while pages == 0 or offset is not None:
        page, offset = things.scroll(limit=2, offset=offset)
        seen.append([row.id for row in page])
        pages += 1
    assert seen == [[1, 5], [7, U1]]
    assert [row.id for row in things.scroll(limit=2, offset=2)[0]] == [5, 7]
    assert things.scroll(limit=1, offset=U1)[1] is None


def test_retrieve_keeps_the_order_asked(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(i) for i in range(5)])
    assert [row.id for row in things.retrieve([3, 99, 0, 4])] == [3, 0, 4]


# --- vectors and scores


def test_cosine_vectors_are_stored_normalised(make: Make) -> None:
    things = make(M.VectorParams(size=2, distance=M.Distance.COSINE))
    things.upsert(points=[point(1, (3.0, 4.0)), point(2, (0.0, 0.0)), point(3, (-6.0, 8.0))])
    np.testing.assert_allclose(stored(things), [0.6, 0.8], atol=1e-6)
    assert stored(things, 2) == [0.0, 0.0]
    assert scored(things, [30.0, 40.0]) == [(1, 1.0), (3, 0.28), (2, 0.0)]


@pytest.mark.parametrize(
    ("distance", "hits"),
    [
        (M.Distance.DOT, [(2, 8.0), (1, 5.0), (3, -1.0)]),
        (M.Distance.EUCLID, [(1, 0.0), (2, 3.0), (3, round(math.sqrt(10), 4))]),
        (M.Distance.MANHATTAN, [(1, 0.0), (2, 3.0), (3, 4.0)]),
    ],
)
def test_scores(make: Make, distance: M.Distance, hits: list[tuple[int, float]]) -> None:
    things = make(M.VectorParams(size=2, distance=distance))
    things.upsert(points=[point(1, (1.0, 2.0)), point(2, (4.0, 2.0)), point(3, (-1.0, -0.0 + 0.0))])
    if distance != M.Distance.DOT:
        things.upsert(points=[point(3, (0.0, -1.0))])
    assert scored(things, [1.0, 2.0]) == hits


@pytest.mark.parametrize(
    ("distance", "threshold", "found"),
    [
        (M.Distance.DOT, 2.0, [3]),
        (M.Distance.DOT, 1.9, [3, 2]),
        (M.Distance.EUCLID, 1.0, [2]),
        (M.Distance.EUCLID, 1.1, [2, 1, 3]),
        (M.Distance.MANHATTAN, 0.0, []),
        (M.Distance.MANHATTAN, 0.5, [2]),
    ],
)
def test_the_threshold_itself_does_not_pass(make: Make, distance: Any, threshold: float, found: list[int]) -> None:
    things = make(M.VectorParams(size=2, distance=distance))
    things.upsert(points=[point(i, (float(i), 0.0)) for i in (1, 2, 3)])
    query = [1.0, 0.0] if distance == M.Distance.DOT else [2.0, 0.0]
    got = [hit for hit, _ in scored(things, query, score_threshold=threshold)]
    assert sorted(got) == sorted(found)
    assert got[:1] == found[:1]


def test_bytes_are_cut_off(make: Make) -> None:
    things = make(M.VectorParams(size=3, distance=M.Distance.EUCLID, datatype=M.Datatype.UINT8))
    things.upsert(points=[point(1, (1.9, -4.0, 300.0)), point(2, (254.6, 2.5, 0.999))])
    assert stored(things) == [1.0, 0.0, 255.0]
    assert stored(things, 2) == [254.0, 2.0, 0.0]
    assert scored(things, [1.0, 0.0, 255.0], limit=1) == [(1, 0.0)]


def test_half_floats_are_rounded(make: Make) -> None:
    things = make(M.VectorParams(size=2, distance=M.Distance.DOT, datatype=M.Datatype.FLOAT16))
    things.upsert(points=[point(1, (0.1, 1.9))])
    np.testing.assert_array_equal(stored(things), np.array([0.1, 1.9], "f2").astype("f8"))


def test_a_point_needs_no_vector(make: Make) -> None:
    things = make({"a": DOT, "b": DOT})
    things.upsert(points=[point(1, {"a": [1.0, 1.0]}), point(2, {}), point(3, {"a": [2.0, 0.0], "b": [0.0, 5.0]})])
    assert ids(things) == [1, 2, 3]
    assert [hit for hit, _ in scored(things, [1.0, 1.0], using="a")] in ([1, 3], [3, 1])
    assert scored(things, [1.0, 1.0], using="b") == [(3, 5.0)]
    assert ids(things, must=[M.HasVectorCondition(has_vector="b")]) == [3]
    assert ids(things, must_not=[M.HasVectorCondition(has_vector="a")]) == [2]


def test_the_point_of_a_query_is_left_out(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(i, (float(i), 1.0)) for i in (1, 2, 3)])
    assert scored(things, 2) == [(3, 7.0), (1, 3.0)]
    assert scored(things, 2, offset=1) == [(1, 3.0)]
    assert outcome(lambda: things.query_points(query=9)).refusal == "missing"


# --- writing points


def test_upsert_replaces_the_whole_point(make: Make) -> None:
    things = make({"a": DOT, "b": DOT})
    things.upsert(points=[point(1, {"a": [1.0, 1.0], "b": [1.0, 1.0]}, x=1)])
    things.upsert(points=[point(1, {"a": [2.0, 2.0]}, y=2)])
    assert payload(things) == {"y": 2}
    assert list(things.retrieve([1], with_vectors=True)[0].vectors) == ["a"]


def test_the_last_of_equal_ids_wins(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, (1.0, 1.0), n=1), point(2, n=1), point(1, (2.0, 2.0), n=2)])
    assert ids(things) == [1, 2]
    assert (payload(things), stored(things)) == ({"n": 2}, [2.0, 2.0])


@pytest.mark.parametrize(
    ("mode", "left"),
    [
        (None, {1: "new", 2: "new"}),
        (M.UpdateMode.UPSERT, {1: "new", 2: "new"}),
        (M.UpdateMode.INSERT_ONLY, {1: "old", 2: "new"}),
        (M.UpdateMode.UPDATE_ONLY, {1: "new"}),
    ],
)
def test_update_modes(make: Make, mode: Any, left: dict[int, str]) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, is_="old")])
    things.upsert(points=[point(1, is_="new"), point(2, is_="new")], update_mode=mode)
    assert {row.id: row.payload["is_"] for row in things.scroll(limit=9)[0]} == left


def test_conditional_upsert_replaces_what_matches_and_inserts_the_rest(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, v=1), point(2, v=2)])
    where = M.Filter(must=[M.FieldCondition(key="v", match=M.MatchValue(value=1))])
    things.upsert(points=[point(i, v=9) for i in (1, 2, 3)], update_filter=where)
    assert {row.id: row.payload["v"] for row in things.scroll(limit=9)[0]} == {1: 9, 2: 2, 3: 9}


def test_update_vectors_keeps_the_others(make: Make) -> None:
    things = make({"a": DOT, "b": DOT})
    things.upsert(points=[point(1, {"a": [1.0, 1.0], "b": [1.0, 1.0]}, x=1), point(2, {})])
    things.update_vectors(
        points=[M.PointVectors(id=1, vector={"b": [5.0, 5.0]}), M.PointVectors(id=2, vector={"a": [3.0, 3.0]})]
    )
    assert (stored(things, 1, "a"), stored(things, 1, "b")) == ([1.0, 1.0], [5.0, 5.0])
    assert stored(things, 2, "a") == [3.0, 3.0]
    assert payload(things) == {"x": 1}
    things.delete_vectors(vectors=["b"], points=[1])
    assert list(things.retrieve([1], with_vectors=True)[0].vectors) == ["a"]


@pytest.mark.parametrize(
    ("method", "arguments", "left"),
    [
        ("set_payload", {"payload": {"a": 1}}, {"k": 1, "a": 1}),
        ("overwrite_payload", {"payload": {"a": 1}}, {"a": 1}),
        ("delete_payload", {"keys": ["k"]}, {}),
        ("clear_payload", {}, {}),
    ],
)
def test_missing_ids_do_not_stop_the_others(make: Make, method: str, arguments: Any, left: Any) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, k=1), point(3, k=1)])
    name = "points_selector" if method == "clear_payload" else "points"
    got = outcome(lambda: getattr(things, method)(**arguments, **{name: [1, 2, 3]}))
    assert got.refusal == "missing"
    assert "2" in got.reason
    assert [payload(things, i) for i in (1, 3)] == [left, left]


def test_deleting_what_is_missing_is_no_error(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(1)])
    things.delete(points_selector=[1, 2])
    things.delete(points_selector=M.Filter(must=[M.HasIdCondition(has_id=[3])]))
    assert ids(things) == []


# --- payloads


@pytest.mark.parametrize(
    ("change", "key", "left"),
    [
        ({"b": 2}, None, {"a": {"x": 1}, "l": [{"p": 1}, 5], "b": 2}),
        ({"a": {"y": 2}}, None, {"a": {"y": 2}, "l": [{"p": 1}, 5]}),
        ({"a": None, "no": None}, None, {"l": [{"p": 1}, 5]}),
        ({"y": 2}, "a", {"a": {"x": 1, "y": 2}, "l": [{"p": 1}, 5]}),
        ({"x": None}, "a", {"a": {}, "l": [{"p": 1}, 5]}),
        ({"z": 3}, "new.deep", {"a": {"x": 1}, "l": [{"p": 1}, 5], "new": {"deep": {"z": 3}}}),
        ({"z": 3}, "l[0]", {"a": {"x": 1}, "l": [{"p": 1, "z": 3}, 5]}),
        ({"z": 3}, "l[1]", {"a": {"x": 1}, "l": [{"p": 1}, {"z": 3}]}),
        ({"z": 3}, "l[]", {"a": {"x": 1}, "l": [{"p": 1, "z": 3}, {"z": 3}]}),
        ({"z": 3}, "l[7]", {"a": {"x": 1}, "l": [{"p": 1}, 5]}),
        ({"z": 3}, '"a.b"', {"a": {"x": 1}, "l": [{"p": 1}, 5], "a.b": {"z": 3}}),
    ],
)
def test_set_payload(make: Make, change: dict[str, Any], key: str | None, left: dict[str, Any]) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, a={"x": 1}, l=[{"p": 1}, 5])])
    things.set_payload(payload=change, points=[1], key=key)
    assert payload(things) == left


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        (["a.x"], {"a": {"y": [1, 2]}, "l": [{"p": 1}, {"p": 2, "q": 3}]}),
        (["a.y[]"], {"a": {"x": 1, "y": []}, "l": [{"p": 1}, {"p": 2, "q": 3}]}),
        (["a.y[0]"], {"a": {"x": 1, "y": [1, 2]}, "l": [{"p": 1}, {"p": 2, "q": 3}]}),
        (["l[].p"], {"a": {"x": 1, "y": [1, 2]}, "l": [{}, {"q": 3}]}),
        (["l[1].p", "a"], {"l": [{"p": 1}, {"q": 3}]}),
        (["no", "a.no", "l.p"], {"a": {"x": 1, "y": [1, 2]}, "l": [{"p": 1}, {"p": 2, "q": 3}]}),
    ],
)
def test_delete_payload(make: Make, keys: list[str], left: dict[str, Any]) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, a={"x": 1, "y": [1, 2]}, l=[{"p": 1}, {"p": 2, "q": 3}])])
    things.delete_payload(keys=keys, points=[1])
    assert payload(things) == left


def test_types_survive(make: Make) -> None:
    """A payload comes back with the types that it had."""
    given = {
        "i": 1,
        "f": 1.0,
        "big": 2**63 - 1,
        "tiny": 5e-324,
        "t": True,
        "n": None,
        "s": "ü\u2028\0",
        "l": [[], {}, [None]],
    }
    things = make(DOT)
    things.upsert(points=[point(1, **given)])
    got = payload(things)
    assert got == given
    assert {key: type(value) for key, value in got.items()} == {key: type(value) for key, value in given.items()}


@pytest.mark.parametrize(
    ("selector", "left"),
    [
        (True, {"a": {"x": 1, "y": 2}, "l": [{"p": 1, "q": 2}], "n": None}),
        (False, None),
        (["a.x"], {"a": {"x": 1}}),
        (["l[].p", "n"], {"l": [{"p": 1}], "n": None}),
        (M.PayloadSelectorInclude(include=["a"]), {"a": {"x": 1, "y": 2}}),
        (M.PayloadSelectorExclude(exclude=["a.x", "l"]), {"a": {"y": 2}, "n": None}),
    ],
)
def test_payload_selectors(make: Make, selector: Any, left: Any) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, a={"x": 1, "y": 2}, l=[{"p": 1, "q": 2}], n=None)])
    row = things.retrieve([1], with_payload=selector)[0]
    assert (row.payload or None) == left


# --- ordering and facets


def ordered(collection: Any, key: str, **arguments: Any) -> list[tuple[Any, Any]]:
    order = M.OrderBy(key=key, **arguments)
    return [(row.id, row.order_value) for row in collection.scroll(order_by=order, limit=20)[0]]


def test_order_by_repeats_points_with_several_values(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[point(1, n=[3, -1]), point(2, n=2), point(3, n="x"), point(4)])
    things.create_payload_index(field_name="n", field_schema=M.PayloadSchemaType.INTEGER)
    assert ordered(things, "n") == [(1, -1), (2, 2), (1, 3)]
    assert ordered(things, "n", direction=M.Direction.DESC) == [(1, 3), (2, 2), (1, -1)]
    assert ordered(things, "n", start_from=2) == [(2, 2), (1, 3)]
    assert ordered(things, "n", direction=M.Direction.DESC, start_from=2) == [(2, 2), (1, -1)]


def test_dates_are_ordered_by_the_instant(make: Make) -> None:
    things = make(DOT)
    dates = {1: "2024-01-02T00:00:00Z", 2: "2024-01-02T00:30:00+01:00", 3: "2024-01-01", 4: "no date"}
    things.upsert(points=[point(i, d=value) for i, value in dates.items()])
    things.create_payload_index(field_name="d", field_schema=M.PayloadSchemaType.DATETIME)
    day = 1704067200 * 10**6
    assert ordered(things, "d") == [(3, day), (2, day + 84_600 * 10**6), (1, day + 86_400 * 10**6)]


def test_facets_count_points_not_values(make: Make) -> None:
    things = make(DOT)
    values: list[Any] = [["a", "a", "b"], "a", "c", ["b"], 5, None]
    things.upsert(points=[point(i, k=value) for i, value in enumerate(values)])
    things.create_payload_index(field_name="k", field_schema=M.PayloadSchemaType.KEYWORD)
    assert things.facet("k") == [("a", 2), ("b", 2), ("c", 1)]
    assert things.facet("k", limit=1) == [("a", 2)]
    assert things.facet("k", facet_filter=M.Filter(must=[M.HasIdCondition(has_id=[2, 3])])) == [("b", 1), ("c", 1)]


# --- filters


VALUES: dict[int, Any] = {
    1: 1,
    2: 1.0,
    3: True,
    4: "1",
    5: None,
    6: [],
    7: [1, "1"],
    8: {"x": 1},
    9: [None],
    10: [[1]],
    12: 2.5,
    13: "2024-01-01T00:00:00Z",
}
"""The value of each point; point 11 has none."""


def on(**test: Any) -> M.FieldCondition:
    return M.FieldCondition(key="n", **test)


FIELD = M.PayloadField(key="n")


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (on(match=M.MatchValue(value=1)), [1, 7]),
        (on(match=M.MatchValue(value="1")), [4, 7]),
        (on(match=M.MatchValue(value=True)), [3]),
        (on(match=M.MatchAny(any=[1, 2])), [1, 7]),
        (on(match=M.MatchAny(any=[])), []),
        (on(match=M.MatchExcept(**{"except": [1]})), [2, 3, 4, 7, 8, 10, 12, 13]),
        (on(range=M.Range(gte=1)), [1, 2, 7, 12]),
        (on(range=M.Range(gt=1, lte=2.5)), [12]),
        (on(range=M.DatetimeRange(gte="2023-12-31T23:00:00-01:00")), [13]),
        (on(values_count=M.ValuesCount(lt=1)), [5, 6, 11]),
        (on(values_count=M.ValuesCount(gte=2)), [7]),
        (on(is_empty=True), [5, 6, 11]),
        (on(is_empty=False), [1, 2, 3, 4, 7, 8, 9, 10, 12, 13]),
        (on(is_null=True), [5, 9]),
        (M.IsEmptyCondition(is_empty=FIELD), [5, 6, 11]),
        (M.IsNullCondition(is_null=FIELD), [5, 9]),
        (M.HasIdCondition(has_id=[3, 99]), [3]),
        (M.Filter(must_not=[on(is_empty=True), on(match=M.MatchValue(value=1))]), [2, 3, 4, 8, 9, 10, 12, 13]),
        (
            M.Filter(min_should=M.MinShould(conditions=[on(range=M.Range(gte=1)), on(is_empty=False)], min_count=2)),
            [1, 2, 7, 12],
        ),
        (M.FieldCondition(key="n.x", match=M.MatchValue(value=1)), [8]),
        (M.FieldCondition(key="n[0]", match=M.MatchValue(value=1)), [7, 10]),
    ],
)
def test_conditions(make: Make, condition: Any, found: list[int]) -> None:
    things = make(DOT)
    things.upsert(points=[*(point(i, n=value) for i, value in VALUES.items()), point(11)])
    assert ids(things, must=[condition]) == found
    assert ids(things, must_not=[condition]) == [i for i in range(1, 14) if i not in found]
    assert ids(things, should=[condition]) == found
    assert things.count(M.Filter(must=[condition])) == len(found)


def test_nested_asks_one_element_for_everything(make: Make) -> None:
    things = make(DOT)
    things.upsert(
        points=[
            point(1, a=[{"p": 1, "q": 1}, {"p": 2, "q": 2}]),
            point(2, a=[{"p": 1, "q": 2}]),
            point(3, a={"p": 1, "q": 2}),
            point(4, a=[]),
        ]
    )
    tests = [M.FieldCondition(key=key, match=M.MatchValue(value=value)) for key, value in (("p", 1), ("q", 2))]
    nested = M.NestedCondition(nested=M.Nested(key="a", filter=M.Filter(must=tests)))
    assert ids(things, must=[nested]) == [2]
    flat = [M.FieldCondition(key=f"a[].{t.key}", match=t.match) for t in tests]
    assert ids(things, must=flat) == [1, 2]


def test_slices_cut_the_points_into_parts(make: Make) -> None:
    things = make(DOT)
    things.upsert(points=[*(point(i) for i in range(60)), point(U1), point(U2)])
    parts = [ids(things, must=[M.SliceCondition(slice=M.Slice(total=3, index=i))]) for i in range(3)]
    assert sorted(itertools.chain(*parts), key=str) == sorted(ids(things), key=str)
    assert parts[0][:8] == SLICE_0
    assert all(12 <= len(part) <= 30 for part in parts)


SLICE_0 = [5, 8, 9, 11, 20, 28, 31, 35]
"""The first points of the first of three parts, as the core has them."""


# --- vector names


def test_vector_names_come_and_go(make: Make) -> None:
    things = make({"a": DOT})
    things.upsert(points=[point(1, {"a": [1.0, 1.0]}, x=1)])
    config = M.DenseVectorNameConfig(dense=M.DenseVectorConfig(size=3, distance=M.Distance.EUCLID))
    things.create_vector_name(vector_name="b", vector_name_config=config)
    assert scored(things, [0.0, 0.0, 0.0], using="b") == []
    things.update_vectors(points=[M.PointVectors(id=1, vector={"b": [3.0, 4.0, 0.0]})])
    assert scored(things, [0.0, 0.0, 0.0], using="b") == [(1, 5.0)]
    things.delete_vector_name(vector_name="b")
    assert outcome(lambda: things.query_points(query=[0.0, 0.0, 0.0], using="b")).refusal == "invalid"
    things.create_vector_name(vector_name="b", vector_name_config=config)
    assert scored(things, [0.0, 0.0, 0.0], using="b") == [], "the vectors of a dropped name are gone"
    assert (payload(things), stored(things, 1, "a")) == ({"x": 1}, [1.0, 1.0])
