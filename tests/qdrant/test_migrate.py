"""Copies between clients of this and the official package."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_client

from quiverdb.errors import QuiverError
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse
from quiverdb.qdrant.migrate import copy_collections

COUNT = 23


def point_id(i: int) -> int | str:
    return i if i % 2 else f"00000000-0000-0000-0000-{i:012d}"


def fill(client: QdrantClient, name: str = "docs") -> None:
    rng = np.random.default_rng(0)
    client.create_collection(
        name,
        {
            "a": models.VectorParams(size=4, distance="Cosine", on_disk=True, hnsw_config={"m": 8}),
            "b": models.VectorParams(size=2, distance="Euclid", datatype="float32"),
        },
        {"s": models.SparseVectorParams(modifier="idf", index={"on_disk": True})},
        hnsw_config=models.HnswConfigDiff(m=12),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=5000),
        metadata={"owner": "me"},
    )
    client.create_payload_index(name, "word", "keyword")
    client.create_payload_index(name, "text", models.TextIndexParams(type="text", tokenizer="word", lowercase=True))
    rows: list[models.PointStruct] = []
    for i in range(COUNT):
        vector: dict[str, Any] = {"a": rng.random(4).tolist()}
        if i % 3:
            vector |= {"b": rng.random(2).tolist(), "s": models.SparseVector(indices=[1, i + 2], values=[1.0, 0.5])}
        payload = {"word": f"w{i % 4}", "text": "one two", "nested": {"list": [1, None, {"x": 0.5}]}} if i % 5 else None
        rows.append(models.PointStruct(id=point_id(i), vector=vector if i else {}, payload=payload))
    client.upsert(name, rows)


@pytest.fixture
def source() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as client:
        fill(client)
        yield client


@pytest.fixture
def official() -> Iterator[qdrant_client.QdrantClient]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its local mode says that payload indexes have no effect
        client = qdrant_client.QdrantClient(":memory:")
        yield client
        client.close()


def content(client: Any, name: str = "docs") -> list[Any]:
    """Return all points as plain values."""
    records, offset = client.scroll(name, limit=1000, with_vectors=True)
    assert offset is None
    return [
        (
            str(record.id),
            record.payload or {},
            {
                key: value if isinstance(value, list) else (list(value.indices), list(value.values))
                for key, value in (record.vector or {}).items()
            },
        )
        for record in records
    ]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    for (*_, got), (*_, wanted) in zip(found, expected, strict=True):
        assert got.keys() == wanted.keys()
        for name, vector in wanted.items():
            assert np.allclose(np.hstack(got[name]), np.hstack(vector))


def test_a_copy_has_the_settings_indexes_and_points(source: QdrantClient, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with QdrantClient(path=tmp_path / "copy") as copy:
        source.migrate(copy, batch_size=10, progress=lambda *seen: told.append(seen))
        given, made = source.get_collection("docs"), copy.get_collection("docs")
        assert made.config == given.config
        assert made.payload_schema == given.payload_schema
        assert content(copy) == content(source)
    assert told == [("docs", 10, COUNT), ("docs", 20, COUNT), ("docs", COUNT, COUNT)]


def test_to_the_official_client_and_back(source: QdrantClient, official: qdrant_client.QdrantClient) -> None:
    source.migrate(official, batch_size=7)
    assert_same(content(official), content(source))
    params = official.get_collection("docs").config.params
    assert params.vectors["a"].size == 4
    assert params.sparse_vectors["s"].modifier == qdrant_client.models.Modifier.IDF
    with QdrantClient(":memory:") as back:
        copy_collections(official, back, ["docs"], batch_size=5)
        assert_same(content(back), content(source))
        assert back.get_collection("docs").config.params.vectors["b"].distance == models.Distance.EUCLID


@pytest.mark.parametrize("own", [False, True])
def test_from_the_official_client(official: qdrant_client.QdrantClient, own: bool) -> None:
    official.create_collection("docs", qdrant_client.models.VectorParams(size=2, distance="Dot"))
    rows = [qdrant_client.models.PointStruct(id=i, vector=[i, 1.0], payload={"i": i}) for i in range(150)]
    official.upsert("docs", rows)
    with QdrantClient(":memory:") as target:
        if own:
            official.migrate(target)
        else:
            copy_collections(official, target)
        assert [r.vector for r in target.scroll("docs", limit=200, with_vectors=True)[0]] == [
            [float(i), 1.0] for i in range(150)
        ]


def test_collisions_are_refused_before_anything_changes(source: QdrantClient) -> None:
    fill(source, "more")
    with QdrantClient(":memory:") as target:
        target.create_collection("more", models.VectorParams(size=2, distance="Dot"))
        with pytest.raises(UnexpectedResponse, match=r"already exist in dest_client: .*more") as caught:
            source.migrate(target)
        assert isinstance(caught.value, ValueError)  # which is what the official client raises
        assert [found.name for found in target.get_collections().collections] == ["more"]
        source.migrate(target, ["docs", "docs"])
        source.migrate(target, recreate_on_collision=True)
        assert content(target, "more") == content(source, "more")
        assert content(target) == content(source)


def test_aliases_stay_behind(source: QdrantClient) -> None:
    source.update_collection_aliases([{"create_alias": {"collection_name": "docs", "alias_name": "alias"}}])
    with QdrantClient(":memory:") as target:
        source.migrate(target)
        assert target.get_aliases().aliases == []


def test_nothing_to_copy_is_no_error(source: QdrantClient) -> None:
    with QdrantClient(":memory:") as target:
        source.migrate(target, [])
        QdrantClient(database=source._database).migrate(target, [])
        target.migrate(source)
        assert target.get_collections().collections == []
        source.delete("docs", models.Filter())
        source.migrate(target)
        assert target.count("docs").count == 0


def test_points_written_meanwhile_are_noticed(source: QdrantClient) -> None:
    def write(*_: Any) -> None:
        source.upsert("docs", [models.PointStruct(id=1, vector={}), models.PointStruct(id=2**40 + 1, vector={})])
        source.delete("docs", [point_id(0)])
        source.upsert("docs", [models.PointStruct(id=2**41, vector={})])

    with QdrantClient(":memory:") as target, pytest.raises(QuiverError, match="instead of"):
        source.migrate(target, batch_size=1000, progress=write)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"collection_names": ["nope"]}, "does not have the collection 'nope'"),
        ({"collection_names": "docs"}, "collection_names must be a list"),
        ({"batch_size": 0}, "batch_size"),
        ({"dest_client": None}, "dest_client is a client"),
    ],
)
def test_wrong_arguments_are_refused(source: QdrantClient, arguments: dict[str, Any], complaint: str) -> None:
    with QdrantClient(":memory:") as target:
        with pytest.raises(UnexpectedResponse) as caught:
            source.migrate(**{"dest_client": target, **arguments})
        assert complaint in caught.value.structured()["status"]["error"]
        assert target.get_collections().collections == []


def test_a_database_is_not_copied_to_itself(tmp_path: Path) -> None:
    with QdrantClient(path=tmp_path) as source, QdrantClient(path=tmp_path) as same:
        fill(source)
        for target in (source, same):
            with pytest.raises(UnexpectedResponse, match="the same database"):
                source.migrate(target, recreate_on_collision=True)
        assert source.count("docs").count == COUNT


def test_an_asynchronous_client_stands_for_the_one_behind_it(source: QdrantClient) -> None:
    async def copy() -> int:
        async with AsyncQdrantClient(":memory:") as target, AsyncQdrantClient(":memory:") as more:
            source.migrate(target)
            await target.migrate(more)
            return (await more.count("docs")).count

    assert asyncio.run(copy()) == COUNT


def test_official_asynchronous_clients_are_named_as_unsupported(source: QdrantClient) -> None:
    with pytest.raises(NotImplementedError, match="asynchronous"):
        source.migrate(qdrant_client.AsyncQdrantClient(":memory:"))


def test_transports_are_named_as_unsupported(source: QdrantClient) -> None:
    for name in ("grpc_points", "grpc_collections", "http"):
        with pytest.raises(NotImplementedError, match="embedded database"):
            getattr(source, name)


def test_a_client_of_a_subclass_takes_what_its_base_takes(source: QdrantClient) -> None:
    class Mine(QdrantClient):
        pass

    with Mine(":memory:") as target:
        copy_collections(source, target)
        assert target.count("docs").count == COUNT
