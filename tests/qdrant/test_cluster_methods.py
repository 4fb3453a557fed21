"""The client's cluster methods: the answers of a healthy server that runs on its own."""

from __future__ import annotations

import library
import numpy as np
import pytest
import qdrant_client.http.models as official

from quiverdb.errors import ClosedError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse


@pytest.fixture(scope="module")
def client():
    with QdrantClient(":memory:") as client:
        library.fill(client)
        client.create_collection("bare", models.VectorParams(size=2, distance=models.Distance.DOT))
        yield client


def refusal(call, *arguments) -> tuple[int, str]:
    with pytest.raises(UnexpectedResponse) as caught:
        call(*arguments)
    return caught.value.status_code, caught.value.structured()["status"]["error"]


def test_status(client):
    assert client.cluster_status() == models.ClusterStatusOneOf(status="disabled")


def test_collection_cluster_info(client, tmp_path):
    info = client.collection_cluster_info("library")
    official.CollectionClusterInfo.model_validate(info.model_dump())
    assert (info.shard_count, len(info.remote_shards), len(info.shard_transfers)) == (1, 0, 0)
    (shard,) = info.local_shards
    assert (shard.shard_id, shard.state, shard.shard_key) == (0, models.ReplicaState.ACTIVE, None)
    assert shard.points_count == client.count("library").count
    assert client.collection_cluster_info("bare").peer_id == info.peer_id
    assert refusal(client.collection_cluster_info, "no")[0] == 404
    peers = set()
    for _ in range(2):
        with QdrantClient(path=tmp_path) as other:
            other.recreate_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
            peers.add(other.collection_cluster_info("c").peer_id)
    assert len(peers) == 1


def test_telemetry(client):
    told = client.cluster_telemetry(details_level=2, timeout=1)
    official.DistributedTelemetryData.model_validate(told.model_dump())
    assert told.cluster.enabled is False
    assert told.collections.keys() == {"library", "bare"}
    replica = told.collections["library"].shards[0].replicas[0]
    count = client.count("library").count
    sparse = client.count("library", models.Filter(must=[models.HasVectorCondition(has_vector="s")])).count
    several = client.count("library", models.Filter(must=[models.HasVectorCondition(has_vector="m")])).count
    assert 0 < sparse < several < count
    assert (replica.num_points, replica.num_vectors) == (count, 2 * count + several + sparse)
    assert replica.num_vectors_by_name == {"v": count, "w": count, "m": several, "s": sparse}
    assert replica.total_optimized_points >= count
    assert replica.peer_id == client.collection_cluster_info("library").peer_id
    assert refusal(client.cluster_telemetry, -1)[0] == 422


def test_optimizations(client):
    told = client.get_optimizations("library", with_=["completed", "queued", "idle_segments"])
    official.OptimizationsResponse.model_validate(told.model_dump())
    count = client.count("library").count
    assert (told.running, told.queued) == ([], [])
    assert [segment.points_count for segment in told.idle_segments] == [count]
    assert told.summary == models.OptimizationsSummary(
        queued_optimizations=0, queued_segments=0, queued_points=0, idle_segments=1
    )
    assert {work.optimizer for work in told.completed} <= {"indexing", "vacuum"}
    for work in told.completed:
        assert work.status == models.TrackerStatusOneOf.DONE
        taken = (work.progress.finished_at - work.progress.started_at).total_seconds()
        assert work.progress.duration_sec == pytest.approx(taken, abs=1e-5)
    assert told.completed == sorted(told.completed, key=lambda work: work.progress.finished_at, reverse=True)
    assert len(client.get_optimizations("library", 1, "completed").completed) == 1
    few = client.get_optimizations("library")
    assert (few.queued, few.completed, few.idle_segments) == (None, None, None)
    assert refusal(client.get_optimizations, "no")[0] == 404
    assert refusal(client.get_optimizations, "library", -1)[0] == 422
    assert refusal(client.get_optimizations, "library", 1, "all")[0] == 400


