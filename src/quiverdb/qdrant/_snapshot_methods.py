"""The client's methods for snapshots of collections, of shards, and of everything.

On one node a collection is one shard, number 0, whatever its shard keys are; and with no other replica to agree with,
all values of ``priority`` mean that the snapshot is right. Reading files needs no ``api_key``.
"""

# ruff: noqa: ARG002 (see above)
from __future__ import annotations

from datetime import UTC, datetime

from quiverdb.model.snapshot import Snapshot
from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant._operation import operation
from quiverdb.qdrant.request.parse import number, parse

__all__ = ["SnapshotMethods"]


class SnapshotMethods(Connection):
    """Create, list, delete and recover snapshots."""

    @operation
    def create_snapshot(self, collection_name: str, wait: bool = True) -> models.SnapshotDescription | None:
        """Write a snapshot of a collection; without ``wait``, in the background, and return None."""
        return _described(self._database.create_snapshot(collection_name, wait=wait))

    @operation
    def list_snapshots(self, collection_name: str) -> list[models.SnapshotDescription]:
        """List the snapshots of a collection."""
        return [_description(snapshot) for snapshot in self._database.snapshots(collection_name)]

    @operation
    def delete_snapshot(self, collection_name: str, snapshot_name: str, wait: bool = True) -> bool | None:
        """Delete a snapshot of a collection."""
        self._database.delete_snapshot(collection_name, snapshot_name)
        return wait or None

    @operation
    def recover_snapshot(
        self,
        collection_name: str,
        location: str,
        api_key: str | None = None,
        checksum: str | None = None,
        priority: models.SnapshotPriority | None = None,
        wait: bool = True,
    ) -> bool | None:
        """Make a collection what a snapshot holds, and create it if there is none of its name.

        ``location`` is a ``file://`` URL, a path, or the name of a snapshot of the collection; ``checksum`` is the
        SHA-256 that the file must have. If anything is wrong with it, the collection stays as it is.
        """
        _check_priority(priority)
        self._database.recover_snapshot(collection_name, location, checksum=checksum, wait=wait)
        return wait or None

    @operation
    def create_shard_snapshot(
        self, collection_name: str, shard_id: int, wait: bool = True
    ) -> models.SnapshotDescription | None:
        """Write a snapshot of a shard; without ``wait``, in the background, and return None."""
        return _described(self._database.create_snapshot(collection_name, shard=_shard(shard_id), wait=wait))

    @operation
    def list_shard_snapshots(self, collection_name: str, shard_id: int) -> list[models.SnapshotDescription]:
        """List the snapshots of a shard."""
        found = self._database.snapshots(collection_name, shard=_shard(shard_id))
        return [_description(snapshot) for snapshot in found]

    @operation
    def delete_shard_snapshot(
        self, collection_name: str, shard_id: int, snapshot_name: str, wait: bool = True
    ) -> bool | None:
        """Delete a snapshot of a shard."""
        self._database.delete_snapshot(collection_name, snapshot_name, shard=_shard(shard_id))
        return wait or None

    @operation
    def recover_shard_snapshot(
        self,
        collection_name: str,
        shard_id: int,
        location: str,
        api_key: str | None = None,
        checksum: str | None = None,
        priority: models.SnapshotPriority | None = None,
        wait: bool = True,
    ) -> bool | None:
        """Make a shard of a collection what a snapshot holds; see ``recover_snapshot``."""
        _check_priority(priority)
        self._database.recover_snapshot(collection_name, location, shard=_shard(shard_id), checksum=checksum, wait=wait)
        return wait or None

    @operation
    def create_full_snapshot(self, wait: bool = True) -> models.SnapshotDescription | None:
        """Write a snapshot of all collections and aliases; without ``wait``, in the background, and return None."""
        return _described(self._database.create_snapshot(wait=wait))

    @operation
    def list_full_snapshots(self) -> list[models.SnapshotDescription]:
        """List the snapshots of everything."""
        return [_description(snapshot) for snapshot in self._database.snapshots()]

    @operation
    def delete_full_snapshot(self, snapshot_name: str, wait: bool = True) -> bool | None:
        """Delete a snapshot of everything."""
        self._database.delete_snapshot(None, snapshot_name)
        return wait or None


def _described(snapshot: Snapshot | None) -> models.SnapshotDescription | None:
    return None if snapshot is None else _description(snapshot)


def _description(snapshot: Snapshot) -> models.SnapshotDescription:
    return models.SnapshotDescription(
        name=snapshot.name,
        creation_time=datetime.fromtimestamp(int(snapshot.created_at), UTC).replace(tzinfo=None).isoformat(),
        size=snapshot.size,
        checksum=snapshot.checksum,
    )


def _check_priority(priority: object) -> None:
    if priority is not None:
        parse("SnapshotPriority", priority)


def _shard(shard_id: object) -> int:
    return number(shard_id, "shard_id", 0, 0)
