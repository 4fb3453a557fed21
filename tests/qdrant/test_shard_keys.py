"""Shard keys: parts of a collection, against a plain dictionary of what is where."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from quiverdb.errors import UnsupportedError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

ROUNDS = int(os.environ.get("QUIVERDB_EXAMPLES", "120"))
KEYS: list[int | str] = ["a", "b", 1, "1", 2**64 - 1]
CUSTOM = models.ShardingMethod.CUSTOM
PARAMS = models.VectorParams(size=2, distance=models.Distance.EUCLID)
EVERYTHING = 1000


def either(target: int | str, fallback: int | str) -> models.ShardKeyWithFallback:
    return models.ShardKeyWithFallback(target=target, fallback=fallback)


def point(id: int, tag: int = 0) -> models.PointStruct:
    return models.PointStruct(id=id, vector=[float(id), 0.0], payload={"tag": tag})


def tagged(tag: int) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="tag", match=models.MatchValue(value=tag))])


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as made:
        made.create_collection("c", PARAMS, sharding_method=CUSTOM)
        made.create_collection("plain", PARAMS)
        yield made


@pytest.fixture
def filled(client: QdrantClient) -> QdrantClient:
    """Points 0 to 4 in shard "a", 5 to 9 in shard 7; the tag of each is its remainder by two."""
    for key, ids in (("a", range(5)), (7, range(5, 10))):
        assert client.create_shard_key("c", key) is True
        client.upsert("c", [point(id, id % 2) for id in ids], shard_key_selector=key)
    client.upsert("plain", [point(1), point(2)])
    return client


def ids(found: Any) -> list[int]:
    return sorted(hit.id for hit in found)


def status(call: Callable[[], Any]) -> tuple[int | None, str]:
    with pytest.raises(UnexpectedResponse) as caught:
        call()
    return caught.value.status_code, caught.value.structured()["status"]["error"]


def state(client: QdrantClient) -> list[Any]:
    return [client.scroll(name, limit=EVERYTHING, with_vectors=True)[0] for name in ("c", "plain")]


def test_keys_come_and_go(client: QdrantClient) -> None:
    assert client.list_shard_keys("c") == models.ShardKeysResponse(shard_keys=[])
    for key in KEYS:
        assert client.create_shard_key("c", key) is True
    assert [described.key for described in client.list_shard_keys("c").shard_keys or []] == KEYS
    client.upsert("c", [point(1)], shard_key_selector="1")
    client.upsert("c", [point(2)], shard_key_selector=1)
    assert client.delete_shard_key("c", 1) is True
    assert client.create_shard_key("c", 1) is True
    assert ids(client.scroll("c")[0]) == [1]
    assert client.count("c", shard_key_selector=1).count == 0


READS: dict[str, Callable[[QdrantClient, Any], list[int]]] = {
    "scroll": lambda client, key: ids(client.scroll("c", limit=EVERYTHING, shard_key_selector=key)[0]),
    "scroll filtered": lambda client, key: ids(
        client.scroll("c", models.Filter(must_not=[models.HasIdCondition(has_id=[])]), shard_key_selector=key)[0]
    ),
    "ordered": lambda client, key: ids(client.scroll("c", order_by="tag", shard_key_selector=key)[0]),
    "retrieve": lambda client, key: ids(client.retrieve("c", list(range(20)), shard_key_selector=key)),
    "query": lambda client, key: ids(client.query_points("c", [0.0, 0.0], shard_key_selector=key).points),
    "no query": lambda client, key: ids(client.query_points("c", shard_key_selector=key).points),
    "by id": lambda client, key: ids([*client.query_points("c", 0, shard_key_selector=key).points, point(0)]),
    "sample": lambda client, key: ids(
        client.query_points("c", models.SampleQuery(sample=models.Sample.RANDOM), shard_key_selector=key).points
    ),
    "fused": lambda client, key: ids(
        client.query_points(
            "c",
            models.FusionQuery(fusion=models.Fusion.RRF),
            prefetch=[models.Prefetch(query=[0.0, 0.0]), models.Prefetch(query=[9.0, 0.0])],
            shard_key_selector=key,
        ).points
    ),
    "batch": lambda client, key: ids(
        client.query_batch_points("c", [models.QueryRequest(query=[0.0, 0.0], limit=20, shard_key=key)])[0].points
    ),
    "groups": lambda client, key: ids(
        hit
        for group in client.query_points_groups("c", "tag", [0.0, 0.0], group_size=10, shard_key_selector=key).groups
        for hit in group.hits
    ),
    "pairs": lambda client, key: sorted(
        {pair.a for pair in client.search_matrix_pairs("c", sample=20, shard_key_selector=key).pairs}
    ),
    "offsets": lambda client, key: list(client.search_matrix_offsets("c", sample=20, shard_key_selector=key).ids),
    "search": lambda client, key: ids(client.search("c", [0.0, 0.0], shard_key_selector=key)),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a", range(5)),
        (7, range(5, 10)),
        (["a", 7], range(10)),
        (None, range(10)),
        (["a", "a"], range(5)),
        (either("a", 7), range(5)),
        (either("none", 7), range(5, 10)),
        ({"target": 7, "fallback": "a"}, range(5, 10)),
    ],
)
def test_reads_see_the_shards_asked_for(filled: QdrantClient, read: str, key: Any, expected: range) -> None:
    wanted = sorted({0, *expected}) if read == "by id" else list(expected)
    assert READS[read](filled, key) == wanted


def test_counts_and_facets_see_the_shards_asked_for(filled: QdrantClient) -> None:
    assert filled.count("c", shard_key_selector="a").count == 5
    assert filled.count("c", tagged(1), shard_key_selector="a").count == 2
    assert filled.count("c", tagged(1), shard_key_selector=["a", 7]).count == 5
    assert filled.count("c", shard_key_selector=[]).count == 0
    counted = {hit.value: hit.count for hit in filled.facet("c", "tag", shard_key_selector=7).hits}
    assert counted == {0: 2, 1: 3}


def test_pages_stay_within_the_shards(filled: QdrantClient) -> None:
    found, offset = filled.scroll("c", limit=3, shard_key_selector=7)
    assert (ids(found), offset) == ([5, 6, 7], 8)
    found, offset = filled.scroll("c", limit=3, offset=offset, shard_key_selector=7)
    assert (ids(found), offset) == ([8, 9], None)


def test_points_tell_their_shard(filled: QdrantClient) -> None:
    expected = {id: "a" if id < 5 else 7 for id in range(10)}
    assert {found.id: found.shard_key for found in filled.scroll("c")[0]} == expected
    assert {found.id: found.shard_key for found in filled.retrieve("c", list(range(10)))} == expected
    assert {hit.id: hit.shard_key for hit in filled.query_points("c", [0.0, 0.0]).points} == expected
    assert [found.shard_key for found in filled.scroll("plain")[0]] == [None, None]


def test_lookups_see_the_shards_asked_for(filled: QdrantClient) -> None:
    location = models.LookupLocation(collection="c", shard_key=7)
    assert [hit.id for hit in filled.query_points("plain", 9, lookup_from=location).points] == [2, 1]
    assert status(lambda: filled.query_points("plain", 1, lookup_from=location))[0] == 404
    anywhere = models.LookupLocation(collection="c")
    assert [hit.id for hit in filled.query_points("plain", 1, lookup_from=anywhere).points] == [1, 2]
    location = models.LookupLocation(collection="c", shard_key="x")
    assert status(lambda: filled.query_points("plain", 1, lookup_from=location))[0] == 400


def test_rareness_is_that_in_the_shards_asked_for() -> None:
    """As in a cluster, where each shard knows its own points only."""
    sparse = {"s": models.SparseVectorParams(modifier=models.Modifier.IDF)}
    vectors = [models.SparseVector(indices=[number % 2, 5], values=[1.0, 1.0]) for number in range(9)]
    query = models.SparseVector(indices=[0, 5], values=[1.0, 2.0])
    with QdrantClient(":memory:") as client:
        client.create_collection("alone", sparse_vectors_config=sparse)
        client.create_collection("c", sparse_vectors_config=sparse, sharding_method=CUSTOM)
        for key, part in (("a", range(3)), ("b", range(3, 9))):
            client.create_shard_key("c", key)
            points = [models.PointStruct(id=id, vector={"s": vectors[id]}) for id in part]
            client.upsert("c", points, shard_key_selector=key)
            if key == "a":
                client.upsert("alone", points)
        expected = [(hit.id, hit.score) for hit in client.query_points("alone", query, using="s").points]
        found = client.query_points("c", query, using="s", shard_key_selector="a").points
        assert [(hit.id, hit.score) for hit in found] == expected
        assert len(client.query_points("c", query, using="s").points) == 9


def test_a_point_moves_to_the_shard_it_is_stored_in(filled: QdrantClient) -> None:
    filled.upsert("c", [point(0, 5)], shard_key_selector=7)
    assert filled.count("c").count == 10
    assert filled.count("c", shard_key_selector="a").count == 4
    moved = filled.retrieve("c", [0])[0]
    assert (moved.shard_key, moved.payload) == (7, {"tag": 5})


def test_modes_of_upserts_see_the_shards_asked_for(filled: QdrantClient) -> None:
    update, insert = models.UpdateMode.UPDATE_ONLY, models.UpdateMode.INSERT_ONLY
    filled.upsert("c", [point(0, 5), point(6, 5)], shard_key_selector=7, update_mode=update)
    filled.upsert("c", [point(7, 5), point(1, 6), point(10, 6)], shard_key_selector=7, update_mode=insert)
    found = {record.id: (record.shard_key, (record.payload or {})["tag"]) for record in filled.scroll("c", limit=20)[0]}
    assert [found[id] for id in (0, 6, 7, 1, 10)] == [("a", 0), (7, 5), (7, 1), (7, 6), (7, 6)]


def test_operations_of_one_request_have_shards_of_their_own(filled: QdrantClient) -> None:
    filled.batch_update_points(
        "c",
        [
            models.UpsertOperation(upsert=models.PointsList(points=[point(20)], shard_key="a")),
            models.UpsertOperation(
                upsert=models.PointsBatch(batch=models.Batch(ids=[21], vectors=[[1, 1]]), shard_key=7)
            ),
            models.SetPayloadOperation(
                set_payload=models.SetPayload(payload={"new": 1}, filter=models.Filter(), shard_key="a")
            ),
            models.DeleteOperation(delete=models.FilterSelector(filter=tagged(1), shard_key=7)),
            models.ClearPayloadOperation(clear_payload=models.PointIdsList(points=[6], shard_key=7)),
            models.DeletePayloadOperation(
                delete_payload=models.DeletePayload(keys=["tag"], points=[8], shard_key=either("x", 7))
            ),
            models.UpdateVectorsOperation(
                update_vectors=models.UpdateVectors(points=[models.PointVectors(id=6, vector=[3, 3])], shard_key=7)
            ),
            models.UpsertOperation(upsert=models.PointsList(points=[point(4, 9)], shard_key=7)),
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(payload={"tag": 3}, filter=tagged(9), shard_key="a")
            ),
        ],
    )
    found = {record.id: record for record in filled.scroll("c", limit=20, with_vectors=True)[0]}
    assert {id: record.shard_key for id, record in found.items()} == {
        **dict.fromkeys([0, 1, 2, 3, 20], "a"),
        **dict.fromkeys([4, 6, 8, 21], 7),
    }
    assert [found[id].payload for id in (0, 20, 4, 6, 8, 21)] == [
        {"tag": 0, "new": 1}, {"tag": 0, "new": 1}, {"tag": 9}, {}, {}, {},
    ]  # fmt: skip
    assert found[6].vector == [3.0, 3.0]


def test_uploads_go_to_a_shard(filled: QdrantClient) -> None:
    filled.upload_points("c", [point(30), point(31)], wait=True, shard_key_selector="a")
    filled.upload_collection("c", np.ones((2, 2), "f4"), ids=[40, 41], wait=True, shard_key_selector=either("x", 7))
    assert ids(filled.scroll("c", limit=99, shard_key_selector="a")[0]) == [0, 1, 2, 3, 4, 30, 31]
    assert ids(filled.scroll("c", limit=99, shard_key_selector=7)[0]) == [5, 6, 7, 8, 9, 40, 41]


WRITES: dict[str, Callable[[QdrantClient, str, Any], Any]] = {
    "upsert": lambda client, name, key: client.upsert(name, [point(1, 9)], shard_key_selector=key),
    "upload": lambda client, name, key: client.upload_points(name, [point(1, 9)], shard_key_selector=key),
    "delete": lambda client, name, key: client.delete(name, [1], shard_key_selector=key),
    "delete by filter": lambda client, name, key: client.delete(name, models.Filter(), shard_key_selector=key),
    "set": lambda client, name, key: client.set_payload(name, {"a": 1}, [1], shard_key_selector=key),
    "overwrite": lambda client, name, key: client.overwrite_payload(name, {"a": 1}, [1], shard_key_selector=key),
    "drop": lambda client, name, key: client.delete_payload(name, ["tag"], [1], shard_key_selector=key),
    "clear": lambda client, name, key: client.clear_payload(name, [1], shard_key_selector=key),
    "vectors": lambda client, name, key: client.update_vectors(
        name, [models.PointVectors(id=1, vector=[1, 1])], shard_key_selector=key
    ),
    "drop vectors": lambda client, name, key: client.delete_vectors(name, [""], [1], shard_key_selector=key),
}


@pytest.mark.parametrize("write", WRITES)
def test_writes_need_the_key_of_a_shard(filled: QdrantClient, write: str) -> None:
    before, call = state(filled), WRITES[write]
    assert status(lambda: call(filled, "c", None)) == (400, "Wrong input: Shard key not specified")
    assert status(lambda: call(filled, "c", "x")) == (400, 'Wrong input: Shard key "x" not found')
    assert status(lambda: call(filled, "c", ["a", 8])) == (400, "Wrong input: Shard key 8 not found")
    assert status(lambda: call(filled, "c", []))[0] == 400
    assert status(lambda: call(filled, "c", either("x", "y")))[0] == 404
    assert status(lambda: call(filled, "plain", "a")) == (400, 'Wrong input: Shard key "a" not found')
    assert state(filled) == before


@pytest.mark.parametrize("write", sorted(WRITES.keys() - {"upsert", "upload", "delete by filter"}))
def test_writes_miss_points_of_other_shards(filled: QdrantClient, write: str) -> None:
    before = state(filled)
    if write == "delete":
        WRITES[write](filled, "c", 7)
    else:
        assert status(lambda: WRITES[write](filled, "c", 7)) == (404, "Not found: No point with id 1 found")
    assert state(filled) == before


def test_a_copy_in_each_of_several_shards_is_refused(filled: QdrantClient) -> None:
    before = state(filled)
    with pytest.raises(UnsupportedError, match="one shard"):
        filled.upsert("c", [point(1)], shard_key_selector=["a", 7])
    assert state(filled) == before


@pytest.mark.parametrize("read", READS)
def test_reads_of_no_shard_are_refused(filled: QdrantClient, read: str) -> None:
    assert status(lambda: READS[read](filled, "x"))[0] == 400
    assert status(lambda: READS[read](filled, either("x", "y")))[0] == 404


@pytest.mark.parametrize("key", ["a", "x"])
def test_a_collection_that_is_not_divided_has_no_keys(filled: QdrantClient, key: str) -> None:
    assert filled.list_shard_keys("plain").shard_keys == []
    assert status(lambda: filled.count("plain", shard_key_selector=key))[0] == 400
    assert "cannot be created with Auto" in status(lambda: filled.create_shard_key("plain", key))[1]
    assert "cannot be removed with Auto" in status(lambda: filled.delete_shard_key("plain", key))[1]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda client: client.create_shard_key("c", "a"), 400),
        (lambda client: client.create_shard_key("c", -1), 400),
        (lambda client: client.create_shard_key("c", True), 400),
        (lambda client: client.create_shard_key("c", 1.5), 400),
        (lambda client: client.create_shard_key("c", None), 400),
        (lambda client: client.create_shard_key("c", "new", shards_number=0), 422),
        (lambda client: client.create_shard_key("none", "a"), 404),
        (lambda client: client.delete_shard_key("c", "x"), 400),
        (lambda client: client.delete_shard_key("none", "a"), 404),
        (lambda client: client.list_shard_keys("none"), 404),
        (lambda client: client.count("c", shard_key_selector=1.5), 400),
        (lambda client: client.count("c", shard_key_selector=[True]), 400),
    ],
)
def test_bad_keys_are_refused(filled: QdrantClient, call: Callable[[QdrantClient], Any], code: int) -> None:
    keys = filled.list_shard_keys("c")
    assert status(lambda: call(filled))[0] == code
    assert filled.list_shard_keys("c") == keys


@dataclass
class Plain:
    """What is where: the shard and the tag of each point, and the keys."""

    points: dict[int, tuple[int | str, int]] = field(default_factory=dict)
    keys: list[int | str] = field(default_factory=list)

    def of(self, selector: Any) -> set[int]:
        """The points that a selector lets through."""
        if isinstance(selector, models.ShardKeyWithFallback):
            selector = selector.target if selector.target in self.keys else selector.fallback
        keys = self.keys if selector is None else selector if isinstance(selector, list) else [selector]
        return {id for id, (key, _) in self.points.items() if key in keys}


def selector_of(random: Random, plain: Plain, *, write: bool) -> Any:
    key = random.choice(plain.keys)
    kinds: list[Any] = [key, [key], either(random.choice(KEYS), key)]
    if not write:
        kinds += [None, random.sample(plain.keys, random.randint(1, len(plain.keys)))]
    return random.choice(kinds)


def change(random: Random, client: QdrantClient, plain: Plain) -> None:
    """Make one random write, in the database and in the model."""
    absent = [key for key in KEYS if key not in plain.keys]
    if not plain.keys or (absent and random.random() < 0.1):
        key = random.choice(absent)
        client.create_shard_key("c", key)
        plain.keys.append(key)
        return
    if random.random() < 0.06:
        key = random.choice(plain.keys)
        client.delete_shard_key("c", key)
        plain.points = {id: where for id, where in plain.points.items() if where[0] != key}
        plain.keys.remove(key)
        return
    selector = selector_of(random, plain, write=True)
    fallen = isinstance(selector, models.ShardKeyWithFallback) and selector.target not in plain.keys
    home = selector[0] if isinstance(selector, list) else selector
    if isinstance(home, models.ShardKeyWithFallback):
        home = home.fallback if fallen else home.target
    seen, chosen, tag = plain.of(selector), random.sample(range(60), 15), random.randrange(4)
    hit = [id for id in chosen if id in seen]
    match random.choice(["upsert", "upsert", "set", "delete", "delete tagged", "vectors"]):
        case "upsert":
            client.upsert("c", [point(id, tag) for id in chosen], shard_key_selector=selector)
            plain.points.update(dict.fromkeys(chosen, (home, tag)))
        case "set" if hit:
            client.set_payload("c", {"tag": tag}, hit, shard_key_selector=selector)
            plain.points.update({id: (plain.points[id][0], tag) for id in hit})
        case "delete":
            client.delete("c", chosen, shard_key_selector=selector)
            plain.points = {id: where for id, where in plain.points.items() if id not in hit}
        case "delete tagged":
            client.delete("c", tagged(tag), shard_key_selector=selector)
            plain.points = {id: where for id, where in plain.points.items() if id not in seen or where[1] != tag}
        case "vectors" if hit:
            moved = [models.PointVectors(id=id, vector=[float(id), 0.0]) for id in hit]
            client.update_vectors("c", moved, shard_key_selector=selector)


def compare(random: Random, client: QdrantClient, plain: Plain) -> None:
    found = client.scroll("c", limit=EVERYTHING)[0]
    assert {record.id: (record.shard_key, (record.payload or {})["tag"]) for record in found} == plain.points
    if not plain.keys:
        return
    selector, tag = selector_of(random, plain, write=False), random.randrange(4)
    seen = plain.of(selector)
    wanted = sorted(id for id in seen if plain.points[id][1] == tag)
    assert client.count("c", shard_key_selector=selector).count == len(seen)
    assert ids(client.scroll("c", tagged(tag), limit=EVERYTHING, shard_key_selector=selector)[0]) == wanted
    hits = client.query_points("c", [30.2, 0.0], query_filter=tagged(tag), limit=5, shard_key_selector=selector).points
    assert [hit.id for hit in hits] == sorted(wanted, key=lambda id: abs(id - 30.2))[:5]


@pytest.mark.parametrize("seed", range(3))
def test_random_writes_against_a_dictionary(seed: int, tmp_path: Path) -> None:
    """The disk version is opened anew every now and then and has compactions under way."""
    random, plain = Random(seed), Plain()
    settings = models.OptimizersConfigDiff(deleted_threshold=0.1, vacuum_min_vector_number=30)
    client = QdrantClient(path=tmp_path)
    try:
        client.create_collection("c", PARAMS, sharding_method=CUSTOM, optimizers_config=settings)
        for _ in range(ROUNDS):
            change(random, client, plain)
            compare(random, client, plain)
            if random.random() < 0.04:
                client.close()
                client = QdrantClient(path=tmp_path)
                keys = client.list_shard_keys("c").shard_keys or []
                assert [described.key for described in keys] == plain.keys
    finally:
        client.close()


def test_shards_survive_compaction(tmp_path: Path) -> None:
    settings = models.OptimizersConfigDiff(deleted_threshold=0.1, vacuum_min_vector_number=10)
    with QdrantClient(path=tmp_path) as client:
        client.create_collection("c", PARAMS, sharding_method=CUSTOM, optimizers_config=settings)
        for key in ("a", "b"):
            client.create_shard_key("c", key)
        client.upsert("c", [point(id) for id in range(100)], shard_key_selector="a")
        client.upsert("c", [point(id) for id in range(0, 100, 2)], shard_key_selector="b")
        deadline = time.monotonic() + 30
        while not list(tmp_path.rglob("records.1")):
            assert time.monotonic() < deadline, "no compaction"
            time.sleep(0.01)
        assert ids(client.scroll("c", limit=200, shard_key_selector="b")[0]) == list(range(0, 100, 2))
    with QdrantClient(path=tmp_path) as client:
        assert ids(client.scroll("c", limit=200, shard_key_selector="a")[0]) == list(range(1, 100, 2))
        assert ids(client.scroll("c", limit=200, shard_key_selector="b")[0]) == list(range(0, 100, 2))
