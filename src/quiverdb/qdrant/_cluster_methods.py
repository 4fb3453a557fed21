"""The client's methods for clusters, as a server answers them that runs on its own.

What only makes sense among several nodes is refused with status 405, as by a server since 1.19.
"""

# ruff: noqa: ARG002 (deadlines, and options for several nodes, change nothing on one)
from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NoReturn

from quiverdb.errors import InvalidInputError
from quiverdb.model.filter import Filter, HasVector
from quiverdb.model.shard import ShardKey
from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant._operation import operation
from quiverdb.qdrant._types import Settings
from quiverdb.qdrant.errors import api_errors, standalone_error
from quiverdb.qdrant.request.parse import number, parse, strings
from quiverdb.qdrant.request.shards import shard_key
from quiverdb.qdrant.response.cluster import Shard, cluster_info, optimizations, telemetry

__all__ = ["ClusterMethods"]

_Part = Literal["queued", "completed", "idle_segments"]
_PARTS = ("queued", "completed", "idle_segments")
_COMPLETED = 16
"""How many finished optimizations a server lists unless told."""


class ClusterMethods(Connection):
    """Tell how collections are spread over a cluster of one node, and what is being done in the background."""

    @operation
    def cluster_status(self) -> models.ClusterStatus:
        """Tell that this database is not a part of a cluster."""
        self._database.peer()
        return models.ClusterStatusOneOf(status="disabled")

    @operation
    def cluster_telemetry(
        self, details_level: int | None = None, timeout: int | None = None
    ) -> models.DistributedTelemetryData:
        """Report all collections; every ``details_level`` shows everything."""
        number(details_level, "details_level", 0, 0)
        names = self._database.collection_names()
        return telemetry(self._database.peer(), {name: self._shard(name) for name in names})

    @operation
    def collection_cluster_info(self, collection_name: str) -> models.CollectionClusterInfo:
        """Report the shards of a collection, all of which are here."""
        return cluster_info(self._database.peer(), self._points_by_key(collection_name))

    @operation
    def get_optimizations(
        self,
        collection_name: str,
        completed_limit: int | None = None,
        with_: _Part | Sequence[_Part] | None = None,
    ) -> models.OptimizationsResponse:
        """Report the background work on a collection; ``with_`` tells what to list besides that under way.

        A ``completed_limit`` asks for what is completed, too.
        """
        parts = {with_} if isinstance(with_, str) else set(strings(with_ or (), "with_"))
        if unknown := parts - set(_PARTS):
            raise InvalidInputError(f"with_ may hold {', '.join(_PARTS)}, not {min(unknown)!r}", field="with_")
        if completed_limit is not None:
            parts.add("completed")
        limit = number(completed_limit, "completed_limit", 0, _COMPLETED)
        return optimizations(self._database.work(collection_name), parts, limit)

    @operation
    def cluster_collection_update(
        self,
        collection_name: str,
        cluster_operation: models.ClusterOperations | Settings,
        timeout: int | None = None,
    ) -> bool:
        """Create or drop a shard key; all other operations take more than one node."""
        operation = parse("ClusterOperations", cluster_operation)
        self._database.info(collection_name)
        match operation:
            case models.CreateShardingKeyOperation(create_sharding_key=given):
                self._database.create_shard_key(collection_name, shard_key(given.shard_key))
            case models.DropShardingKeyOperation(drop_sharding_key=given):
                self._database.delete_shard_key(collection_name, shard_key(given.shard_key))
            case _:
                raise standalone_error()
        return True

    @operation
    def recover_current_peer(self) -> bool:
        """Ask the other nodes of a cluster for what this one lacks."""
        self._refuse()

    @operation
    def remove_peer(self, peer_id: int, force: bool | None = None, timeout: int | None = None) -> bool:
        """Remove a node from a cluster."""
        number(peer_id, "peer_id", 0, 0)
        self._refuse()

    def _refuse(self) -> NoReturn:
        with api_errors:
            self._database.peer()
        raise standalone_error()

    def _shard(self, name: str) -> Shard:
        info = self._database.info(name)
        names = (*info.spec.vectors, *info.spec.sparse_vectors)
        vectors = {vector: self._database.count(name, Filter(must=(HasVector(vector),))) for vector in names}
        return Shard(info, self._database.work(name), vectors)

    def _points_by_key(self, name: str) -> dict[ShardKey | None, int]:
        """Count the points in each part of a collection; one without shard keys is one part."""
        info = self._database.info(name)
        if info.spec.sharding_method != "custom":
            return {None: info.points_count}
        return {key: self._database.count(name, shard_keys=(key,)) for key in self._database.shard_keys(name)}
