"""Measure the VikingDB client: signing, processor time per request beside the official SDK, and searches embedded.

The server that answers is a process of its own, and so is each client; processor time is the client's alone. Run:
``python bench/viking.py [--data DIR] [--points N]``; needs vikingdb-python-sdk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from data import Data, K, from_options

CLIENTS = ("official", "ours")
WARM, REQUESTS, ROUNDS = 100, 1000, 5
DIM = 1024
DEPTH, LINKS, BUILD = 400, 20, 400
"""Of the graph and its searches: VikingDB's defaults."""
PERMILLE = 500

HITS = [{"id": n, "fields": {"title": f"title {n}", "score": n / 7}, "score": 0.5, "ann_score": 0.5} for n in range(K)]
ANSWERS = {
    "/api/vikingdb/data/upsert": {"token_usage": {}},
    "/api/vikingdb/data/search/vector": {"data": HITS, "total_return_count": K, "token_usage": {}},
    "/api/vikingdb/data/search/random": {"data": HITS[:1], "total_return_count": 1, "token_usage": {}},
}


class Handler(BaseHTTPRequestHandler):
    """Answer as a server does, without doing anything."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        told = {"code": "Success", "message": "fine", "request_id": "r", "result": ANSWERS.get(self.path)}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 (names of the library)

    def log_message(self, *_: Any) -> None:
        pass


def each(call: Callable[[], Any], times: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the microseconds that a call takes, in the best of several rounds."""
    found = []
    for _ in range(ROUNDS):
        start = clock()
        for _ in range(times):
            call()
        found.append((clock() - start) / times * 1e6)
    return min(found)


def signing() -> dict[str, float]:
    from quiverdb.vikingdb import IAM
    from quiverdb.vikingdb.credentials import Outgoing

    sign = IAM("AK" * 20, "SK" * 20).signer(service="vikingdb", region="cn-beijing")
    path, headers = (
        "/api/vikingdb/data/search/vector",
        {"Accept": "application/json", "Content-Type": "application/json"},
    )
    bodies = {
        "a short body": b"x" * 80,
        f"{DIM} numbers": json.dumps(np.random.default_rng(1).random(DIM).tolist()).encode(),
    }

    def once(body: bytes) -> None:
        sign(Outgoing("POST", "https", "example.com", path, {}, dict(headers), body))

    return {name: each(lambda body=body: once(body), 5000) for name, body in bodies.items()}


