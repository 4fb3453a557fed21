"""Wrong requests: each gets an error of the right class, and nothing at all is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facts
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

M = models
ONE, NAMED, GONE = facts.OTHER, facts.MAIN, "not there"
UUID = "550e8400-e29b-41d4-a716-446655440000"

Call = Callable[[QdrantClient], Any]


class Bench:
    """A database that all cases use: ``other`` has one vector of size 2, ``main`` named ones.

    None of the cases may change it; if one does, the others get a new one.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.number = 0
        self.fill()

    def fill(self) -> None:
        self.number += 1
        self.client = (
            QdrantClient(path=str(self.folder / str(self.number))) if self.folder else QdrantClient(":memory:")
        )
        facts.fill(self.client)
        self.before = facts.facts(self.client)

    def assert_unchanged(self) -> None:
        if changed := facts.difference(facts.facts(self.client), self.before):
            self.client.close()
            self.fill()
        assert not changed, f"changed: {changed}"


@pytest.fixture(scope="module", params=["memory", "disk"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(None if request.param == "memory" else tmp_path_factory.mktemp("bad"))
    yield made
    made.client.close()


@pytest.fixture
def client(bench: Bench) -> QdrantClient:
    return bench.client


def point(id: Any = 1, vector: Any = (1.0, 2.0), payload: Any = None) -> Any:
    return M.PointStruct.model_construct(
        id=id, vector=list(vector) if isinstance(vector, tuple) else vector, payload=payload
    )


def upsert(*points: Any, name: str = ONE) -> Call:
    return lambda client: client.upsert(name, [point(100), *points])


def query(vector: Any = None, name: str = ONE, **arguments: Any) -> Call:
    return lambda client: client.query_points(name, vector, **arguments)


def condition(key: str = "n", **test: Any) -> M.Filter:
    return M.Filter(must=[M.FieldCondition(key=key, **test)])


def counted(filter: Any) -> Call:
    """Filters are checked by every request that takes one; count stands for them."""
    return lambda client: client.count(ONE, filter)


def place(lon: float, lat: float) -> Any:
    return M.GeoPoint.model_construct(lon=lon, lat=lat)


def ring(*corners: tuple[float, float]) -> Any:
    return M.GeoLineString.model_construct(points=[place(*corner) for corner in corners])


VECTORS: dict[str, Call] = {
    "too short": upsert(point(1, (1.0,))),
    "too long": upsert(point(1, (1.0, 2.0, 3.0))),
    "empty": upsert(point(1, ())),
    "nan": upsert(point(1, (math.nan, 1.0))),
    "inf": upsert(point(1, (math.inf, 1.0))),
    "minus inf": upsert(point(1, (-math.inf, 1.0))),
    "beyond float32": upsert(point(1, (1e39, 1.0))),
    "strings": upsert(point(1, ["a", "b"])),
    "a number": upsert(point(1, 5.0)),
    "nested too deep": upsert(point(1, [[[1.0]]])),
    "several rows for a dense vector": upsert(point(1, [[1.0, 2.0], [3.0, 4.0]])),
    "unknown name": upsert(point(1, {"nope": [1.0, 2.0]})),
    "unnamed where names are needed": upsert(point(1, [1.0, 2.0]), name=NAMED),
    "known and unknown name": lambda c: c.upsert(NAMED, [point(1, {"v": [1.0] * facts.SIZE, "nope": [1.0]})]),
    "wrong size of a named one": lambda c: c.upsert(NAMED, [point(1, {"v": [1.0] * facts.SIZE, "half": [1.0]})]),
    "beyond float16": lambda c: c.upsert(NAMED, [point(1, {"half": [1e6, 0.0, 0.0, 0.0]})]),
    "rows of wrong size": lambda c: c.upsert(NAMED, [point(1, {"rows": [[1.0, 2.0]]})]),
    "rows of unequal sizes": lambda c: c.upsert(NAMED, [point(1, {"rows": [[1.0, 2.0, 3.0], [1.0, 2.0]]})]),
    "rows of unequal sizes, the same in all": lambda c: c.upsert(NAMED, [point(1, {"rows": [[1.0] * 4, [1.0] * 2]})]),
    "no rows": lambda c: c.upsert(NAMED, [point(1, {"rows": []})]),
    "empty rows": lambda c: c.upsert(NAMED, [point(1, {"rows": [[], []]})]),
    "an array without rows": lambda c: c.upsert(NAMED, [point(1, {"rows": np.empty((0, 3), "f4")})]),
    "nan in a row": lambda c: c.upsert(NAMED, [point(1, {"rows": [[1.0] * 3, [math.nan, 1.0, 1.0]]})]),
    "words in a row": lambda c: c.upsert(NAMED, [point(1, {"rows": [["a", "b", "c"]]})]),
    "rows in rows": lambda c: c.upsert(NAMED, [point(1, {"rows": [[[1.0, 2.0, 3.0]]]})]),
    "sparse for rows": lambda c: c.upsert(NAMED, [point(1, {"rows": M.SparseVector(indices=[1], values=[1.0])})]),
    "too many rows": lambda c: c.upsert(NAMED, [point(1, {"rows": np.ones((350_000, 3), "f4")})]),
    "one good, one bad multivector": lambda c: c.upsert(
        NAMED, [point(1, {"rows": [[1.0] * 3]}), point(2, {"rows": [[1.0] * 2]})]
    ),
    "search with rows of wrong size": lambda c: c.query_points(NAMED, [[1.0, 2.0]], using="rows"),
    "search with nan in a row": lambda c: c.query_points(NAMED, [[1.0, 2.0, math.nan]], using="rows"),
    "search with no rows": lambda c: c.query_points(NAMED, np.empty((0, 3), "f4"), using="rows"),
    "search a dense vector by rows": lambda c: c.query_points(NAMED, [[1.0] * facts.SIZE], using="v"),
    "search rows by a sparse vector": lambda c: c.query_points(
        NAMED, M.SparseVector(indices=[1], values=[1.0]), using="rows"
    ),
    "sparse for dense": upsert(point(1, M.SparseVector(indices=[1], values=[1.0]))),
    "batch of unequal lengths": lambda c: c.upsert(ONE, M.Batch(ids=[1, 2], vectors=[[1.0, 2.0]], payloads=[{}, {}])),
    "batch with too few payloads": lambda c: c.upsert(
        ONE, M.Batch(ids=[1, 2], vectors=[[1.0, 2.0], [1.0, 2.0]], payloads=[{}])
    ),
    "array with nan": lambda c: c.upload_collection(
        ONE, vectors=np.array([[1.0, 2.0], [np.nan, 1.0]], dtype="f4"), ids=[1, 2], wait=True
    ),
    "array of wrong width": lambda c: c.upload_collection(ONE, vectors=np.ones((3, 5), "f4"), ids=[1, 2, 3], wait=True),
    "array of wrong width in a query": query(np.ones(5, "f4")),
    "update with wrong size": lambda c: c.update_vectors(ONE, [M.PointVectors(id=1, vector=[1.0])]),
    "update with nan": lambda c: c.update_vectors(ONE, [M.PointVectors(id=1, vector=[1.0, math.nan])]),
    "update of unknown name": lambda c: c.update_vectors(NAMED, [M.PointVectors(id=1, vector={"nope": [1.0]})]),
    "update one good, one bad": lambda c: c.update_vectors(
        ONE, [M.PointVectors(id=1, vector=[9.0, 9.0]), M.PointVectors(id=2, vector=[1.0])]
    ),
    "delete unknown name": lambda c: c.delete_vectors(NAMED, ["nope"], [1, 2]),
    "delete known and unknown name": lambda c: c.delete_vectors(NAMED, ["v", "nope"], [1, 2]),
}

IDS: dict[str, Call] = {
    "negative": upsert(point(-1)),
    "fraction": upsert(point(1.5)),
    "beyond 64 bits": upsert(point(2**64)),
    "no uuid": upsert(point("not-a-uuid")),
    "empty": upsert(point("")),
    "bool": upsert(point(True)),
    "none": upsert(point(None)),
    "list": upsert(point([1])),
    "delete": lambda c: c.delete(ONE, [1, "not-a-uuid"]),
    "delete negative": lambda c: c.delete(ONE, [-1]),
    "set payload": lambda c: c.set_payload(ONE, {"a": 1}, [1, "not-a-uuid"]),
    "retrieve": lambda c: c.retrieve(ONE, ["not-a-uuid"]),
    "scroll": lambda c: c.scroll(ONE, offset="not-a-uuid"),
    "query": query("not-a-uuid"),
    "filter": counted(M.Filter(must=[M.HasIdCondition.model_construct(has_id=["not-a-uuid"])])),
    "array": lambda c: c.upload_collection(ONE, vectors=np.ones((2, 2), "f4"), ids=[1, -2], wait=True),
}

PAYLOADS: dict[str, Call] = {
    "an object": upsert(point(1, payload={"a": object()})),
    "nan": upsert(point(1, payload={"a": math.nan})),
    "a list": upsert(point(1, payload=[1])),
    "set an object": lambda c: c.set_payload(ONE, {"a": object()}, [1]),
    "set at a bad path": lambda c: c.set_payload(ONE, {"a": 1}, [1], key="a["),
    "set at an empty path": lambda c: c.set_payload(ONE, {"a": 1}, [1], key=""),
    "overwrite with an object": lambda c: c.overwrite_payload(ONE, {"a": object()}, [1]),
    "delete a bad path": lambda c: c.delete_payload(ONE, ["n", "a["], [1]),
    "index of a bad path": lambda c: c.create_payload_index(ONE, "a[", M.PayloadSchemaType.KEYWORD),
    "index of an unknown type": lambda c: c.create_payload_index(ONE, "a", "colour"),
}

FILTERS: dict[str, Call] = {
    "no test": counted(condition()),
    "bad path": counted(condition("a[", match=M.MatchValue(value=1))),
    "empty path": counted(condition("", match=M.MatchValue(value=1))),
    "two dots": counted(condition("a..b", match=M.MatchValue(value=1))),
    "unclosed quote": counted(condition('"a', match=M.MatchValue(value=1))),
    "bad path when empty": counted(M.Filter(must=[M.IsEmptyCondition(is_empty=M.PayloadField(key="a["))])),
    "bad path in nested": counted(
        M.Filter(must=[M.NestedCondition(nested=M.Nested(key="a[", filter=condition(match=M.MatchValue(value=1))))])
    ),
    "unknown clause": counted({"must": [], "maybe": []}),
    "unknown condition": counted({"must": [{"colour": "red"}]}),
    "not a filter": counted(5),
    "match a fraction": counted({"must": [{"key": "n", "match": {"value": 1.5}}]}),
    "match any of mixed types": counted({"must": [{"key": "n", "match": {"any": [1, "a"]}}]}),
    "range of words": counted({"must": [{"key": "n", "range": {"gt": "a"}}]}),
    "unknown bound": counted({"must": [{"key": "n", "range": {"above": 1}}]}),
    "min_should of 0": counted(
        M.Filter(min_should=M.MinShould(conditions=[M.HasIdCondition(has_id=[1])], min_count=0))
    ),
    "slice of nothing": counted(M.Filter(must=[M.SliceCondition(slice=M.Slice.model_construct(total=0, index=0))])),
    "slice out of range": counted(M.Filter(must=[M.SliceCondition(slice=M.Slice.model_construct(total=2, index=2))])),
    "latitude": counted(condition(geo_radius=M.GeoRadius.model_construct(center=place(0, 91), radius=1.0))),
    "longitude": counted(condition(geo_radius=M.GeoRadius.model_construct(center=place(181, 0), radius=1.0))),
    "polygon of three points": counted(
        condition(geo_polygon=M.GeoPolygon.model_construct(exterior=ring((0, 0), (1, 1), (0, 0)), interiors=None))
    ),
    "open polygon": counted(
        condition(
            geo_polygon=M.GeoPolygon.model_construct(exterior=ring((0, 0), (1, 1), (1, 0), (2, 2)), interiors=None)
        )
    ),
    "delete by a bad filter": lambda c: c.delete(ONE, M.FilterSelector(filter=condition("a["))),
    "upsert with a bad filter": lambda c: c.upsert(ONE, [point(1)], update_filter=condition("a[")),
}

QUERIES: dict[str, Call] = {
    "wrong size": query([1.0]),
    "empty": query([]),
    "nan": query([math.nan, 1.0]),
    "inf": query([math.inf, 1.0]),
    "unknown vector": query([1.0, 2.0], using="nope"),
    "no vector named": query([1.0], name=NAMED),
    "words": query(["a", "b"]),
    "negative limit": query([1.0, 2.0], limit=-1),
    "negative offset": query([1.0, 2.0], offset=-1),
    "limit as a word": query([1.0, 2.0], limit="ten"),
    "order with an offset": lambda c: c.scroll(ONE, order_by="n", offset=3),
    "order by a bad path": lambda c: c.scroll(ONE, order_by="a["),
    "scroll of a negative limit": lambda c: c.scroll(ONE, limit=-1),
    "scroll of limit 0": lambda c: c.scroll(ONE, limit=0),
    "facet of a bad path": lambda c: c.facet(ONE, "a["),
    "facet of limit 0": lambda c: c.facet(ONE, "n", limit=0),
    "unknown vector returned": lambda c: c.scroll(NAMED, with_vectors=["nope"]),
    "bad selector": query([1.0, 2.0], with_payload=["a["]),
    "negative ef": query([1.0, 2.0], search_params=M.SearchParams.model_construct(hnsw_ef=-1)),
}


def endless(made: Any, key: str) -> Any:
    """Put an object into itself."""
    holder = made[key] if isinstance(made, dict) else getattr(made, key)
    if isinstance(holder, list):
        holder.append(made)
    elif isinstance(made, dict):
        made[key] = made
    else:
        setattr(made, key, [made])
    return made


def formula(expression: Any, **options: Any) -> Call:
    return query(M.FormulaQuery(formula=expression), prefetch=M.Prefetch(), **options)


def fused(fusion: Any = "rrf", **options: Any) -> Call:
    return query(M.FusionQuery(fusion=fusion), **options)


TREES: dict[str, Call] = {
    "prefetch in itself": query([1.0, 2.0], prefetch=endless(M.Prefetch(query=[1.0, 2.0]), "prefetch")),
    "prefetch in itself as a dict": query([1.0, 2.0], prefetch=endless({"prefetch": None}, "prefetch")),
    "filter in itself": query([1.0, 2.0], query_filter=endless(M.Filter(must=[]), "must")),
    "formula in itself": query({"formula": endless({"sum": [1.0]}, "sum")}, prefetch=M.Prefetch()),
    "prefetch without a query": query(prefetch=M.Prefetch()),
    "fusion without prefetch": fused(),
    "fusion with a vector name": fused(prefetch=M.Prefetch(), using="v"),
    "weights for other prefetches": query(M.RrfQuery(rrf=M.Rrf(weights=[1.0, 2.0])), prefetch=M.Prefetch()),
    "threshold without scores": query(score_threshold=0.5),
    "threshold of an order": query(M.OrderByQuery(order_by="n"), score_threshold=0.5),
    "negative prefetch limit": query([1.0, 2.0], prefetch=M.Prefetch.model_construct(limit=-1)),
    "bad vector in a prefetch": query([1.0, 2.0], prefetch=M.Prefetch(query=[1.0])),
    "formula without prefetch": query(M.FormulaQuery(formula=1.0)),
    "formula that divides by zero": formula({"div": {"left": 1.0, "right": 0.0}}),
    "formula without a number": formula({"sqrt": -1.0}),
    "formula of infinite value": formula({"exp": 1e6}),
    "formula of a missing key": formula("no such key"),
    "formula of an unknown variable": formula("$scores"),
    "formula of a bad date": formula({"datetime": "soon"}),
    "formula of a scale below zero": formula({"exp_decay": {"x": 1.0, "scale": -1.0}}),
}

DOT2 = M.VectorParams(size=2, distance=M.Distance.DOT)


def create(name: Any = "new", vectors: Any = DOT2, **arguments: Any) -> Call:
    return lambda client: client.create_collection(name, vectors_config=vectors, **arguments)


def sized(size: Any) -> Any:
    return M.VectorParams.model_construct(size=size, distance=M.Distance.DOT)


NAMES = [
    *("", "a/b", "a\\b", "../up", "..", ".", "/etc", "a\0b", "a\x1fb", "a*b", "a?b", "<a>", 'a"b', "a|b", "a:b"),
    *("x" * 256, "ü" * 256, None, 5),
]
COLLECTIONS: dict[str, Call] = {
    **{f"name {name!r:.20}": create(name) for name in NAMES},
    "size 0": create(vectors=sized(0)),
    "negative size": create(vectors=sized(-4)),
    "size beyond 65536": create(vectors=sized(65537)),
    "unknown distance": create(vectors={"size": 2, "distance": "Chebyshev"}),
    "vector name with a slash": create(vectors={"a/b": DOT2}),
    "vector name of 201 bytes": create(vectors={"x" * 201: DOT2}),
    "negative m": create(hnsw_config=M.HnswConfigDiff.model_construct(m=-1)),
    "new vector with a slash": lambda c: c.create_vector_name(
        NAMED, "a/b", M.DenseVectorNameConfig(dense=M.DenseVectorConfig(size=2, distance=M.Distance.DOT))
    ),
    "new vector of size 0": lambda c: c.create_vector_name(
        NAMED,
        "new",
        M.DenseVectorNameConfig.model_construct(
            dense=M.DenseVectorConfig.model_construct(size=0, distance=M.Distance.DOT)
        ),
    ),
    "update of an unknown vector": lambda c: c.update_collection(
        NAMED, vectors_config={"nope": M.VectorParamsDiff(on_disk=True)}
    ),
}

BATCHES: dict[str, Call] = {
    "a bad vector last": lambda c: c.batch_update_points(
        ONE,
        [
            M.UpsertOperation(upsert=M.PointsList(points=[point(900)])),
            M.DeleteOperation(delete=M.PointIdsList(points=[1, 2, 3])),
            M.SetPayloadOperation(set_payload=M.SetPayload(payload={"x": 1}, points=[4])),
            M.UpsertOperation(upsert=M.PointsList(points=[point(901, (1.0,))])),
        ],
    ),
    "a bad path last": lambda c: c.batch_update_points(
        ONE,
        [
            M.ClearPayloadOperation(clear_payload=M.PointIdsList(points=[1])),
            M.DeletePayloadOperation(delete_payload=M.DeletePayload(keys=["a["], points=[1])),
        ],
    ),
    "an unknown vector last": lambda c: c.batch_update_points(
        NAMED,
        [
            M.DeleteVectorsOperation(delete_vectors=M.DeleteVectors(vector=["v"], points=[1])),
            M.DeleteVectorsOperation(delete_vectors=M.DeleteVectors(vector=["nope"], points=[1])),
        ],
    ),
    "a bad point in a large upload": lambda c: c.upload_points(
        ONE, [point(1000 + i, (1.0, 2.0) if i != 40 else (1.0,)) for i in range(50)], batch_size=64, wait=True
    ),
}


def alias(*operations: Any) -> Call:
    return lambda client: client.update_collection_aliases(list(operations))


def made(collection: str, name: str) -> M.CreateAliasOperation:
    return M.CreateAliasOperation(create_alias=M.CreateAlias(collection_name=collection, alias_name=name))


def renamed(old: str, new: str) -> M.RenameAliasOperation:
    return M.RenameAliasOperation(rename_alias=M.RenameAlias(old_alias_name=old, new_alias_name=new))


MISSING: dict[str, Call] = {
    "get": lambda c: c.get_collection(GONE),
    "update": lambda c: c.update_collection(GONE, metadata={"a": 1}),
    "upsert": upsert(name=GONE),
    "delete": lambda c: c.delete(GONE, [1]),
    "update vectors": lambda c: c.update_vectors(GONE, [M.PointVectors(id=1, vector=[1.0])]),
    "delete vectors": lambda c: c.delete_vectors(GONE, ["v"], [1]),
    "set payload": lambda c: c.set_payload(GONE, {"a": 1}, [1]),
    "overwrite payload": lambda c: c.overwrite_payload(GONE, {"a": 1}, [1]),
    "delete payload": lambda c: c.delete_payload(GONE, ["a"], [1]),
    "clear payload": lambda c: c.clear_payload(GONE, [1]),
    "batch": lambda c: c.batch_update_points(GONE, [M.ClearPayloadOperation(clear_payload=M.PointIdsList(points=[1]))]),
    "upload": lambda c: c.upload_collection(GONE, vectors=np.ones((2, 2), "f4"), wait=True),
    "scroll": lambda c: c.scroll(GONE),
    "retrieve": lambda c: c.retrieve(GONE, [1]),
    "count": lambda c: c.count(GONE),
    "facet": lambda c: c.facet(GONE, "n"),
    "query": query([1.0, 2.0], name=GONE),
    "query batch": lambda c: c.query_batch_points(GONE, [M.QueryRequest(query=[1.0, 2.0])]),
    "index": lambda c: c.create_payload_index(GONE, "n", M.PayloadSchemaType.INTEGER),
    "drop index": lambda c: c.delete_payload_index(GONE, "n"),
    "new vector": lambda c: c.create_vector_name(
        GONE, "w", M.DenseVectorNameConfig(dense=M.DenseVectorConfig(size=2, distance=M.Distance.DOT))
    ),
    "drop vector": lambda c: c.delete_vector_name(GONE, "w"),
    "path instead of a name": lambda c: c.get_collection("../main"),
    "point": query(999_999),
    "point by uuid": query(UUID),
    "point without this vector": query(3, name=NAMED, using="half"),
    "alias": alias(made(GONE, "new")),
    "alias after a good one": alias(made(ONE, "fresh"), made(GONE, "new")),
    "alias to rename": alias(renamed("no alias", "new")),
    "alias to rename after a good one": alias(made(ONE, "fresh"), renamed("no alias", "new")),
}

TAKEN: dict[str, Call] = {
    "create": create(ONE),
    "create with other settings": create(NAMED, sized(7)),
    "create under an alias": create(facts.ALIAS),
    "alias like a collection": alias(made(ONE, NAMED)),
    "alias like a collection after a good one": alias(made(ONE, "fresh"), made(ONE, NAMED)),
    "alias renamed to a collection": alias(renamed(facts.ALIAS, NAMED)),
}


def check(bench: Bench, call: Call, statuses: set[int]) -> None:
    try:
        with pytest.raises(UnexpectedResponse) as caught:
            call(bench.client)
        assert isinstance(caught.value, ValueError)
        assert caught.value.status_code in statuses, str(caught.value)
        assert caught.value.structured()["status"]["error"]
    finally:
        bench.assert_unchanged()


def table(**cases: dict[str, Call]) -> Any:
    flat = [pytest.param(call, id=f"{kind}-{about}") for kind, calls in cases.items() for about, call in calls.items()]
    return pytest.mark.parametrize("call", flat)


@table(
    vector=VECTORS,
    id=IDS,
    payload=PAYLOADS,
    filter=FILTERS,
    query=QUERIES,
    tree=TREES,
    collection=COLLECTIONS,
    batch=BATCHES,
)
def test_wrong_requests(bench: Bench, call: Call) -> None:
    check(bench, call, {400, 422})


@table(missing=MISSING)
def test_missing_things(bench: Bench, call: Call) -> None:
    check(bench, call, {404})


@table(taken=TAKEN)
def test_taken_names(bench: Bench, call: Call) -> None:
    check(bench, call, {400, 409})


def test_messages_say_what_is_wrong(client: QdrantClient) -> None:
    cases = {
        VECTORS["too short"]: ["expected dim: 2, got 1"],
        VECTORS["unknown name"]: ["nope"],
        IDS["no uuid"]: ["not-a-uuid"],
        FILTERS["bad path"]: ["a["],
        MISSING["count"]: [GONE, "doesn't exist"],
        COLLECTIONS["name 'a/b'"]: ["a/b"],
        QUERIES["unknown vector"]: ["nope"],
    }
    for call, words in cases.items():
        with pytest.raises(UnexpectedResponse) as caught:
            call(client)
        message = caught.value.structured()["status"]["error"]
        assert all(word in message for word in words), message


def test_ids_that_are_missing_do_not_stop_the_others(client: QdrantClient) -> None:
    """As on the server: the points that exist are changed, and the answer is 404 for those that do not."""
    where, there = "some missing", [1, 2]
    client.create_collection(where, vectors_config=DOT2)
    try:
        for call, changed in (
            (lambda ids: client.set_payload(where, {"a": 1}, ids), {"a": 1}),
            (lambda ids: client.overwrite_payload(where, {"b": [1]}, ids), {"b": [1]}),
            (lambda ids: client.delete_payload(where, ["k"], ids), {}),
            (lambda ids: client.clear_payload(where, ids), {}),
            (lambda ids: client.update_vectors(where, [M.PointVectors(id=i, vector=[5.0, 6.0]) for i in ids]), None),
            (lambda ids: client.delete_vectors(where, [""], ids), None),
        ):
            client.upsert(where, [point(i, (1.0, 2.0), {"k": 1}) for i in there])
            kept = {"k": 1}
            with pytest.raises(UnexpectedResponse) as caught:
                call([1, 77, 2])
            assert caught.value.status_code == 404
            assert "77" in str(caught.value)
            want = kept if changed is None else changed if changed != {"a": 1} else kept | changed
            assert [record.payload for record in client.retrieve(where, there)] == [want, want]
            assert client.count(where).count == 2
    finally:
        client.delete_collection(where)


def test_unknown_arguments(bench: Bench) -> None:
    calls: list[Call] = [
        lambda c: c.upsert(ONE, [point(1)], wiat=True),
        lambda c: c.query_points(ONE, [1.0, 2.0], qury_filter=None),
        lambda c: c.create_collection("new", vectors_config=DOT2, vectors=3),
        lambda c: c.delete(ONE, [1], colour="red"),
        lambda c: c.scroll(ONE, filter=None),
        lambda c: c.count(ONE, filter=None),
        lambda c: c.set_payload(ONE, {"a": 1}, [1], keys="b"),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call(bench.client)
    bench.assert_unchanged()


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "db"
    client = QdrantClient(path=str(inside))
    for name in ("../outside", "..", "a/../../outside", str(tmp_path / "outside"), "..\\outside"):
        with pytest.raises(UnexpectedResponse):
            client.create_collection(name, vectors_config=DOT2)
    for name in ("..", "../db"):
        assert not client.collection_exists(name)
    client.close()
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


def test_odd_but_good_names(tmp_path: Path) -> None:
    """Names that make trouble on some file systems and must not here."""
    names = [
        "a b",
        "ü",
        "Ü",
        "CON",
        "con",
        "nul",
        "a.",
        "-rf",
        "x" * 255,
        "ü" * 255,
        "日本",
        "%2e%2e",
        "~",
        "manifest.json",
    ]
    client = QdrantClient(path=str(tmp_path / "db"))
    for number, name in enumerate(names):
        client.create_collection(name, vectors_config=DOT2)
        client.upsert(name, [point(number)])
    client.close()
    client = QdrantClient(path=str(tmp_path / "db"))
    assert {item.name for item in client.get_collections().collections} == set(names)
    for number, name in enumerate(names):
        assert client.scroll(name)[0][0].id == number
    client.close()
