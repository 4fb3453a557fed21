"""Measure one server process over REST and gRPC: queries with payloads, and upserts of 1,000 points.

The load comes from this process, over 1 and 8 connections. Run: ``python bench/server.py [--data DIR]``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data import Data, K, from_options
from engines import QuiverDB
from load import Connection, HttpConnection, Load, RpcConnection, http_request, run

NAME, WRITTEN = "d", "w"
"""The collection that is searched, and the one that is written to."""
CONNECTIONS = (1, 8)


class Protocol(NamedTuple):
    """How requests are written and answers read."""

    query: Callable[[np.ndarray, int], bytes]
    upsert: Callable[[Data, range], bytes]
    ids: Callable[[bytes], list[int]]
    connect: Callable[[str], Callable[[], Connection]]
    """By the operation: ``Query`` or ``Upsert``."""


def rest(port: int) -> Protocol:
    path = f"/collections/{NAME}/points"

    def query(vector: np.ndarray, depth: int) -> bytes:
        body = {"query": vector.tolist(), "limit": K, "with_payload": True, "params": {"hnsw_ef": depth}}
        return http_request("POST", f"{path}/query", json.dumps(body).encode())

    def upsert(data: Data, rows: range) -> bytes:
        points = [{"id": i, "vector": data.vectors[i].tolist(), "payload": data.payloads[i]} for i in rows]
        return http_request("PUT", f"/collections/{WRITTEN}/points?wait=true", json.dumps({"points": points}).encode())

    def ids(body: bytes) -> list[int]:
        return [point["id"] for point in json.loads(body)["result"]["points"]]

    return Protocol(query, upsert, ids, lambda _: partial(HttpConnection, port))


def rpc(port: int) -> Protocol:
    from quiverdb.wire.convert import to_message
    from quiverdb.wire.messages import message

    def query(vector: np.ndarray, depth: int) -> bytes:
        asked = {"query": vector, "limit": K, "with_payload": True, "params": {"hnsw_ef": depth}}
        return to_message("QueryPoints", {"collection_name": NAME, **asked}).SerializeToString()

    def upsert(data: Data, rows: range) -> bytes:
        points = [{"id": i, "vector": data.vectors[i], "payload": data.payloads[i]} for i in rows]
        return to_message(
            "UpsertPoints", {"collection_name": WRITTEN, "wait": True, "points": points}
        ).SerializeToString()

    def ids(body: bytes) -> list[int]:
        return [point.id.num for point in message("QueryResponse").FromString(body).result]

    return Protocol(query, upsert, ids, lambda method: partial(RpcConnection, port, f"/qdrant.Points/{method}"))


def serve(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
    ports = folder / "ports.json"
    ports.unlink(missing_ok=True)
    command = [sys.executable, "-m", "quiverdb", "serve", "--data", str(folder / "db")]
    server = subprocess.Popen([*command, "--port", "0", "--grpc-port", "0", "--ports-file", str(ports)])
    while not ports.exists():
        if server.poll() is not None:
            raise SystemExit(server.returncode)
        time.sleep(0.05)
    return server, json.loads(ports.read_text())


def memory(process: int) -> int:
    """Return the resident megabytes of a process."""
    import psutil

    return psutil.Process(process).memory_info().rss >> 20


def queries(name: str, protocol: Protocol, data: Data, depth: int, seconds: float) -> None:
    asked, thresholds = [protocol.query(query, depth) for query in data.queries], data.thresholds()
    for connections in CONNECTIONS:
        found = run(protocol.connect("Query"), asked, connections, seconds, keep=True)
        recall = "not all asked"
        if len(found.bodies) == len(asked):
            recall = f"{data.recall([protocol.ids(found.bodies[n]) for n in range(len(asked))], thresholds):.3f}"
        show(name, "query", connections, found, recall)


def upserts(name: str, protocol: Protocol, data: Data, seconds: float) -> None:
    asked = [protocol.upsert(data, range(start, start + 1000)) for start in range(0, 10_000, 1000)]
    for connections in CONNECTIONS:
        show(name, "upsert of 1,000", connections, run(protocol.connect("Upsert"), asked, connections, seconds))


def show(name: str, what: str, connections: int, found: Load, recall: str = "") -> None:
    times = " / ".join(f"{found.percentile(percent) * 1e3:.2f}" for percent in (50, 99))
    failed = f", {found.failures} FAILED" if found.failures else ""
    print(f"| {name} | {what} | {connections} | {found.rate:,.0f} | {times} | {recall}{failed} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of real data")
    parser.add_argument("--folder", type=Path, help="where the database is, or is to be; a temporary one if left out")
    parser.add_argument("--depth", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--protocols", nargs="*", default=["REST", "gRPC"], choices=["REST", "gRPC"])
    options = parser.parse_args()
    data = from_options(options.data, 1, 50_000)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "db").exists():
            engine = QuiverDB(data, folder / "db")
            engine.load()
            engine.client.create_collection(WRITTEN, engine.client.get_collection(NAME).config.params.vectors)
            engine.close()
        server, ports = serve(folder)
        try:
            print(f"idle: {memory(server.pid)} MB")
            print(
                "| protocol | request | connections | per second | p50 / p99 ms | recall |\n|---|---|---|---|---|---|"
            )
            protocols = {"REST": rest(ports["http"]), "gRPC": rpc(ports["grpc"])}
            for name in options.protocols:
                queries(name, protocols[name], data, options.depth, options.seconds)
            for name in options.protocols:
                upserts(name, protocols[name], data, options.seconds)
            print(f"at the end: {memory(server.pid)} MB")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
