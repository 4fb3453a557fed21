"""Memory, speed and recall of each kind of codes: a fresh process opens a folder and answers all queries.

usage: python bench/memory.py [--data DIR] [--count N] [--kinds none int8 ...] [--out FILE]

Memory is the growth of the resident set from before the folder is opened to after the last query. ``disk`` puts the
original vectors on the disk (``on_disk=True``); without it they are mapped. Speed is counted in seconds of the
processor, the best of five rounds, so that kinds can be compared on a machine that others use too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from data import Data, K, from_options
from engines import QuiverDB

BITS = ("bits1", "bits2", "bits4", "bits8")
PROGRAM = """
import json, sys, time
import numpy as np, psutil
from quiverdb.qdrant import QdrantClient
queries, limit, process = np.load(sys.argv[2]), int(sys.argv[3]), psutil.Process()
before = process.memory_info().rss
client = QdrantClient(path=sys.argv[1])
def ask():
    start = time.thread_time()
    found = [client.query_points("d", query=query, limit=limit, with_payload=True).points for query in queries]
    return found, time.thread_time() - start
found, _ = ask()
memory = process.memory_info().rss - before
seconds = min(ask()[1] for _ in range(5))
print(json.dumps({"ids": [[p.id for p in points] for points in found], "memory": memory, "seconds": seconds}))
"""


def kinds() -> dict[str, dict[str, Any]]:
    """Return the settings of the vector by kind; the first is the default without quantization."""
    from quiverdb.qdrant import models as m

    def disk(quantization: Any) -> dict[str, Any]:
        return {"quantization_config": quantization, "on_disk": True}

    int8 = m.ScalarQuantization(scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8))
    product = {
        f"product {ratio.value}": m.ProductQuantization(product=m.ProductQuantizationConfig(compression=ratio))
        for ratio in m.CompressionRatio
    }
    binary = {
        f"binary {encoding.value}": m.BinaryQuantization(binary=m.BinaryQuantizationConfig(encoding=encoding))
        for encoding in m.BinaryQuantizationEncoding
    }
    turbo = {
        f"turbo {bits}": m.TurboQuantization(turbo=m.TurboQuantQuantizationConfig(bits=m.TurboQuantBitSize(bits)))
        for bits in BITS
    }
    found = {"none": {}, "none, disk": disk(None), "int8": {"quantization_config": int8}, "int8, disk": disk(int8)}
    return found | {f"{name}, disk": disk(setting) for name, setting in (product | binary | turbo).items()}


class Folder(QuiverDB):
    """A folder with one collection, whose vector settings change from kind to kind."""

    def set_up(self, settings: dict[str, Any]) -> None:
        m = self.models
        off = {"quantization_config": m.Disabled.DISABLED, "on_disk": False}
        given = {name: value for name, value in settings.items() if value is not None}
        self.client.update_collection("d", vectors_config={"": m.VectorParamsDiff(**(off | given))})
        self.wait()

    def graph_mb(self, folder: Path) -> float:
        return sum(path.stat().st_size for path in folder.glob("collections/*/graph-*")) / 1e6


def main() -> None:
    known = kinds()
    parser = argparse.ArgumentParser(description="Measure what codes cost and bring.")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--kinds", nargs="+", choices=list(known), default=list(known))
    parser.add_argument("--out", type=Path, default=Path("build/bench-memory.jsonl"))
    options = parser.parse_args()
    data = from_options(options.data, 1, options.count)
    thresholds = data.thresholds()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    print(f"{'codes':28} {'graph MB':>9} {'memory MB':>9} {'ratio':>6} {'recall@10':>9} {'QPS':>7} {'ratio':>6}")
    with tempfile.TemporaryDirectory(prefix="quiverdb-bench-") as name, options.out.open("a", encoding="utf-8") as out:
        folder, queries = Path(name) / "d", Path(name) / "queries.npy"
        np.save(queries, data.queries)
        load(data, folder)
        first: dict[str, Any] = {}
        for kind in options.kinds:
            line = measured(data, thresholds, folder, queries, known[kind]) | {"kind": kind}
            first = first or line
            out.write(json.dumps(line) + "\n")
            print(
                f"{kind:28} {line['graph_mb']:9.1f} {line['memory_mb']:9.1f} "
                f"{line['memory_mb'] / first['memory_mb']:6.2f} {line['recall']:9.4f} {line['qps']:7.0f} "
                f"{line['qps'] / first['qps']:6.2f}",
                flush=True,
            )


def load(data: Data, folder: Path) -> None:
    engine = Folder(data, folder)
    engine.load()
    engine.close()


def measured(
    data: Data, thresholds: np.ndarray, folder: Path, queries: Path, settings: dict[str, Any]
) -> dict[str, Any]:
    engine = Folder(data, folder)
    engine.set_up(settings)
    size = engine.graph_mb(folder)
    engine.close()
    command = [sys.executable, "-c", PROGRAM, str(folder), str(queries), str(K)]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {
        "graph_mb": size,
        "memory_mb": result["memory"] / 1e6,
        "recall": data.recall(result["ids"], thresholds),
        "qps": len(data.queries) / result["seconds"],
    }


if __name__ == "__main__":
    main()
