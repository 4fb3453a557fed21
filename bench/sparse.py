"""Compare sparse and text queries with qdrant-edge on the same texts, in turns, by medians.

usage: python bench/sparse.py [--data DIR] [--count N] [--rounds N]

Texts are the summaries of a data folder, repeated up to the count, or made up; their vectors are those of BM25.
Figures are microseconds per query, elapsed and of the processor; the ratios tell how many times faster QuiverDB is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import qdrant_edge as edge
from rich.console import Console
from rich.table import Table

from data import BATCH_TEXTS, K, texts
from quiverdb.qdrant import QdrantClient, models

SHARE = 100
"""The filter lets so many of a thousand points through."""
Search = Callable[[int, bool], list[float]]


class Ours:
    def __init__(self, folder: Path, queries: list[tuple[str, edge.SparseVector]]) -> None:
        self.queries = queries
        self.client = QdrantClient(path=str(folder))
        idf = models.SparseVectorParams(modifier=models.Modifier.IDF)
        self.client.create_collection("d", sparse_vectors_config={"s": idf})
        self.client.create_payload_index("d", "permille", models.PayloadSchemaType.INTEGER)
        stemmer = models.SnowballParams(type="snowball", language="english")
        index = models.TextIndexParams(type="text", scoring=True, stopwords="english", stemmer=stemmer)
        self.client.create_payload_index("d", "t", index)
        condition = models.FieldCondition(key="permille", range=models.Range(lt=SHARE))
        self.filter = models.Filter(must=[condition])

    def load(self, points: list[tuple[int, edge.SparseVector, dict[str, object]]]) -> None:
        converted = [
            models.PointStruct(
                id=id, vector={"s": models.SparseVector(indices=v.indices, values=v.values)}, payload=payload
            )
            for id, v, payload in points
        ]
        self.client.upsert("d", converted)

    def finish(self) -> None: ...

    def sparse(self, number: int, filtered: bool) -> list[float]:
        vector = self.queries[number][1]
        return self._search(models.SparseVector(indices=vector.indices, values=vector.values), "s", filtered)

    def text(self, number: int, filtered: bool) -> list[float]:
        return self._search(models.TextQuery(text=self.queries[number][0]), "t", filtered)

    def _search(self, query: object, using: str, filtered: bool) -> list[float]:
        condition = self.filter if filtered else None
        found = self.client.query_points("d", query, using=using, limit=K, query_filter=condition, with_payload=False)
        return [point.score for point in found.points]

    def close(self) -> None:
        self.client.close()


class Edge:
    def __init__(self, folder: Path, queries: list[tuple[str, edge.SparseVector]]) -> None:
        self.queries = queries
        folder.mkdir()
        settings = edge.EdgeOptimizersConfig(default_segment_number=1, max_segment_size=10**9, indexing_threshold=1000)
        sparse = {"s": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)}
        config = edge.EdgeConfig(sparse_vectors=sparse, payload_memory=edge.Memory.Cached, optimizers=settings)
        self.shard = edge.EdgeShard.create(str(folder), config)
        stemmer = edge.SnowballParams(edge.SnowballLanguage.English)
        index = edge.TextIndexParams(scoring=True, stopwords=edge.Language.English, stemmer=stemmer)
        for key, schema in (("permille", edge.PayloadSchemaType.Integer), ("t", index)):
            self.shard.update(edge.UpdateOperation.create_field_index(key, schema))
        self.filter = edge.Filter(must=[edge.FieldCondition(key="permille", range=edge.RangeFloat(lt=SHARE))])

    def load(self, points: list[tuple[int, edge.SparseVector, dict[str, object]]]) -> None:
        converted = [edge.Point(id, {"s": vector}, payload) for id, vector, payload in points]
        self.shard.update(edge.UpdateOperation.upsert_points(converted))

    def finish(self) -> None:
        self.shard.optimize()

    def sparse(self, number: int, filtered: bool) -> list[float]:
        return self._search(edge.Query.Nearest(self.queries[number][1], using="s"), filtered)

    def text(self, number: int, filtered: bool) -> list[float]:
        return self._search(edge.TextQuery("t", self.queries[number][0]), filtered)

    def _search(self, query: object, filtered: bool) -> list[float]:
        request = edge.QueryRequest(limit=K, query=query, filter=self.filter if filtered else None)
        return [point.score for point in self.shard.query(request)]

    def close(self) -> None:
        self.shard.close()


def main() -> None:
    options = parse()
    documents, questions = texts(options.data, options.count)
    model = edge.Bm25()
    queries = [(question, model.embed_query(question)) for question in questions]
    permille = np.random.default_rng(3).permutation(len(documents)) * 1000 // len(documents)
    with tempfile.TemporaryDirectory() as folder:
        engines = {"quiverdb": Ours(Path(folder) / "ours", queries), "edge": Edge(Path(folder) / "edge", queries)}
        ready = {}
        for name, engine in engines.items():
            start = time.perf_counter()
            for first in range(0, len(documents), BATCH_TEXTS):
                batch = range(first, min(len(documents), first + BATCH_TEXTS))
                engine.load(
                    [
                        (i, model.embed_document(documents[i]), {"t": documents[i], "permille": int(permille[i])})
                        for i in batch
                    ]
                )
            engine.finish()
            ready[name] = time.perf_counter() - start
        table = Table(title=f"{len(documents):,} texts, {len(queries)} queries; microseconds per query")
        for column in ("query", "edge", "quiverdb", "faster", "edge cpu", "quiverdb cpu", "faster"):
            table.add_column(column, justify="left" if column == "query" else "right")
        for kind in ("sparse", "text"):
            for filtered in (False, True):
                searches: list[Search] = [getattr(engines[name], kind) for name in ("edge", "quiverdb")]
                theirs, ours = measured(searches, len(queries), options.rounds, filtered=filtered)
                name = f"{kind}, filter {SHARE / 10:g} %" if filtered else kind
                ratios = [f"{other / own:.2f}" for other, own in zip(theirs, ours, strict=True)]
                table.add_row(
                    name, f"{theirs[0]:.0f}", f"{ours[0]:.0f}", ratios[0],
                    f"{theirs[1]:.0f}", f"{ours[1]:.0f}", ratios[1],
                )  # fmt: skip
        Console(width=120).print(table, *(f"{name} ready in {seconds:.1f} s" for name, seconds in ready.items()))
        for engine in engines.values():
            engine.close()


def measured(searches: list[Search], count: int, rounds: int, *, filtered: bool) -> list[tuple[float, float]]:
    """Return the median microseconds per query of each search, elapsed and of the processor; checks that they agree."""
    for number in range(count):
        one, other = (search(number, filtered) for search in searches)
        if len(one) != len(other) or not np.allclose(one, other, rtol=1e-4):
            raise SystemExit(f"the answers to query {number} differ: {one} and {other}")
    times: list[list[tuple[float, float]]] = [[] for _ in searches]
    for _ in range(rounds):
        for search, found in zip(searches, times, strict=True):
            start = time.perf_counter(), time.process_time()
            for number in range(count):
                search(number, filtered)
            spent = time.perf_counter() - start[0], time.process_time() - start[1]
            found.append((spent[0] / count * 1e6, spent[1] / count * 1e6))
    return [(median(a for a, _ in found), median(b for _, b in found)) for found in times]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare sparse and text queries with qdrant-edge.")
    parser.add_argument("--data", type=Path, help="data folder; made-up texts without one")
    parser.add_argument("--count", type=int, default=100_000, help="number of texts")
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
