"""Points per second into a collection on disk, in batches of 1,000, every batch synced before the next.

usage: python bench/upsert.py [--data DIR] [--count N] [--variants ...]

``structs``, ``dicts`` and ``edge`` take vectors as Python lists, which are made before the clock starts; ``arrays``
hands one numpy array to ``upload_collection``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data import Data, from_options
from engines import BATCH, batches


@contextmanager
def structs(data: Data, folder: Path) -> Iterator[Callable[[], None]]:
    from quiverdb.qdrant import models

    points = [
        models.PointStruct(id=i, vector=vector, payload=payload)
        for i, (vector, payload) in enumerate(zip(data.vectors.tolist(), data.payloads, strict=True))
    ]
    with _client(data, folder) as client:
        yield lambda: _upsert(client, points)


@contextmanager
def dicts(data: Data, folder: Path) -> Iterator[Callable[[], None]]:
    points = [
        {"id": i, "vector": vector, "payload": payload}
        for i, (vector, payload) in enumerate(zip(data.vectors.tolist(), data.payloads, strict=True))
    ]
    with _client(data, folder) as client:
        yield lambda: _upsert(client, points)


@contextmanager
def arrays(data: Data, folder: Path) -> Iterator[Callable[[], None]]:
    ids = range(len(data.vectors))
    with _client(data, folder) as client:
        yield lambda: client.upload_collection(
            "d", vectors=data.vectors, payload=data.payloads, ids=ids, batch_size=BATCH, wait=True
        )


@contextmanager
def edge(data: Data, folder: Path) -> Iterator[Callable[[], None]]:
    import qdrant_edge as qe

    folder.mkdir()
    vectors = qe.EdgeVectorParams(size=data.size, distance=qe.Distance.Cosine)
    shard = qe.EdgeShard.create(str(folder), qe.EdgeConfig(vectors=vectors))
    lists = data.vectors.tolist()

    def load() -> None:
        for batch in batches(len(lists)):
            points = [qe.Point(i, lists[i], data.payloads[i]) for i in batch]
            shard.update(qe.UpdateOperation.upsert_points(points))
        shard.flush()

    yield load
    shard.close()


def _upsert(client: Any, points: list[Any]) -> None:
    for batch in batches(len(points)):
        client.upsert("d", points=points[batch.start : batch.stop], wait=True)


def _client(data: Data, folder: Path) -> Any:
    from quiverdb.qdrant import QdrantClient, models

    client = QdrantClient(path=str(folder))
    vectors = models.VectorParams(size=data.size, distance=models.Distance.COSINE)
    client.create_collection("d", vectors_config=vectors)
    return client


VARIANTS = {"structs": structs, "dicts": dicts, "arrays": arrays, "edge": edge}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time upserts.")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args()
    data = from_options(options.data, 1, options.count)
    data.vectors, data.payloads = data.vectors[: options.count], data.payloads[: options.count]
    for variant in options.variants:
        folder = Path(tempfile.mkdtemp(prefix="quiverdb-bench-"))
        with VARIANTS[variant](data, folder / "d") as load:
            start = time.perf_counter()
            load()
            taken = time.perf_counter() - start
        print(f"{variant:8} {len(data.vectors) / taken:9,.0f} points/s", flush=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
