"""What a server tells of itself, read by Prometheus' own parser and by Qdrant's models."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import quiverdb
from quiverdb.model.collection import CollectionSpec, Distance, SparseVectorSpec, VectorSpec
from quiverdb.model.point import Points
from quiverdb.model.write import Upsert
from quiverdb.qdrant import models
from quiverdb.server import metrics
from quiverdb.server.metrics import BOUNDS, Requests, prometheus_text

QUERY = "POST /collections/{collection_name}/points/query"


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what Prometheus understands, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def told(requests: Requests, **options: object) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with quiverdb.open(":memory:") as database:
        return read("".join(prometheus_text(requests, database, **options)))  # type: ignore[arg-type]


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


def test_requests_are_told_by_method_endpoint_and_status() -> None:
    requests = Requests()
    for seconds in (0.002, 0.004, 0.6):
        requests.record("rest", QUERY, 200, seconds)
    requests.record("rest", QUERY, 404, 0.001)
    requests.record("grpc", "/qdrant.Points/Query", 0, 0.5)
    requests.record("grpc", "/qdrant.Points/Query", 5, 0.25)
    found = told(requests)
    path = "/collections/{collection_name}/points/query"
    ok, missing = (labels(method="POST", endpoint=path, status=status) for status in ("200", "404"))
    assert found["rest_responses_total", ok] == 3
    assert found["rest_responses_total", missing] == 1
    assert found["rest_responses_fail_total", ok] == 0
    assert found["rest_responses_fail_total", missing] == 1
    assert found["rest_responses_avg_duration_seconds", ok] == pytest.approx(0.202)
    assert found["rest_responses_min_duration_seconds", ok] == 0.002
    assert found["rest_responses_max_duration_seconds", ok] == 0.6
    assert ("rest_responses_max_duration_seconds", missing) not in found
    assert found["rest_responses_duration_seconds_count", ok] == 3
    assert found["rest_responses_duration_seconds_sum", ok] == pytest.approx(0.606)
    assert found["rest_responses_duration_seconds_bucket", ok | {("le", "0.001")}] == 0
    assert found["rest_responses_duration_seconds_bucket", ok | {("le", "0.005")}] == 2
    assert found["rest_responses_duration_seconds_bucket", ok | {("le", "0.5")}] == 2
    assert found["rest_responses_duration_seconds_bucket", ok | {("le", "+Inf")}] == 3
    failed = labels(endpoint="/qdrant.Points/Query", status="5")
    assert found["grpc_responses_total", failed] == found["grpc_responses_fail_total", failed] == 1
    assert found["grpc_responses_max_duration_seconds", failed] == 0.25


def test_requests_of_other_protocols_are_told_apart() -> None:
    requests = Requests()
    requests.record("cosdata", "GET /vectordb/collections", 200, 0.5)
    requests.record("cosdata", "GET /vectordb/collections", 401, 0.1)
    found = told(requests)
    ok, refused = (labels(method="GET", endpoint="/vectordb/collections", status=status) for status in ("200", "401"))
    assert found["cosdata_responses_total", ok] == found["cosdata_responses_fail_total", refused] == 1
    assert found["cosdata_responses_max_duration_seconds", ok] == 0.5
    assert requests.telemetry() == {"rest": {"responses": {}}, "grpc": {"responses": {}}}


@given(st.lists(st.floats(0, 100)))
def test_histograms_count_what_is_not_above_their_bounds(times: list[float]) -> None:
    requests = Requests()
    for seconds in times:
        requests.record("grpc", "/x", 0, seconds)
    text = "".join(line for family in requests.families() for line in metrics._lines(family, family.name))
    buckets = {
        dict(key)["le"]: value for (name, key), value in read(text).items() if name.endswith("duration_seconds_bucket")
    }
    if times:
        assert len(buckets) == len(BOUNDS) + 1
    for bound, count in buckets.items():
        assert count == sum(seconds <= float(bound) for seconds in times)


def test_collections_are_told_of() -> None:
    spec = CollectionSpec(
        vectors={"a": VectorSpec(4, Distance.DOT), "b": VectorSpec(2, Distance.COSINE)},
        sparse_vectors={"s": SparseVectorSpec()},
    )
    with quiverdb.open(":memory:") as database:
        database.create_collection("with a \N{SNOWMAN}", spec)
        database.create_collection("empty", CollectionSpec(vectors={"": VectorSpec(4, Distance.DOT)}))
        database.write("with a \N{SNOWMAN}", [Upsert(Points(ids=[1, 2, 3], vectors={}))])
        found = read("".join(prometheus_text(Requests(), database, recovery_mode=True)))
    assert found["collections_total", labels()] == 2
    assert found["collections_vector_total", labels()] == 9
    assert found["collection_points", labels(id="with a \N{SNOWMAN}")] == 3
    assert found["collection_points", labels(id="empty")] == 0
    assert found["collection_vectors", labels(collection="with a \N{SNOWMAN}", vector="s")] == 3
    assert found["collection_vectors", labels(collection="empty", vector="")] == 0
    assert found["collection_running_optimizations", labels(id="empty")] == 0
    assert found["app_status_recovery_mode", labels()] == 1


def test_the_server_and_its_process_are_told_of() -> None:
    found = told(Requests(), prefix="quiver_")
    assert found["quiver_app_info", labels(name="qdrant", version="1.20.0")] == 1
    assert found["quiver_memory_resident_bytes", labels()] > 10_000_000
    assert found["quiver_process_open_fds", labels()] >= 3
    assert all(name.startswith("quiver_") for name, _ in found)


@given(st.text())
def test_no_label_breaks_the_text(text: str) -> None:
    requests = Requests()
    requests.record("grpc", text, 0, 0.1)
    lines = "".join(line for family in requests.families() for line in metrics._lines(family, family.name))
    if not any(
        unicode in text for unicode in "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    ):  # the parser splits lines there
        assert read(lines)["grpc_responses_total", labels(endpoint=text, status="0")] == 1
    assert lines.count("\n") == len(lines.splitlines()) or any(
        unicode in text for unicode in "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    )


def test_telemetry_has_the_shape_of_the_api() -> None:
    requests = Requests()
    requests.record("rest", QUERY, 200, 0.001)
    requests.record("rest", QUERY, 200, 0.003)
    requests.record("grpc", "/qdrant.Points/Upsert", 0, 1.0)
    shown = models.RequestsTelemetry.model_validate(requests.telemetry(), strict=False)
    statistics = shown.rest.responses[QUERY]["200"]
    assert statistics.count == 2
    assert statistics.avg_duration_micros == pytest.approx(2000)
    assert statistics.min_duration_micros == pytest.approx(1000)
    assert statistics.max_duration_micros == pytest.approx(3000)
    assert statistics.total_duration_micros == 4000
    assert statistics.last_responded is not None
    assert abs(statistics.last_responded.timestamp() - time.time()) < 60  # type: ignore[union-attr]
    assert shown.grpc.responses["/qdrant.Points/Upsert"]["0"].count == 1


def test_counts_of_threads_add_up() -> None:
    requests = Requests()

    def record() -> None:
        for _ in range(2000):
            requests.record("rest", QUERY, 200, 0.001)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert requests.telemetry()["rest"]["responses"][QUERY]["200"]["count"] == 16_000


def test_statistics_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_ENDPOINTS", 5)
    requests = Requests()
    for number in range(100):
        requests.record("rest", f"GET /{number}", 404, 0.1)
    responses = requests.telemetry()["rest"]["responses"]
    assert len(responses) == 6
    assert responses["other"]["404"]["count"] == 95


def test_counting_is_cheap() -> None:
    requests = Requests()
    best = min(_seconds(requests) for _ in range(5))
    assert best / 1000 < 10e-6


def _seconds(requests: Requests) -> float:
    start = time.perf_counter()
    for _ in range(1000):
        requests.record("rest", QUERY, 200, 0.001)
    return time.perf_counter() - start
