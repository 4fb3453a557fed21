"""Time until a folder on disk answers again: open, first search, close, in fresh interpreters.

usage: python bench/reopen.py [--data DIR] [--count N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from data import from_options
from engines import QuiverDB

PROGRAM = """
import json, sys, time
import numpy as np
from quiverdb.qdrant import QdrantClient
query = np.load(sys.argv[2])
times = [time.perf_counter()]
client = QdrantClient(path=sys.argv[1]); times.append(time.perf_counter())
found = client.query_points("d", query=query, limit=10, with_payload=True).points; times.append(time.perf_counter())
client.close(); times.append(time.perf_counter())
if len(found) != 10: sys.exit("the folder did not answer")
print(json.dumps([b - a for a, b in zip(times, times[1:])]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time reopening.")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = from_options(options.data, 1, options.count)
    with tempfile.TemporaryDirectory(prefix="quiverdb-bench-") as name:
        import numpy as np

        folder, query = Path(name) / "d", Path(name) / "query.npy"
        np.save(query, data.queries[0])
        engine = QuiverDB(data, folder)
        engine.load()
        engine.close()
        rounds = [reopened(folder, query) for _ in range(options.rounds)]
    for step, times in zip(("open", "first search", "close"), zip(*rounds, strict=True), strict=True):
        print(f"{step:13} {statistics.median(times) * 1e3:8.1f} ms")
    total = statistics.median(first + second for first, second, _ in rounds)
    print(f"until answered {total:6.3f} s   (target: 0.5 or less)")


def reopened(folder: Path, query: Path) -> list[float]:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(query)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
