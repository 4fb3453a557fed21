"""Queries per second through the asynchronous client: one task, then many at once, beside the synchronous client.

usage: python bench/async.py [--data DIR] [--count N] [--tasks 1 4 16 64] [--seconds 3]

The target: 16 tasks reach at least 1.5 times the throughput of one on two cores. Nearest queries, ten points each with
payload, on a folder.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from data import Data, K, from_options
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, models

ROUNDS = 5


def synchronous(client: QdrantClient, data: Data, seconds: float) -> float:
    queries = cycle(data.queries)
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        client.query_points("d", next(queries), limit=K)
        done += 1
    return done / seconds


async def asynchronous(client: AsyncQdrantClient, data: Data, seconds: float, tasks: int) -> float:
    queries = cycle(data.queries)
    end = time.perf_counter() + seconds

    async def ask() -> int:
        done = 0
        while time.perf_counter() < end:
            await client.query_points("d", next(queries), limit=K)
            done += 1
        return done

    return sum(await asyncio.gather(*(ask() for _ in range(tasks)))) / seconds


def fill(client: QdrantClient, data: Data) -> None:
    client.create_collection("d", models.VectorParams(size=data.size, distance=models.Distance.COSINE))
    client.upload_collection("d", data.vectors, data.payloads, range(len(data.vectors)), wait=True)
    while (client.get_collection("d").indexed_vectors_count or 0) < len(data.vectors):
        time.sleep(0.2)


async def measure(folder: Path, data: Data, options: Any) -> None:
    with QdrantClient(path=folder) as client:
        fill(client, data)
        async with AsyncQdrantClient(path=folder) as twin:
            figures: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                figures.setdefault("sync", []).append(synchronous(client, data, options.seconds))
                for tasks in options.tasks:
                    rate = await asynchronous(twin, data, options.seconds, tasks)
                    figures.setdefault(f"{tasks} tasks", []).append(rate)
    one = statistics.median(figures[f"{options.tasks[0]} tasks"])
    for name, rates in figures.items():
        rate = statistics.median(rates)
        print(f"{name:10} {rate:8,.0f} queries/s   {rate / one:4.2f} of {options.tasks[0]} task")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the asynchronous client.")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    data = from_options(options.data, 1, options.count)
    with tempfile.TemporaryDirectory(prefix="quiverdb-bench-") as folder:
        asyncio.run(measure(Path(folder) / "d", data, options))


if __name__ == "__main__":
    main()
