"""What a single node reports of itself: shards, telemetry and background work."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec

from quiverdb.model.collection import CollectionInfo
from quiverdb.model.shard import ShardKey
from quiverdb.model.work import Work, WorkReport
from quiverdb.qdrant import models

__all__ = ["Shard", "cluster_info", "optimizations", "telemetry"]


class Shard(msgspec.Struct, frozen=True):
    """Gather what telemetry tells of a collection; ``vectors`` counts the points that have each vector."""

    info: CollectionInfo
    work: WorkReport
    vectors: Mapping[str, int]


def cluster_info(peer: int, points: Mapping[ShardKey | None, int]) -> models.CollectionClusterInfo:
    """Return the shards of a collection, one for each shard key, given how many points are in each."""
    shards = [
        models.LocalShardInfo(shard_id=number, shard_key=key, points_count=count, state=models.ReplicaState.ACTIVE)
        for number, (key, count) in enumerate(points.items())
    ]
    return models.CollectionClusterInfo(
        peer_id=peer, shard_count=len(shards), local_shards=shards, remote_shards=[], shard_transfers=[]
    )


def telemetry(peer: int, shards: Mapping[str, Shard]) -> models.DistributedTelemetryData:
    """Return the collections of a node that is in no cluster."""
    return models.DistributedTelemetryData(
        collections={name: _collection(name, peer, shard) for name, shard in shards.items()},
        cluster=models.DistributedClusterTelemetry(enabled=False, peers={}),
    )


def _collection(name: str, peer: int, shard: Shard) -> models.DistributedCollectionTelemetry:
    replica = models.DistributedReplicaTelemetry(
        peer_id=peer,
        state=models.ReplicaState.ACTIVE,
        status=models.ShardStatus(shard.info.status.value),
        total_optimized_points=sum(work.points for work in shard.work.completed if work.error is None),
        num_points=shard.info.points_count,
        num_vectors=sum(shard.vectors.values()),
        num_vectors_by_name=dict(shard.vectors),
    )
    return models.DistributedCollectionTelemetry(
        id=name, shards=[models.DistributedShardTelemetry(id=0, replicas=[replica])]
    )


def optimizations(report: WorkReport, parts: Collection[str], limit: int) -> models.OptimizationsResponse:
    """Return the work under way, and of the rest what ``parts`` names."""
    segment = models.OptimizationSegmentInfo(uuid=report.segment, points_count=report.points)
    idle = [] if report.running or report.queued else [segment]
    waits = bool(report.queued)
    return models.OptimizationsResponse(
        summary=models.OptimizationsSummary(
            queued_optimizations=len(report.queued),
            queued_segments=int(waits),
            queued_points=report.points if waits else 0,
            idle_segments=len(idle),
        ),
        running=[_optimization(work, segment) for work in report.running],
        queued=[models.PendingOptimization(optimizer=work.kind, segments=[segment]) for work in report.queued]
        if "queued" in parts
        else None,
        completed=[_optimization(work, segment) for work in report.completed[:limit]] if "completed" in parts else None,
        idle_segments=idle if "idle_segments" in parts else None,
    )


def _optimization(work: Work, segment: models.OptimizationSegmentInfo) -> models.Optimization:
    over = work.finished_at is not None
    taken = None if work.started_at is None or work.finished_at is None else work.finished_at - work.started_at
    status: models.TrackerStatus = models.TrackerStatusOneOf.DONE if over else models.TrackerStatusOneOf.OPTIMIZING
    if work.error is not None:
        status = models.TrackerStatusOneOf2(error=work.error)
    return models.Optimization(
        uuid=work.id,
        optimizer=work.kind,
        status=status,
        segments=[models.OptimizationSegmentInfo(uuid=segment.uuid, points_count=work.points)],
        progress=models.ProgressTree(
            name=work.kind,
            started_at=_moment(work.started_at),
            finished_at=_moment(work.finished_at),
            duration_sec=taken,
            total=work.points,
            done=work.points if over and work.error is None else None,
        ),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
