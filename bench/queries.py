"""Measure batches, fusions and groups against single queries and against qdrant-edge-py, in one run.

usage: python bench/queries.py [--data DIR] [--rounds N]

The contestants take turns, so that a busy machine slows all of them, and medians count.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import engines
from data import Data, K, from_options

BATCH = 100
FUSED = 100
GROUPS, GROUP_SIZE = 10, 3
DEPTH = 64

Task = Callable[[np.ndarray], Any]
"""Answers ``BATCH`` queries."""


def main() -> None:
    options = parse()
    data = from_options(options.data, 1, options.count)
    with tempfile.TemporaryDirectory() as folder:
        ours, edge = engines.QuiverDB(data, Path(folder, "quiverdb")), engines.QdrantEdge(data, Path(folder, "edge"))
        console = Console()
        with console.status("loading"):
            ours.load()
            edge.load()
        times = measure(tasks(ours, edge), data, options.rounds)
        console.print(report(times))
        ours.close()
        edge.close()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure batches, fusions and groups.")
    parser.add_argument("--data", type=Path, help="data folder; made-up data without one")
    parser.add_argument("--count", type=int, default=50_000, help="number of made-up points")
    parser.add_argument("--rounds", type=int, default=15, help="how often each task answers 100 queries")
    return parser.parse_args()


def measure(tasks: dict[str, Task], data: Data, rounds: int) -> dict[str, float]:
    """Return the median time per query of each task, in microseconds."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(-1, rounds):
        first = max(0, number) * BATCH % max(1, len(data.queries) - BATCH + 1)
        queries = data.queries[first : first + BATCH]
        for name, answer in tasks.items():
            start = time.perf_counter()
            answer(queries)
            if number >= 0:  # the first round warms up
                taken[name].append((time.perf_counter() - start) / len(queries) * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def tasks(ours: engines.QuiverDB, edge: engines.QdrantEdge) -> dict[str, Task]:
    m, client = ours.models, ours.client
    params = m.SearchParams(hnsw_ef=DEPTH)
    rrf = m.FusionQuery(fusion=m.Fusion.RRF)

    def one(query: np.ndarray, limit: int) -> Any:
        return client.query_points("d", query=query, limit=limit, search_params=params, with_payload=True)

    def batch(queries: np.ndarray) -> Any:
        requests = [m.QueryRequest(query=query, limit=K, params=params, with_payload=True) for query in queries]
        return client.query_batch_points("d", requests)

    def fused(query: np.ndarray, other: np.ndarray) -> Any:
        prefetch = [m.Prefetch(query=vector, limit=FUSED, params=params) for vector in (query, other)]
        return client.query_points("d", query=rrf, prefetch=prefetch, limit=K, with_payload=True)

    def grouped(query: np.ndarray) -> Any:
        return client.query_points_groups(
            "d", "section", query=query, limit=GROUPS, group_size=GROUP_SIZE, search_params=params
        )

    return {
        "single": lambda queries: [one(query, K) for query in queries],
        "batch": batch,
        "single, 30 points": lambda queries: [one(query, GROUPS * GROUP_SIZE) for query in queries],
        "10 groups of 3": lambda queries: [grouped(query) for query in queries],
        "fusion of 100 + 100": lambda queries: [fused(*pair) for pair in zip(queries, queries[::-1], strict=True)],
        "edge: single": lambda queries: [edge.search(query, DEPTH, None) for query in queries],
        "edge: fusion of 100 + 100": lambda queries: [
            edge_fusion(edge, *pair) for pair in zip(queries, queries[::-1], strict=True)
        ],
    }


def edge_fusion(engine: engines.QdrantEdge, query: np.ndarray, other: np.ndarray) -> Any:
    edge = engine.edge
    params = edge.SearchParams(hnsw_ef=DEPTH)
    prefetches = [
        edge.Prefetch(limit=FUSED, query=edge.Query.Nearest(vector.tolist()), params=params)
        for vector in (query, other)
    ]
    request = edge.QueryRequest(limit=K, query=edge.Fusion.Rrf(2), prefetches=prefetches, with_payload=True)
    return [(point.id, point.score, point.payload) for point in engine.shard.query(request)]


def report(times: dict[str, float]) -> Table:
    figures = [
        ("batch of 100 to single queries, throughput", "≥ 1.5", times["single"] / times["batch"]),
        ("fusion to edge's, throughput", "≥ 1.5", times["edge: fusion of 100 + 100"] / times["fusion of 100 + 100"]),
        ("groups to a single query, time", "≤ 3", times["10 groups of 3"] / times["single"]),
    ]
    table = Table(title="Median microseconds per query, and how they compare", title_justify="left")
    for column in ("figure", "target", "measured"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in times.items():
        table.add_row(name, "", f"{value:,.0f}")
    table.add_section()
    for name, target, value in figures:
        table.add_row(name, target, f"{value:.2f}")
    return table


if __name__ == "__main__":
    main()
