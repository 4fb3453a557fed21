"""The client: one class, put together from the methods for each kind of thing."""

from __future__ import annotations

from quiverdb.qdrant import models
from quiverdb.qdrant._cluster_methods import ClusterMethods
from quiverdb.qdrant._connection import API_VERSION
from quiverdb.qdrant._legacy_methods import LegacyMethods
from quiverdb.qdrant._migrate_methods import MigrateMethods
from quiverdb.qdrant._model_methods import ModelMethods
from quiverdb.qdrant._operation import operation
from quiverdb.qdrant._point_methods import PointMethods
from quiverdb.qdrant._shard_methods import ShardMethods
from quiverdb.qdrant._snapshot_methods import SnapshotMethods

__all__ = ["QdrantClient"]


class QdrantClient(
    PointMethods, LegacyMethods, ModelMethods, MigrateMethods, ShardMethods, SnapshotMethods, ClusterMethods
):
    """Work with collections of points the way Qdrant's client does.

    ``QdrantClient(":memory:")`` keeps everything in memory, ``QdrantClient(path="folder")`` on disk, and
    ``QdrantClient(database=…)`` works on a database that is open already and stays so after ``close``.
    Arguments for replicas and deadlines (``ordering``, ``consistency``, ``timeout``) are accepted and change
    nothing where there is only one node.

    >>> with QdrantClient(":memory:") as client:
    ...     _ = client.create_collection("cities", models.VectorParams(size=2, distance=models.Distance.EUCLID))
    ...     _ = client.upsert(
    ...         "cities",
    ...         [
    ...             models.PointStruct(id=1, vector=[59.9, 10.8], payload={"name": "Oslo"}),
    ...             models.PointStruct(id=2, vector=[60.2, 24.9], payload={"name": "Helsinki"}),
    ...         ],
    ...     )
    ...     client.query_points("cities", query=[60.0, 11.0], limit=1).points[0].payload
    {'name': 'Oslo'}
    """

    @operation
    def info(self) -> models.VersionInfo:
        """Tell which version of the API this is."""
        return models.VersionInfo(title="quiverdb", version=API_VERSION)
