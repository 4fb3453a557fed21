"""Measure clients in front of one server: the official one and ours, over REST and gRPC, beside the embedded one.

The server and each client are processes of their own. A client asks from 1 and 8 threads, each with a connection of its
own. Processor time is the client's alone. Run: ``python bench/remote.py [--data DIR]``; needs qdrant-client.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from data import Data, K, from_options
from engines import QuiverDB
from server import NAME, WRITTEN, serve

CLIENTS = ("embedded", "official REST", "ours REST", "official gRPC", "ours gRPC")
THREADS = (1, 8)
BATCH = 1000
BATCHES = 20


def connect(client: str, folder: Path, ports: dict[str, int]) -> tuple[Callable[[], Any], Any]:
    """Return what makes a client, and the models that it takes."""
    if client.startswith("official"):
        from qdrant_client import QdrantClient, models
    else:
        from quiverdb.qdrant import QdrantClient, models
    if client == "embedded":
        return lambda: QdrantClient(path=str(folder / "embedded")), models
    options = {"host": "127.0.0.1", "port": ports["http"], "grpc_port": ports["grpc"], "timeout": 60}
    return lambda: QdrantClient(**options, prefer_grpc=client.endswith("gRPC"), check_compatibility=False), models


def measured(calls: list[Iterator[Callable[[], Any]]]) -> tuple[list[float], float, float]:
    """Make the calls, each list on a thread of its own; return seconds by call, elapsed, and of the processor."""

    def follow(mine: Iterator[Callable[[], Any]]) -> list[float]:
        seconds = []
        for call in mine:
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        return seconds

    with ThreadPoolExecutor(len(calls)) as pool:
        start, used = time.perf_counter(), time.process_time()
        seconds = [second for part in pool.map(follow, calls) for second in part]
        return seconds, time.perf_counter() - start, time.process_time() - used


def row(what: str, threads: int, per: int, seconds: list[float], elapsed: float, used: float) -> list[Any]:
    ranked = np.percentile(np.array(seconds) * 1e3, [50, 99]).round(2).tolist()
    return [what, threads, round(len(seconds) * per / elapsed), *ranked, round(used / len(seconds) / per * 1e6, 1)]


def work(client: str, folder: Path, ports: dict[str, int], data: Data, depth: int, count: int) -> Iterator[list[Any]]:
    """Yield what was measured of one client."""
    make, models = connect(client, folder, ports)
    params = models.SearchParams(hnsw_ef=depth)
    queries = data.queries.tolist()

    def asking(one: Any, first: int, times: int) -> Iterator[Callable[[], Any]]:
        for query in islice(cycle(queries[first:] + queries[:first]), times):
            yield lambda query=query: one.query_points(NAME, query, limit=K, search_params=params)

    for threads in THREADS:
        clients = [make() for _ in range(threads)]
        measured([asking(one, 0, 20) for one in clients])
        found = measured([asking(one, n * 60, count // threads) for n, one in enumerate(clients)])
        yield row("query", threads, 1, *found)
    one = make()
    rows = [range(start, start + BATCH) for start in range(0, BATCH * BATCHES, BATCH)]
    lists = [data.vectors[part.start : part.stop].tolist() for part in rows]
    structs = [
        [models.PointStruct(id=i, vector=v, payload=data.payloads[i]) for i, v in zip(part, vectors, strict=True)]
        for part, vectors in zip(rows, lists, strict=True)
    ]
    for threads in THREADS:
        clients = [make() for _ in range(threads)]

        def storing(number: int, clients: list[Any] = clients) -> Iterator[Callable[[], Any]]:
            for points in structs[number :: len(clients)]:
                yield lambda points=points: clients[number].upsert(WRITTEN, points)

        yield row("upsert of 1,000", threads, BATCH, *measured([storing(n) for n in range(threads)]))
    columns = {"ids": range(BATCH * BATCHES), "payload": data.payloads[: BATCH * BATCHES], "batch_size": BATCH}
    vectors = data.vectors[: BATCH * BATCHES]
    found = measured([iter([lambda: one.upload_collection(WRITTEN, vectors, wait=True, **columns)])])
    yield row("upload of an array", 1, BATCH * BATCHES, *found)


def report(options: argparse.Namespace, folder: Path) -> None:
    server, ports = serve(folder)
    print("| client | request | threads | per second | p50 ms | p99 ms | client cpu us each |")
    print("|---|---|---|---|---|---|---|")
    cpu: dict[tuple[str, str], float] = {}
    try:
        for client in options.clients:
            command = [sys.executable, __file__, *sys.argv[1:], "--folder", str(folder)]
            found = subprocess.run([*command, "--child", client, json.dumps(ports)], stdout=subprocess.PIPE, check=True)
            for line in found.stdout.splitlines():
                what, threads, *figures = json.loads(line)
                cpu.setdefault((client, what), figures[-1])
                print("|", " | ".join(map(str, [client, what, threads, *figures])), "|", flush=True)
    finally:
        server.terminate()
        server.wait()
    for protocol in ("REST", "gRPC"):
        for what in dict.fromkeys(what for _, what in cpu):
            if {(f"ours {protocol}", what), (f"official {protocol}", what)} <= cpu.keys():
                ratio = cpu[f"ours {protocol}", what] / cpu[f"official {protocol}", what]
                print(f"{protocol}, {what}: {ratio:.2f} of the official client's processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of real data")
    parser.add_argument("--folder", type=Path, help="where the databases are, or are to be")
    parser.add_argument("--depth", type=int, default=64)
    parser.add_argument("--queries", type=int, default=4000)
    parser.add_argument("--clients", nargs="*", default=CLIENTS, choices=CLIENTS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    data = from_options(options.data, 1, 50_000)
    if options.child:
        client, ports = options.child
        for found in work(client, options.folder, json.loads(ports), data, options.depth, options.queries):
            print(json.dumps(found), flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for name in ("db", "embedded"):
            if not (folder / name).exists():
                engine = QuiverDB(data, folder / name)
                engine.load()
                engine.client.create_collection(WRITTEN, engine.client.get_collection(NAME).config.params.vectors)
                engine.close()
        report(options, folder)


if __name__ == "__main__":
    main()
