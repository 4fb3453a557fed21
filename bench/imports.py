"""Time ``import quiverdb.qdrant`` against ``import qdrant_client``, each in fresh interpreters.

usage: python bench/imports.py [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

STATEMENTS = {
    "quiverdb": "import quiverdb",
    "quiverdb.qdrant": "from quiverdb.qdrant import QdrantClient, models",
    "qdrant_client": "from qdrant_client import QdrantClient, models",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time imports.")
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    bare = seconds("pass", rounds)
    taken = {module: seconds(statement, rounds) - bare for module, statement in STATEMENTS.items()}
    for module, value in taken.items():
        print(f"{module:16} {value * 1e3:7.1f} ms")
    print(f"ratio            {taken['quiverdb.qdrant'] / taken['qdrant_client']:7.2f}   (target: 0.5 or less)")


def seconds(statement: str, rounds: int) -> float:
    """Return the median time of an interpreter that runs a statement, after one round that fills caches."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
