"""The engines that are compared, one small adapter each: load everything, then answer with ids, scores and payloads.

The peers are set up as their users would: HNSW with 16 links and a construction depth of 100, a declared index on
the field that is filtered, batches of 1,000 points.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data import Data, K

BATCH = 1000


class Engine(Protocol):
    filters: bool

    def __init__(self, data: Data, folder: Path) -> None: ...

    def load(self) -> None:
        """Store and index all points; return when a search is as fast as it will get."""

    def search(self, query: np.ndarray, depth: int, permille: int | None) -> list[int]:
        """Return the ids of the K nearest points, having fetched scores and payloads too."""

    def close(self) -> None: ...


def batches(count: int) -> Iterator[range]:
    return (range(start, min(count, start + BATCH)) for start in range(0, count, BATCH))


class QuiverDB:
    filters = True

    def __init__(self, data: Data, folder: Path) -> None:
        from quiverdb.qdrant import QdrantClient, models

        self.data, self.models = data, models
        self.client = QdrantClient(path=str(folder))

    def load(self) -> None:
        m, count = self.models, len(self.data.vectors)
        vectors = m.VectorParams(size=self.data.size, distance=m.Distance.COSINE)
        self.client.create_collection("d", vectors_config=vectors)
        self.client.create_payload_index("d", "permille", m.PayloadSchemaType.INTEGER)
        self.client.upload_collection(
            "d", vectors=self.data.vectors, payload=self.data.payloads, ids=range(count), batch_size=BATCH, wait=True
        )
        self.wait()

    def wait(self) -> None:
        """Wait until the background work is done."""
        while True:
            info = self.client.get_collection("d")
            if info.status == self.models.CollectionStatus.GREEN and (info.indexed_vectors_count or 0) >= len(
                self.data.vectors
            ):
                return
            time.sleep(0.02)

    def search(self, query: np.ndarray, depth: int, permille: int | None) -> list[int]:
        m = self.models
        condition = None
        if permille is not None:
            condition = m.Filter(must=[m.FieldCondition(key="permille", range=m.Range(lt=permille))])
        found = self.client.query_points(
            "d",
            query=query,
            limit=K,
            query_filter=condition,
            with_payload=True,
            search_params=m.SearchParams(hnsw_ef=depth),
        )
        return [int(point.id) for point in found.points]

    def close(self) -> None:
        self.client.close()


class QdrantEdge:
    filters = True

    def __init__(self, data: Data, folder: Path) -> None:
        import qdrant_edge as edge

        self.data, self.edge = data, edge
        folder.mkdir(parents=True, exist_ok=True)
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=data.size, distance=edge.Distance.Cosine),
            payload_memory=edge.Memory.Cached,
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, max_segment_size=10**9, indexing_threshold=1000
            ),
            hnsw_config=edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000),
        )
        self.shard = edge.EdgeShard.create(str(folder), config)

    def load(self) -> None:
        edge, data = self.edge, self.data
        self.shard.update(edge.UpdateOperation.create_field_index("permille", edge.PayloadSchemaType.Integer))
        for batch in batches(len(data.vectors)):
            points = [edge.Point(i, data.vectors[i].tolist(), data.payloads[i]) for i in batch]
            self.shard.update(edge.UpdateOperation.upsert_points(points))
        self.shard.optimize()

    def search(self, query: np.ndarray, depth: int, permille: int | None) -> list[int]:
        edge = self.edge
        condition = None
        if permille is not None:
            condition = edge.Filter(must=[edge.FieldCondition(key="permille", range=edge.RangeFloat(lt=permille))])
        request = edge.QueryRequest(
            limit=K,
            query=edge.Query.Nearest(query.tolist()),
            filter=condition,
            params=edge.SearchParams(hnsw_ef=depth),
            with_payload=True,
        )
        return [(point.id, point.score, point.payload)[0] for point in self.shard.query(request)]

    def close(self) -> None:
        self.shard.close()


class Zvec:
    filters = True
    fields = ("permille", "name", "summary", "section")

    def __init__(self, data: Data, folder: Path) -> None:
        import zvec

        self.data, self.zvec = data, zvec
        number = zvec.InvertIndexParam(enable_range_optimization=True)
        graph = zvec.HnswIndexParam(metric_type=zvec.MetricType.IP, m=16, ef_construction=100)
        schema = zvec.CollectionSchema(
            name="d",
            fields=[
                zvec.FieldSchema("permille", zvec.DataType.INT64, index_param=number),
                *(zvec.FieldSchema(name, zvec.DataType.STRING) for name in self.fields[1:]),
            ],
            vectors=[zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, data.size, graph)],
        )
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.collection = zvec.create_and_open(str(folder), schema)

    def load(self) -> None:
        for batch in batches(len(self.data.vectors)):
            self.collection.upsert([self._document(i) for i in batch])
        self.collection.optimize()

    def _document(self, i: int) -> Any:
        fields = {key: self.data.payloads[i][key] for key in self.fields}
        return self.zvec.Doc(id=str(i), vectors={"v": self.data.vectors[i]}, fields=fields)

    def search(self, query: np.ndarray, depth: int, permille: int | None) -> list[int]:
        nearest = self.zvec.Query("v", vector=query, param=self.zvec.HnswQueryParam(ef=depth))
        condition = None if permille is None else f"permille < {permille}"
        found = self.collection.query(nearest, topk=K, filter=condition)
        return [int((hit.id, hit.score, hit.fields)[0]) for hit in found]

    def close(self) -> None:
        self.collection = None


class Faiss:
    """The bare index: no payloads, no filters, no durability. What remains is the limit."""

    filters = False

    def __init__(self, data: Data, folder: Path) -> None:  # noqa: ARG002
        import faiss

        self.data, self.faiss = data, faiss
        self.index = faiss.IndexHNSWFlat(data.size, 16, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = 100

    def load(self) -> None:
        self.index.add(self.data.vectors)
        self.faiss.omp_set_num_threads(1)

    def search(self, query: np.ndarray, depth: int, permille: int | None) -> list[int]:  # noqa: ARG002
        self.index.hnsw.efSearch = depth
        return self.index.search(query[None], K)[1][0].tolist()

    def close(self) -> None: ...


ENGINES: dict[str, type[Engine]] = {"quiverdb": QuiverDB, "edge": QdrantEdge, "zvec": Zvec, "faiss": Faiss}
