"""Measure what the Qdrant dialect costs: importing it, building models, mapping requests and answers.

python tools/measure_qdrant.py            microseconds for each, best of several rounds
python tools/measure_qdrant.py --import   import time beside that of the official package
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 15
SIZE = 384


def best(run: Callable[[], Any], number: int) -> float:
    """Return the microseconds of one call in the best of several rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(number):
            run()
        times.append((time.perf_counter() - start) / number)
    return min(times) * 1e6


def measure_calls() -> None:
    """Print the cost of each part of a request."""
    import numpy as np

    from quiverdb.model.result import Hit
    from quiverdb.qdrant import models
    from quiverdb.qdrant.request.points import points
    from quiverdb.qdrant.request.queries import query
    from quiverdb.qdrant.response.results import query_response

    array = np.random.default_rng(0).random((1000, SIZE), np.float32)
    rows = array.astype(float).tolist()
    payload = {"city": "Oslo", "year": 2024}
    batch = [models.PointStruct(id=i, vector=row, payload=payload) for i, row in enumerate(rows)]
    arrays = [models.PointStruct(id=i, vector=row, payload=payload) for i, row in enumerate(array)]
    hits = [Hit(i, 1, 0.5, payload) for i in range(10)]
    condition = models.Filter(must=[models.FieldCondition(key="city", match=models.MatchValue(value="Oslo"))])
    params = models.SearchParams(hnsw_ef=64)

    def build_filter() -> None:
        models.Filter(must=[models.FieldCondition(key="a", range=models.Range(lt=5))])
        models.SearchParams(hnsw_ef=64)

    for label, run, number, share in (
        ("models: filter with one range, and search parameters", build_filter, 5000, 1),
        ("models: point with a list", lambda: models.PointStruct(id=1, vector=rows[0], payload=payload), 5000, 1),
        ("models: point with an array", lambda: models.PointStruct(id=1, vector=array[0], payload=payload), 5000, 1),
        ("request: array, filter, parameters", lambda: query(array[0], filter=condition, params=params), 5000, 1),
        ("request: list, filter, parameters", lambda: query(rows[0], filter=condition, params=params), 5000, 1),
        ("request: each of 1,000 points with a list", lambda: points(batch), 2, 1000),
        ("request: each of 1,000 points with an array", lambda: points(arrays), 2, 1000),
        ("response: 10 points", lambda: query_response(hits), 2000, 1),
    ):
        print(f"{best(run, number) / share:8.2f} us  {label}")


def measure_import() -> None:
    """Print the wall time of starting Python with each import, best of several."""
    for statement in (
        "pass",
        "import quiverdb.qdrant",
        "from quiverdb.qdrant import models",
        "from quiverdb.qdrant import QdrantClient, models",
        "from qdrant_client import QdrantClient, models",
    ):
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            times.append(time.perf_counter() - start)
        print(f"{min(times) * 1e3:8.1f} ms  {statement}")


if __name__ == "__main__":
    measure_import() if "--import" in sys.argv else measure_calls()
