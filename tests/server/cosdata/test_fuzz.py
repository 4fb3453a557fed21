"""Requests that are almost right: none harms the server, and none that is refused changes anything.

``QUIVERDB_EXAMPLES`` sets how many of each kind are tried.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cosdata_calls import client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import bytes_changed, changed, written
from serving import Served, served

from quiverdb.cosdata.operations import OPERATIONS
from quiverdb.server.cosdata.fields import REQUIRED

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "40"))
PATIENCE = 10.0
"""Seconds: whatever is asked here is answered at once, or hangs."""
JSON = {"content-type": "application/json"}
STEPS = (
    "..", "%2e%2e", "%00", "x" * 300, "%F0%9F%98%80", "a%2Fb", "..%2f..%2fetc", "-1", "9" * 5000, "%ff", "{}", "%20",
    "%5c..%5c", "", "0x00000000", "current", "1",
)  # fmt: skip
WEIRD = ("", "-1", "0", "x", "9" * 5000, "\0", "99999999999999999999", "true", "1e5", "NaN", "\u0663", "²", "ü" * 99)
C = "/vectordb/collections/c"
PREDICATE = {"field_name": "color", "field_value": "red", "operator": "Equal"}
CREATION = {
    "name": "c",
    "description": "words",
    "dense_vector": {"enabled": True, "dimension": 3},
    "sparse_vector": {"enabled": True},
    "tf_idf_options": {"enabled": True},
    "config": {"max_vectors": None, "replication_factor": 1},
    "metadata_schema": {
        "fields": [{"name": "color", "values": ["red", "blue"]}],
        "supported_conditions": [{"op": "and", "field_names": ["color"]}],
    },
    "store_raw_text": True,
}
DENSE = {
    "name": "d",
    "distance_metric_type": "cosine",
    "quantization": {"type": "scalar", "properties": {"data_type": "u8", "range": {"min": -1, "max": 1}}},
    "index": {"type": "hnsw", "properties": {"ef_search": 64, "num_layers": 7}},
}
SPARSE = {"name": "s", "quantization": 64, "sample_threshold": 1000}
TEXT = {"name": "t", "sample_threshold": 1000, "k1": 1.2, "b": 0.75}
VECTORS: list[dict[str, Any]] = [
    {"id": f"v{n}", "document_id": f"d{n % 2}", "dense_values": [n, 1, 0.5], "metadata": {"color": "red"},
     "sparse_indices": [1, n + 2], "sparse_values": [0.5, 0.25], "text": f"red fox number {n}"}
    for n in range(4)
]  # fmt: skip
HYBRID = {"query_vector": [1, 0, 0], "query_text": "fox", "top_k": 3, "fusion_constant_k": 60.0}
BODIES: dict[str, Any] = {
    "create_collection": {**CREATION, "name": "new"},
    "create_dense_index": DENSE,
    "create_sparse_index": SPARSE,
    "create_tf_idf_index": TEXT,
    "upsert_in_transaction": {"vectors": [{**VECTORS[0], "id": "w"}, {"id": 1, "values": [1, 2, 3]}]},
    "add_to_transaction": {**VECTORS[0], "id": "w"},
    "commit_together": {"transactions": [{"collection": "c", "transaction_id": "TXN"}]},
    "stream_upsert": {"vectors": [{**VECTORS[0], "id": "w"}, VECTORS[1]]},
    "create_version": {"description": "words"},
    "set_current_version": {"version": 1},
    "search_dense": {"query_vector": [1, 0, 0], "filter": {"And": [PREDICATE]}, "top_k": 3, "version": "1"},
    "batch_search_dense": {"queries": [{"vector": [1, 0, 0], "filter": {"Is": PREDICATE}}], "top_k": 3},
    "search_sparse": {"query_terms": [[1, 0.5], [2, 1]], "early_terminate_threshold": 0.0, "return_raw_text": True},
    "batch_search_sparse": {"query_terms_list": [[[1, 0.5]], [{"index": 2, "value": 1}]], "top_k": 2},
    "search_text": {"query": "red fox", "top_k": 2, "return_raw_text": True},
    "batch_search_text": {"queries": ["red", "fox"], "top_k": 2},
    "search_hybrid": {**HYBRID, "version": 1},
    "batch_search_hybrid": {"queries": [HYBRID], "top_k": 2, "fusion_constant_k": 1},
}
ROWS = [row for row in OPERATIONS.values() if row.name != "create_session"]
WITH_BODY = sorted(BODIES)
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**32).map(random.Random)


def test_every_body_is_tried() -> None:
    assert {row.name for row in ROWS if row.body or row.whole} == BODIES.keys()
    for name, body in BODIES.items():
        assert set(REQUIRED.get(name, ())) <= body.keys()


@dataclass
class Attacked:
    """A server on a folder, and what it holds."""

    server: Served
    http: httpx.Client
    expected: str = ""
    transaction: str = ""

    def refill(self) -> None:
        for one in self.http.get("/vectordb/collections").json()["collections"]:
            self.http.delete(f"/vectordb/collections/{quote(one['name'], safe='')}").raise_for_status()
        self.ask("create_collection", CREATION)
        for name in ("create_dense_index", "create_sparse_index", "create_tf_idf_index"):
            self.ask(name, BODIES[name])
        self.ask("stream_upsert", {"vectors": VECTORS})
        self.ask("create_version", {"description": "first"})
        self.begin()
        self.expected = self.state()

    def begin(self) -> None:
        answer = self.http.post(f"{C}/transactions")
        assert answer.status_code == 200, answer.text
        self.transaction = answer.json()["transaction_id"]

    def end(self) -> int:
        """Commit the open transaction, if it still is, return how much it had staged, and open another."""
        self.http.post(f"{C}/transactions/{self.transaction}/commit")
        ended = self.http.get(f"{C}/transactions/{self.transaction}/status").json()
        self.begin()
        return ended["stats"]["total_operations"] if "stats" in ended else 0

    def path(self, name: str) -> str:
        steps = {"collection": "c", "id": "v0", "index_type": "dense", "version": "1"}
        return OPERATIONS[name].path.format_map({**steps, "transaction_id": self.transaction})

    def ask(self, name: str, body: Any = None) -> None:
        self.http.request(OPERATIONS[name].method, self.path(name), json=body).raise_for_status()

    def state(self) -> str:
        """Everything that can be seen, and the status of the open transaction."""
        parts = [self.http.get("/vectordb/collections").text]
        parts += [self.http.get(f"{C}{path}").text for path in ("", "/indexes", "/versions", "/indexing_status")]
        parts += [self.http.get(f"{C}/vectors", params={"document_id": id}).text for id in ("d0", "d1")]
        open = self.http.get(f"{C}/transactions/{self.transaction}/status")
        return "\n".join([*parts, open.json()["status"] if open.status_code == 200 else open.text])

    def send(self, method: str, path: str, body: bytes | None, **other: Any) -> httpx.Response:
        url = self.http.base_url.copy_with(raw_path=path.encode())
        headers = {**JSON, **other.pop("headers", {})}
        answer = self.http.request(method, url, content=body, headers=headers, **other)
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
        return answer

    def check(self, answer: httpx.Response) -> None:
        """A refused request has changed nothing, and staged nothing."""
        assert self.server.process.poll() is None, "the server ended"
        assert "Traceback" not in self.server.log.read_text(), self.server.log.read_text()
        method, path = answer.request.method, answer.request.url.raw_path.decode()
        if answer.status_code == 200 and answer.content and method != "HEAD":
            json.loads(answer.content, parse_constant=pytest.fail)
        if method in ("GET", "HEAD") or "/search/" in path:
            return
        if answer.status_code == 200 and path == f"{C}/transactions":
            self.transaction = answer.json()["transaction_id"]
        if "/transactions" in path:
            staged = self.end()
            assert answer.status_code < 400 or staged == 0, f"a request that was refused staged {staged} operations"
        if self.state() != self.expected:
            was, self.expected = self.expected, ""
            self.refill()
            assert answer.status_code < 400, f"a request that was refused changed what was:\n{was}"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    with served(folder, data=folder / "data") as server:
        with client(server.url) as http:
            http.timeout = httpx.Timeout(PATIENCE)
            attacked = Attacked(server, http)
            attacked.refill()
            yield attacked
        assert server.stop() == 0
    with served(folder, data=folder / "data") as server, client(server.url) as http:
        again = Attacked(server, http)
        again.begin()
        assert again.state() == attacked.expected, "opened again, it holds something else"


def json_of(name: str, transaction: str) -> Any:
    return json.loads(json.dumps(BODIES[name]).replace("TXN", transaction))


@fuzzed
@given(name=st.sampled_from(WITH_BODY), seed=seeds, times=st.integers(1, 4))
def test_json_that_is_almost_right(attacked: Attacked, name: str, seed: random.Random, times: int) -> None:
    body = written(changed(json_of(name, attacked.transaction), seed, times))
    attacked.check(attacked.send(OPERATIONS[name].method, attacked.path(name), body))


@fuzzed
@given(name=st.sampled_from(WITH_BODY), seed=seeds)
def test_bodies_with_other_bytes(attacked: Attacked, name: str, seed: random.Random) -> None:
    body = bytes_changed(json.dumps(json_of(name, attacked.transaction)).encode(), seed)
    attacked.check(attacked.send(OPERATIONS[name].method, attacked.path(name), body))


@fuzzed
@given(name=st.sampled_from([row.name for row in ROWS]), step=st.sampled_from(STEPS), data=st.data())
def test_paths_that_lead_nowhere(attacked: Attacked, name: str, step: str, data: st.DataObject) -> None:
    steps = attacked.path(name).split("/")
    steps[data.draw(st.integers(1, len(steps) - 1))] = step
    body = json.dumps(json_of(name, attacked.transaction)).encode() if name in BODIES else None
    answer = attacked.send(OPERATIONS[name].method, "/".join(steps), body)
    attacked.check(answer)


@fuzzed
@given(
    name=st.sampled_from(["get_vector", "find_vectors", "get_collection", "search_text"]),
    term=st.sampled_from(["document_id", "version", "x", "\0"]),
    text=st.sampled_from(WEIRD),
)
def test_queries_that_make_no_sense(attacked: Attacked, name: str, term: str, text: str) -> None:
    query = httpx.QueryParams({"document_id": "d0", term: text})
    body = json.dumps(BODIES[name]).encode() if name in BODIES else None
    attacked.check(attacked.send(OPERATIONS[name].method, f"{attacked.path(name)}?{query}", body))


@fuzzed
@given(
    name=st.sampled_from([row.name for row in ROWS]),
    header=st.sampled_from(["authorization", "content-type", "content-encoding", "api-key", "accept-encoding"]),
    text=st.sampled_from(
        ["", "x", "Bearer", "Bearer x", "application/json", "gzip", "deflate, gzip", "%FF", "x" * 9000]
    ),
)
def test_headers_that_make_no_sense(attacked: Attacked, name: str, header: str, text: str) -> None:
    body = json.dumps(json_of(name, attacked.transaction)).encode() if name in BODIES else None
    answer = attacked.send(OPERATIONS[name].method, attacked.path(name), body, headers={header: text})
    assert header != "authorization" or answer.status_code == 401
    attacked.check(answer)


def test_what_was_asked_right_is_done(attacked: Attacked) -> None:
    """The requests that the others are made of are right themselves, so that they reach the depths of the server."""
    fresh = False
    for name in (row.name for row in ROWS):
        if not fresh:
            attacked.refill()
        fresh = OPERATIONS[name].access == "read"
        if name in ("create_dense_index", "create_sparse_index", "create_tf_idf_index"):
            kind = name.removeprefix("create_").removesuffix("_index")
            attacked.http.delete(f"{C}/indexes/{kind}").raise_for_status()
        if name == "create_transaction":
            attacked.ask("abort")
        body = json.dumps(json_of(name, attacked.transaction)).encode() if name in BODIES else None
        query = "?document_id=d0" if name == "find_vectors" else ""
        answer = attacked.send(OPERATIONS[name].method, attacked.path(name) + query, body)
        assert answer.status_code == OPERATIONS[name].status, (name, answer.text)
    attacked.refill()
