"""All that a database tells of its contents, as plain data that two processes can compare."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from rows import Row, rows
from worlds import MAX_SIM, Dice

from quiverdb.qdrant import QdrantClient, models

MAIN, OTHER, ALIAS = "main", "other", "alias"
COUNT, SIZE = 260, 12
ALL = 10_000
INDEXED = {
    "i": models.PayloadSchemaType.INTEGER,
    "f": models.PayloadSchemaType.FLOAT,
    "d": models.PayloadSchemaType.DATETIME,
    "k": models.PayloadSchemaType.KEYWORD,
    "b": models.PayloadSchemaType.BOOL,
    "u": models.PayloadSchemaType.UUID,
    "g": models.PayloadSchemaType.GEO,
    "t": models.PayloadSchemaType.TEXT,
}


def fill(client: QdrantClient) -> None:
    """Make a database with a bit of everything: two collections, an alias, indexes, a graph, deleted points."""
    client.create_collection(
        MAIN,
        vectors_config={
            "v": models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
            "half": models.VectorParams(size=4, distance=models.Distance.EUCLID, datatype=models.Datatype.FLOAT16),
            "byte": models.VectorParams(size=3, distance=models.Distance.DOT, datatype=models.Datatype.UINT8),
            "rows": models.VectorParams(size=3, distance=models.Distance.EUCLID, multivector_config=MAX_SIM),
            "turbo": models.VectorParams(size=5, distance=models.Distance.DOT, datatype=models.Datatype.TURBO4),
        },
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=5, default_segment_number=1),
        hnsw_config=models.HnswConfigDiff(m=8, ef_construct=32, full_scan_threshold=10),
    )
    for field, schema in INDEXED.items():
        client.create_payload_index(MAIN, field, schema)
    client.upsert(MAIN, points(0, COUNT))
    client.upsert(MAIN, points(COUNT // 2, COUNT // 2 + 20, salt=1))
    client.delete(MAIN, list(range(0, COUNT, 9)))
    client.set_payload(MAIN, {"k": "changed"}, list(range(1, COUNT, 9)))
    client.create_collection(OTHER, vectors_config=models.VectorParams(size=2, distance=models.Distance.MANHATTAN))
    client.upsert(OTHER, [models.PointStruct(id=i, vector=[i, 1.0], payload={"n": i}) for i in range(20)])
    made = models.CreateAlias(collection_name=OTHER, alias_name=ALIAS)
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=made)])


def points(first: int, last: int, salt: int = 0) -> list[models.PointStruct]:
    made = []
    for number in range(first, last):
        dice, random = Dice(number + 1000 * salt), np.random.default_rng((number, salt))
        vectors: dict[str, Any] = {"v": random.normal(size=SIZE).tolist()}
        if number % 3:
            vectors["half"] = random.normal(size=4).tolist()
        if number % 4:
            vectors["byte"] = random.integers(0, 256, size=3).astype(float).tolist()
        if number % 7:
            vectors["rows"] = random.normal(size=(1 + number % 3, 3)).tolist()
        if number % 5:
            vectors["turbo"] = random.normal(size=5).tolist()
        made.append(models.PointStruct(id=number, vector=vectors, payload=dice.payload()))
    return made


def facts(client: QdrantClient) -> dict[str, Any]:
    """Everything in the database, by name; raises ``AssertionError`` where answers contradict each other."""
    names = sorted(item.name for item in client.get_collections().collections)
    told: dict[str, Any] = {
        "collections": names,
        "aliases": sorted((item.alias_name, item.collection_name) for item in client.get_aliases().aliases),
    }
    for name in names:
        told |= {f"{name}: {about}": value for about, value in _collection(client, name).items()}
    return told


def _collection(client: QdrantClient, name: str) -> dict[str, Any]:
    info = client.get_collection(name)
    stored = rows(client.scroll(name, limit=ALL, with_vectors=True)[0])
    assert info.points_count == client.count(name).count == len(stored)
    vectors = info.config.params.vectors
    named = vectors if isinstance(vectors, dict) else {"": vectors}
    told: dict[str, Any] = {
        "points": {row.id: (row.payload, _lists(row)) for row in stored},
        "vectors": {key: (value.size, value.distance.value, value.datatype) for key, value in named.items()},
        "indexes": {key: (value.data_type.value, value.points) for key, value in info.payload_schema.items()},
    }
    dice = Dice(99)
    for number in range(12):
        found, _ = client.scroll(name, dice.filter(sorted(named)), limit=ALL, with_payload=False)
        told[f"filter {number}"] = [point.id for point in found]
    for key in ("k", "i", "b"):
        told[f"facet {key}"] = [(hit.value, hit.count) for hit in client.facet(name, key, limit=50, exact=True).hits]
    ordered, _ = client.scroll(name, order_by="i", limit=ALL)
    told["order"] = [point.order_value for point in ordered]
    for key, params in named.items():
        told[f"nearest {key}"] = _nearest(client, name, key, params.size)
    return told


def _lists(row: Row) -> dict[str, list[float]]:
    return {name: value.tolist() for name, value in (row.vectors or {}).items()}


def _nearest(client: QdrantClient, name: str, using: str, size: int) -> list[float]:
    """The scores of an exact search; what the graph finds must have the same ones."""
    random = Random(3)
    query = [float(random.randrange(1, 200)) for _ in range(size)]

    def search(*, exact: bool, limit: int) -> list[Any]:
        params = models.SearchParams(exact=exact)
        return client.query_points(name, query, using=using or None, limit=limit, search_params=params).points

    exact = search(exact=True, limit=ALL)
    scores = {hit.id: hit.score for hit in exact}
    for hit in search(exact=False, limit=10):
        assert abs(hit.score - scores[hit.id]) < 1e-3 * max(1.0, abs(hit.score))
    return [round(hit.score, 3) for hit in exact]


def difference(got: dict[str, Any], want: dict[str, Any]) -> str:
    """Name what differs between two sets of facts; empty when nothing does."""
    wrong = sorted(key for key in {*got, *want} if got.get(key) != want.get(key))
    return "; ".join(f"{key}: {str(got.get(key))[:200]} instead of {str(want.get(key))[:200]}" for key in wrong[:3])


def of_folder(path: Path) -> dict[str, Any]:
    """The facts of a folder."""
    client = QdrantClient(path=str(path))
    try:
        return facts(client)
    finally:
        client.close()