def test_optimizations_due_and_failed(monkeypatch):
    from quiverdb.engine import optimizer

    def fail(*arguments: object, **named: object) -> None:
        raise MemoryError

    monkeypatch.setattr(optimizer.Graph, "build", fail)
    monkeypatch.setattr(optimizer, "_RETRY", 60.0)
    with QdrantClient(":memory:") as client:
        settings = models.OptimizersConfigDiff(indexing_threshold=1)
        client.create_collection(
            "c", models.VectorParams(size=4, distance=models.Distance.DOT), optimizers_config=settings
        )
        client.upload_collection("c", np.ones((100, 4), "f4"), ids=range(100))
        while not (told := client.get_optimizations("c", with_=["completed", "queued", "idle_segments"])).completed:
            pass
        while told.running:
            told = client.get_optimizations("c", with_=["completed", "queued", "idle_segments"])
        assert told.completed[0].status.error.startswith("MemoryError")
        assert [work.optimizer for work in told.queued] == ["indexing"]
        assert told.summary == models.OptimizationsSummary(
            queued_optimizations=1, queued_segments=1, queued_points=100, idle_segments=0
        )
        assert told.idle_segments == []


def test_what_takes_several_nodes_is_refused(client):
    standalone = 405, "Qdrant is running in standalone mode"
    shard = {"shard_id": 0, "from_peer_id": 1, "to_peer_id": 2}
    for operation in (
        models.MoveShardOperation(move_shard=models.MoveShard(**shard)),
        {"replicate_shard": shard},
        official.AbortTransferOperation(abort_transfer=official.AbortShardTransfer(**shard)),
        {"drop_replica": {"shard_id": 0, "peer_id": 1}},
        {"start_resharding": {"direction": "up"}},
    ):
        assert refusal(client.cluster_collection_update, "library", operation) == standalone
    assert refusal(client.recover_current_peer) == standalone
    assert refusal(client.remove_peer, 5) == standalone
    assert refusal(client.remove_peer, "5")[0] == 400
    assert refusal(client.cluster_collection_update, "library", {"fly": 1})[0] == 400
    assert refusal(client.cluster_collection_update, "no", operation)[0] == 404


def test_shard_keys_are_shards():
    with QdrantClient(":memory:") as client:
        client.create_collection(
            "c",
            models.VectorParams(size=2, distance=models.Distance.DOT),
            sharding_method=models.ShardingMethod.CUSTOM,
        )
        assert client.collection_cluster_info("c").shard_count == 0
        for operation in (
            models.CreateShardingKeyOperation(create_sharding_key=models.CreateShardingKey(shard_key="a")),
            {"create_sharding_key": {"shard_key": 7}},
        ):
            assert client.cluster_collection_update("c", operation) is True
        client.upsert("c", [models.PointStruct(id=i, vector=[1, 2]) for i in range(3)], shard_key_selector="a")
        client.upsert("c", [models.PointStruct(id=9, vector=[1, 2])], shard_key_selector=7)
        snapshot = client.create_shard_snapshot("c", 0)
        info = client.collection_cluster_info("c")
        assert {shard.shard_key: shard.points_count for shard in info.local_shards} == {"a": 3, 7: 1}
        assert client.cluster_collection_update("c", {"drop_sharding_key": {"shard_key": "a"}}) is True
        assert [shard.shard_key for shard in client.collection_cluster_info("c").local_shards] == [7]
        assert client.recover_shard_snapshot("c", 0, snapshot.name) is True
        assert client.collection_cluster_info("c") == info  # all parts are in the snapshot
        assert client.cluster_telemetry().collections["c"].shards[0].replicas[0].num_points == 4


def test_a_closed_client_says_so():
    client = QdrantClient(":memory:")
    client.close()
    for call in (client.cluster_status, client.cluster_telemetry, client.recover_current_peer):
        with pytest.raises(ClosedError):
            call()
