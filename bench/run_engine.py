"""Measure one engine in this process; prints one JSON object per line.

The first line tells how long loading and indexing took and what it cost; then come one line per search depth without
a filter, and one line per filter at a fixed depth. One thread asks, one query at a time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from data import PERMILLES, Data, from_options
from engines import ENGINES, Engine

DEPTHS = (32, 64, 128, 256, 512)
FILTER_DEPTH = 64
WARM_UP = 30
ENOUGH = 0.99


def main() -> None:
    options = parse()
    data = from_options(options.data, options.repeat, options.count)
    with tempfile.TemporaryDirectory(prefix="quiverdb-bench-") as folder:
        for line in measure(options.engine, data, Path(folder) / "engine"):
            print(json.dumps({"engine": options.engine, **line}), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--count", type=int, default=50_000)
    return parser.parse_args()


def measure(name: str, data: Data, folder: Path) -> Iterator[dict[str, Any]]:
    thresholds = {permille: data.thresholds(permille) for permille in (None, *PERMILLES)}
    process = psutil.Process()
    before = process.memory_info().rss
    engine = ENGINES[name](data, folder)
    start = time.perf_counter()
    engine.load()
    ready = time.perf_counter() - start
    memory = process.memory_info().rss - before
    yield {
        "kind": "ready",
        "points": len(data.vectors),
        "size": data.size,
        "seconds": round(ready, 2),
        "memory_mb": round(memory / 1e6),
        "disk_mb": round(disk_use(folder) / 1e6),
        "float32_mb": round(data.vectors.nbytes / 1e6),
    }
    for depth in DEPTHS:
        line = ask(engine, data, depth, None, thresholds[None])
        yield {"kind": "depth", **line}
        if line["recall"] >= ENOUGH:
            break
    if engine.filters:
        for permille in PERMILLES:
            yield {"kind": "filter", **ask(engine, data, FILTER_DEPTH, permille, thresholds[permille])}
    engine.close()


def ask(
    engine: Engine, data: Data, depth: int, permille: int | None, thresholds: np.ndarray
) -> dict[str, float | int | None]:
    for query in data.queries[:WARM_UP]:
        engine.search(query, depth, permille)
    answers, times = [], []
    for query in data.queries:
        start = time.perf_counter()
        answers.append(engine.search(query, depth, permille))
        times.append(time.perf_counter() - start)
    return {
        "depth": depth,
        "permille": permille,
        "qps": round(len(times) / sum(times)),
        "p50_ms": round(float(np.median(times)) * 1e3, 3),
        "p99_ms": round(float(np.quantile(times, 0.99)) * 1e3, 3),
        "recall": round(data.recall(answers, thresholds, permille), 4),
    }


def disk_use(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0


if __name__ == "__main__":
    main()
