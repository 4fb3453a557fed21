"""Measure the Cosdata API: loading, dense searches beside the Qdrant API on the same data, and naming versions.

usage: python bench/cosdata.py [--parts load search versions] [--rounds N]

*Load*: 10,000 vectors of 768 numbers, made as lists before the clock starts, through ``batch_upsert_vectors`` and
commit into a collection with a dense index: on a folder, and by a server of ours in a process of its own. *Search*:
one database has the same vectors for both APIs, with equal ``m`` and depth; rounds of 100 queries alternate, and
medians count. *Versions*: naming the state of 100,000 vectors, each time after a change.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from data import K, synthetic
from quiverdb.cosdata import Client
from quiverdb.engine.database import EngineDatabase
from quiverdb.qdrant import QdrantClient, models

COUNT, SIZE = 10_000, 768
VERSIONED, SMALL = 100_000, 32
INDEX = {"ef_construction": 128, "ef_search": 64, "neighbors_count": 32, "level_0_neighbors_count": 64}
ASKED = 100
"""Queries in a round."""


def rows(vectors: Any) -> list[dict[str, Any]]:
    return [{"id": str(n), "dense_values": vector} for n, vector in enumerate(vectors.tolist())]


# Load


Place = tuple[Client, QdrantClient]
"""Where vectors are loaded: a client, and one of the other API that tells when background work is done."""


@contextmanager
def served(folder: Path) -> Iterator[Place]:
    ports = folder / "ports.json"
    command = [
        sys.executable,
        "-m",
        "quiverdb",
        "serve",
        "--data",
        str(folder / "served"),
        "--port",
        "0",
        "--grpc-port",
        "0",
    ]
    server = subprocess.Popen([*command, "--ports-file", str(ports)], stderr=subprocess.DEVNULL)
    try:
        while not ports.exists():
            if server.poll() is not None:
                raise SystemExit(server.returncode)
            time.sleep(0.05)
        url = f"http://127.0.0.1:{json.loads(ports.read_text())['http']}"
        with Client(host=url) as client:
            yield client, QdrantClient(url=url)
    finally:
        server.terminate()
        server.wait()


@contextmanager
def embedded(folder: Path) -> Iterator[Place]:
    with EngineDatabase.open(folder / "embedded") as database:
        yield Client(database=database), QdrantClient(database=database)


def loaded(place: Place, name: str, vectors: list[dict[str, Any]]) -> float:
    """Return the seconds that it takes to store and commit vectors; the graph is built when others have no clock."""
    client, watcher = place
    collection = client.create_collection(name, dimension=SIZE)
    collection.create_index(**INDEX)
    start = time.perf_counter()
    with collection.transaction() as txn:
        txn.batch_upsert_vectors(vectors)
    taken = time.perf_counter() - start
    while (info := watcher.get_collection(name)).status != "green" or info.indexed_vectors_count < COUNT:
        time.sleep(0.1)
    collection.delete()
    return taken


def load(rounds: int) -> None:
    vectors = rows(synthetic(COUNT, SIZE).vectors)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with embedded(folder) as here, served(folder) as there:
            seconds = [[loaded(place, f"round{n}", vectors) for place in (here, there)] for n in range(rounds)]
    ours, theirs = (median(column) for column in zip(*seconds, strict=True))
    print(f"| load {COUNT:,} x {SIZE}, embedded | {COUNT / ours:,.0f} /s | |")
    print(f"| load {COUNT:,} x {SIZE}, over HTTP | {COUNT / theirs:,.0f} /s | |")
    print(f"| embedded to HTTP | {theirs / ours:.1f} | >= 3 |", flush=True)


# Search


def ready(database: EngineDatabase, name: str, count: int) -> None:
    while (info := database.info(name)).status != "green" or info.indexed_vectors_count < count:
        time.sleep(0.1)


def search(rounds: int) -> None:
    data = synthetic(COUNT, SIZE)
    queries = [query for query, _ in zip(data.queries.tolist(), range(ASKED), strict=False)]
    with EngineDatabase.open(":memory:") as database:
        collection = Client(database=database).create_collection("cosdata", dimension=SIZE)
        collection.create_index(**INDEX)
        with collection.transaction() as txn:
            txn.batch_upsert_vectors(rows(data.vectors))
        client = QdrantClient(database=database)
        hnsw = models.HnswConfigDiff(m=INDEX["neighbors_count"], ef_construct=INDEX["ef_construction"])
        params = models.VectorParams(size=SIZE, distance=models.Distance.COSINE, hnsw_config=hnsw)
        client.create_collection("qdrant", vectors_config=params)
        payload = [{"id": str(n)} for n in range(COUNT)]
        client.upload_collection("qdrant", vectors=data.vectors, payload=payload, ids=range(COUNT), wait=True)
        for name in ("cosdata", "qdrant"):
            ready(database, name, COUNT)
        depth = models.SearchParams(hnsw_ef=INDEX["ef_search"])
        asked: dict[str, Callable[[Any], Any]] = {
            "cosdata": lambda query: collection.search.dense(query, top_k=K),
            "qdrant": lambda query: client.query_points("qdrant", query, limit=K, search_params=depth),
        }
        seconds: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(rounds * 10):
            for name, ask in asked.items():
                for query in queries:
                    start = time.perf_counter()
                    ask(query)
                    seconds[name].append(time.perf_counter() - start)
    ours, theirs = (median(seconds[name]) * 1e6 for name in ("cosdata", "qdrant"))
    print(f"| search.dense | {ours:,.0f} us | |")
    print(f"| query_points | {theirs:,.0f} us | |")
    print(f"| search.dense to query_points | {ours / theirs:.2f} | <= 1.25 |", flush=True)


# Versions


def versions(rounds: int) -> None:
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, Client(path=folder) as client:
        collection = client.create_collection("versions", dimension=SMALL)
        vectors = random.normal(size=(VERSIONED, SMALL)).astype(np.float32)
        with collection.transaction() as txn:
            txn.batch_upsert_vectors([{"id": str(n), "dense_values": vector} for n, vector in enumerate(vectors)])
        taken = []
        for n in range(rounds * 2):
            start = time.perf_counter()
            client.versions.create("versions", description=f"version {n}")
            taken.append(time.perf_counter() - start)
            collection.stream_upsert({"id": str(n), "dense_values": vectors[n]})
    print(f"| versions.create on {VERSIONED:,} vectors | {median(taken) * 1e3:.1f} ms | <= 50 ms |")
    print(f"| the slowest of {len(taken)} | {max(taken) * 1e3:.1f} ms | |", flush=True)


PARTS: dict[str, Callable[[int], None]] = {"load": load, "search": search, "versions": versions}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the Cosdata API.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| figure | measured | target |")
    print("|---|---|---|")
    for part in options.parts:
        PARTS[part](options.rounds)


if __name__ == "__main__":
    main()
