"""Compare QuiverDB with its peers on the same data, each engine in a process of its own.

usage: python bench/compare.py [--data DIR] [--engines quiverdb edge zvec faiss] [--repeat N] [--out FILE]

Prints what was measured and how it stands to the targets; every measurement goes to FILE as one JSON line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from data import PERMILLES
from engines import ENGINES

ENOUGH = 0.99
WIDTH = 140
Line = dict[str, Any]
Results = dict[str, list[Line]]


def main() -> int:
    options = parse()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    results: Results = {}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a", encoding="utf-8") as out:
        for engine in options.engines:
            with console.status(f"measuring {engine}"):
                results[engine] = list(run(engine, options))
            for line in results[engine]:
                out.write(json.dumps(line) + "\n")
    failed = [engine for engine, lines in results.items() if not lines]
    results = {engine: lines for engine, lines in results.items() if lines}
    if results:
        console.print(measured(results))
    if "quiverdb" in results:
        console.print(against_targets(results))
    for engine in failed:
        console.print(f"[red]{engine} failed; its output is above")
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare QuiverDB with its peers.")
    parser.add_argument("--data", type=Path, help="data folder; made-up data without one")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--repeat", type=int, default=1, help="multiply the points")
    parser.add_argument("--count", type=int, default=50_000, help="number of made-up points")
    parser.add_argument("--out", type=Path, default=Path("build/bench-results.jsonl"))
    return parser.parse_args()


def run(engine: str, options: argparse.Namespace) -> Iterator[Line]:
    script = Path(__file__).with_name("run_engine.py")
    command = [sys.executable, str(script), engine, "--repeat", str(options.repeat), "--count", str(options.count)]
    if options.data:
        command += ["--data", str(options.data)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == 0:
        yield from map(json.loads, done.stdout.splitlines())


def ready(lines: list[Line]) -> Line:
    return next(line for line in lines if line["kind"] == "ready")


def best_depth(lines: list[Line]) -> Line:
    """Return the first search depth with enough recall, else the deepest."""
    depths = [line for line in lines if line["kind"] == "depth"]
    return next((line for line in depths if line["recall"] >= ENOUGH), depths[-1])


def filtered(lines: list[Line], permille: int) -> Line | None:
    return next((line for line in lines if line["kind"] == "filter" and line["permille"] == permille), None)


def measured(results: Results) -> Table:
    first = ready(next(iter(results.values())))
    title = f"{first['points']:,} points of {first['size']} dimensions; queries per second (recall)"
    table = Table(title=title, title_justify="left")
    for column in ("engine", "ready s", "memory MB", "disk MB", "unfiltered", "depth"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for permille in PERMILLES:
        table.add_column(f"filter {permille / 10:g} %", justify="right")
    for engine, lines in results.items():
        cost, depth = ready(lines), best_depth(lines)
        row = [engine, f"{cost['seconds']:.1f}", str(cost["memory_mb"]), str(cost["disk_mb"] or "-")]
        filters = [speed(filtered(lines, permille)) for permille in PERMILLES]
        table.add_row(*row, speed(depth), str(depth["depth"]), *filters)
    return table


def speed(line: Line | None) -> str:
    return "-" if line is None else f"{line['qps']:,} ({line['recall']:.3f})"


def against_targets(results: Results) -> Table:
    table = Table(title="QuiverDB against its targets", title_justify="left")
    for column in ("figure", "target", "measured", "met"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for figure, bound, value, at_least in targets(results):
        met = value >= bound if at_least else value <= bound
        sign = "≥" if at_least else "≤"
        table.add_row(figure, f"{sign} {bound:g}", f"{value:.3f}", "[green]yes" if met else "[red]no")
    return table


def targets(results: Results) -> Iterator[tuple[str, float, float, bool]]:
    """Return figure, bound, value, and whether the value should be at least the bound."""
    ours = results["quiverdb"]
    peers = {engine: results[engine] for engine in ("edge", "zvec") if engine in results}
    depth = best_depth(ours)
    yield "recall, unfiltered", ENOUGH, depth["recall"], True
    if peers:
        best = best_of(peers, lambda lines: best_depth(lines)["qps"])
        yield "QPS to the best of edge and zvec", 1.5, depth["qps"] / best, True
    for permille in PERMILLES:
        mine = filtered(ours, permille)
        if mine is None:
            continue
        yield f"recall, filter {permille / 10:g} %", ENOUGH, mine["recall"], True
        if peers:
            best = best_of(peers, lambda lines, permille=permille: filtered(lines, permille)["qps"])  # type: ignore[misc]
            yield f"QPS to the best, filter {permille / 10:g} %", 1.2, mine["qps"] / best, True
    cost = ready(ours)
    if "edge" in peers:
        yield "time until ready to edge", 0.6, cost["seconds"] / ready(peers["edge"])["seconds"], False
    if "zvec" in peers:
        yield "memory to zvec", 1.0, cost["memory_mb"] / max(1, ready(peers["zvec"])["memory_mb"]), False
    yield "disk to the float32 bytes", 2.0, cost["disk_mb"] / cost["float32_mb"], False


def best_of(peers: Results, figure: Callable[[list[Line]], float]) -> float:
    return max(map(figure, peers.values()))


if __name__ == "__main__":
    sys.exit(main())