def requests(client: str, port: int) -> dict[str, float]:
    """Return the processor time of requests by what they ask for."""
    warnings.simplefilter("ignore")
    where = {"host": f"127.0.0.1:{port}", "scheme": "http", "region": "cn-beijing"}
    if client == "official":
        import vikingdb
        from vikingdb import vector
    else:
        from quiverdb import vikingdb
        from quiverdb.vikingdb import vector
    service = vector.VikingDB(auth=vikingdb.IAM(ak="AK" * 20, sk="SK" * 20), **where)
    index = service.index(collection_name="c", index_name="i")
    collection = service.collection(collection_name="c")
    query = np.random.default_rng(1).standard_normal(DIM).tolist()
    rows = [{"title": f"title {n}", "score": 0.5, "vector": query} for n in range(10)]
    calls = {
        "search_by_random": lambda: index.search_by_random({"limit": 1}),
        "search_by_vector": lambda: index.search_by_vector(vector.SearchByVectorRequest(dense_vector=query, limit=K)),
        "search_by_vector, a mapping": lambda: index.search_by_vector({"dense_vector": query, "limit": K}),
        "upsert of 10 rows": lambda: collection.upsert(vector.UpsertDataRequest(data=rows)),
    }
    found = {}
    for name, call in calls.items():
        for _ in range(WARM):
            call()
        found[name] = each(call, REQUESTS // ROUNDS, time.process_time)
    return found


Ask = Callable[[list[float], bool], Any]
"""Searches for what is nearest to a vector, among all points or half of them."""


def embedded(data: Data, count: int) -> dict[str, list[float]]:
    """Return the processor time of searches through either client, on databases with the same points and settings.

    A search runs on the thread that asks. The clients take turns, and of each query the quickest answer counts, so
    that what else the machine does slows neither more than the other.
    """
    with _qdrant(data, count) as ask_qdrant, _viking(data, count) as ask_viking:
        asks: dict[str, Ask] = {"QdrantClient.query_points": ask_qdrant, "search_by_vector": ask_viking}
        queries = data.queries.tolist()
        best = {name: np.full((2, len(queries)), np.inf) for name in asks}
        for _ in range(ROUNDS):
            for number, query in enumerate(queries):
                for name, ask in asks.items():
                    for half in (False, True):
                        start = time.thread_time()
                        ask(query, half)
                        best[name][int(half), number] = min(best[name][int(half), number], time.thread_time() - start)
    return {name: (found.mean(axis=1) * 1e6).tolist() for name, found in best.items()}


@contextmanager
def _qdrant(data: Data, count: int) -> Iterator[Ask]:
    from quiverdb.qdrant import QdrantClient, models

    with QdrantClient(":memory:") as client:
        graph = models.HnswConfigDiff(m=LINKS, ef_construct=BUILD)
        shape = models.VectorParams(size=data.size, distance="Dot")
        client.create_collection("c", vectors_config=shape, hnsw_config=graph)
        client.create_payload_index("c", "permille", "integer")
        payloads = [{"permille": payload["permille"], "name": payload["name"]} for payload in data.payloads[:count]]
        client.upload_collection("c", data.vectors[:count], payload=payloads, ids=range(1, count + 1))
        _settle(lambda: client.get_collection("c").status == "green")
        some = models.Filter(must=[models.FieldCondition(key="permille", range=models.Range(lt=PERMILLE))])
        params = models.SearchParams(hnsw_ef=DEPTH)
        yield lambda query, half: client.query_points(
            "c", query, query_filter=some if half else None, limit=K, search_params=params
        )


@contextmanager
def _viking(data: Data, count: int) -> Iterator[Ask]:
    import quiverdb
    from quiverdb.vikingdb.vector import Field, VectorIndex, VikingDB, filters

    with quiverdb.open(":memory:") as database, VikingDB(database=database) as client:
        fields = [Field("id", "int64", is_primary_key=True), Field("permille", "int64"), Field("name", "string")]
        client.create_collection(collection_name="c", fields=[*fields, Field("v", "vector", dim=data.size)])
        client.create_index(collection_name="c", index_name="i", vector_index=VectorIndex("hnsw", "ip", "float"))
        rows = (
            {"id": n + 1, "permille": payload["permille"], "name": payload["name"], "v": vector}
            for n, (payload, vector) in enumerate(zip(data.payloads[:count], data.vectors[:count], strict=True))
        )
        client.collection(collection_name="c").upsert_many(rows)
        _settle(lambda: database.info("c").status == "green")
        index = client.index(collection_name="c", index_name="i")
        some = filters.range_("permille", lt=PERMILLE)
        yield lambda query, half: index.search_by_vector(dense_vector=query, filter=some if half else None, limit=K)


def _settle(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.2)


def report(options: argparse.Namespace) -> None:
    for name, micros in signing().items():
        print(f"signing, {name}: {micros:.1f} us")
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline()) if server.stdout else 0
        found = {}
        for client in CLIENTS:
            command = [sys.executable, __file__, "--child", client, str(port)]
            found[client] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    finally:
        server.terminate()
        server.wait()
    print("\n| request | official cpu us | ours cpu us | ratio |\n|---|---|---|---|")
    for name, official in found["official"].items():
        ours = found["ours"][name]
        print(f"| {name} | {official:.0f} | {ours:.0f} | {ours / official:.2f} |")
    times = embedded(from_options(options.data, 1, options.points), options.points)
    print("\n| embedded | no filter cpu us | half of the points cpu us |\n|---|---|---|")
    for name, micros in times.items():
        print(f"| {name} | " + " | ".join(f"{each:.0f}" for each in micros) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
    elif options.child:
        print(json.dumps(requests(options.child[0], int(options.child[1]))))
    else:
        report(options)


if __name__ == "__main__":
    main()
