"""The client's methods for shard keys."""

# ruff: noqa: ARG002 (arguments for clusters and deadlines change nothing on one node)
from __future__ import annotations

from collections.abc import Sequence

from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant._operation import operation
from quiverdb.qdrant.request.parse import number
from quiverdb.qdrant.request.shards import shard_key as shard_key_of

__all__ = ["ShardMethods"]


class ShardMethods(Connection):
    """Divide a collection with custom sharding into parts that have keys."""

    @operation
    def create_shard_key(
        self,
        collection_name: str,
        shard_key: models.ShardKey,
        shards_number: int | None = None,
        replication_factor: int | None = None,
        placement: Sequence[int] | None = None,
        *,
        initial_state: models.ReplicaState | str | None = None,
        timeout: int | None = None,
    ) -> bool:
        """Add a part to a collection; points are stored in it under its key.

        The part is ready at once. How many shards and replicas it has, and where, changes nothing on one node.
        """
        for name, count in (("shards_number", shards_number), ("replication_factor", replication_factor)):
            number(count, name, 1, 1)
        self._database.create_shard_key(collection_name, shard_key_of(shard_key))
        return True

    @operation
    def delete_shard_key(self, collection_name: str, shard_key: models.ShardKey, *, timeout: int | None = None) -> bool:
        """Drop a part of a collection and the points in it."""
        self._database.delete_shard_key(collection_name, shard_key_of(shard_key))
        return True

    @operation
    def list_shard_keys(self, collection_name: str) -> models.ShardKeysResponse:
        """List the keys of the parts of a collection."""
        keys = self._database.shard_keys(collection_name)
        return models.ShardKeysResponse(shard_keys=[models.ShardKeyDescription(key=key) for key in keys])
