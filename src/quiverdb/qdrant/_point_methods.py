"""The client's methods that store, change, delete and read points."""

# ruff: noqa: ARG002 (arguments for clusters and deadlines change nothing on one node)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quiverdb.model.write import PointOperation
from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant._operation import operation
from quiverdb.qdrant._types import (
    Filter,
    PointId,
    Points,
    PointsSelector,
    ReadConsistency,
    Settings,
    ShardKey,
    WithPayload,
    WithVectors,
)
from quiverdb.qdrant.request import queries, writes
from quiverdb.qdrant.request.filters import filter_of
from quiverdb.qdrant.request.ids import point_ids
from quiverdb.qdrant.request.shards import shard_selector
from quiverdb.qdrant.response.results import facet_response, records, scroll_result, update_result

__all__ = ["PointMethods"]


class PointMethods(Connection):
    """Write and read points."""

    def _write(
        self, collection_name: str, operation: PointOperation, wait: bool, shard_key: ShardKey | None
    ) -> models.UpdateResult:
        operation = writes.in_shards(operation, shard_key)
        return update_result(self._database.write(collection_name, [operation], wait=wait)[0])

    @operation
    def upsert(
        self,
        collection_name: str,
        points: Points,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        update_filter: Filter | None = None,
        update_mode: models.UpdateMode | str | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Store points; a point that exists is replaced as a whole."""
        self._check_timeout(collection_name, timeout)
        operation = self._to_store(lambda given: writes.upsert(given, update_filter, update_mode), points)
        return self._write(collection_name, operation, wait, shard_key_selector)

    @operation
    def update_vectors(
        self,
        collection_name: str,
        points: Sequence[models.PointVectors | Settings],
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        update_filter: Filter | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Replace the given vectors of points and keep their other vectors."""
        self._check_timeout(collection_name, timeout)
        operation = self._to_store(lambda given: writes.update_vectors(given, update_filter), points)
        return self._write(collection_name, operation, wait, shard_key_selector)

    @operation
    def delete_vectors(
        self,
        collection_name: str,
        vectors: Sequence[str],
        points: PointsSelector,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Delete vectors of points by name."""
        self._check_timeout(collection_name, timeout)
        return self._write(collection_name, writes.delete_vectors(vectors, points), wait, shard_key_selector)

    @operation
    def delete(
        self,
        collection_name: str,
        points_selector: PointsSelector,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Delete points."""
        self._check_timeout(collection_name, timeout)
        return self._write(collection_name, writes.delete(points_selector), wait, shard_key_selector)

    @operation
    def set_payload(
        self,
        collection_name: str,
        payload: Mapping[str, Any],
        points: PointsSelector,
        key: str | None = None,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Merge values into the payloads of points, or into the object at ``key``; a null removes its key."""
        self._check_timeout(collection_name, timeout)
        return self._write(collection_name, writes.set_payload(payload, points, key), wait, shard_key_selector)

    @operation
    def overwrite_payload(
        self,
        collection_name: str,
        payload: Mapping[str, Any],
        points: PointsSelector,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Replace the payloads of points."""
        self._check_timeout(collection_name, timeout)
        return self._write(collection_name, writes.overwrite_payload(payload, points), wait, shard_key_selector)

    @operation
    def delete_payload(
        self,
        collection_name: str,
        keys: Sequence[str],
        points: PointsSelector,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Delete keys from the payloads of points."""
        self._check_timeout(collection_name, timeout)
        return self._write(collection_name, writes.delete_payload(keys, points), wait, shard_key_selector)

    @operation
    def clear_payload(
        self,
        collection_name: str,
        points_selector: PointsSelector,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Delete the payloads of points."""
        self._check_timeout(collection_name, timeout)
        return self._write(collection_name, writes.clear_payload(points_selector), wait, shard_key_selector)

    @operation
    def batch_update_points(
        self,
        collection_name: str,
        update_operations: Sequence[models.UpdateOperation | Settings],
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        timeout: int | None = None,
    ) -> list[models.UpdateResult]:
        """Apply all operations, in order, or none."""
        self._check_timeout(collection_name, timeout)
        operations = self._to_store(writes.operations, update_operations)
        return [update_result(result) for result in self._database.write(collection_name, operations, wait=wait)]

    @operation
    def retrieve(
        self,
        collection_name: str,
        ids: Sequence[PointId],
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> list[models.Record]:
        """Return the points with these ids that exist."""
        self._check_timeout(collection_name, timeout)
        shards = shard_selector(shard_key_selector)
        payload = queries.payload_selector(with_payload, default=True)
        vectors = queries.vector_selector(with_vectors)
        found = self._database.retrieve(collection_name, point_ids(ids), payload, vectors, shard_keys=shards)
        return records(found)

    @operation
    def scroll(
        self,
        collection_name: str,
        scroll_filter: Filter | None = None,
        limit: int = 10,
        order_by: models.OrderByInterface | Settings | None = None,
        offset: PointId | None = None,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> tuple[list[models.Record], PointId | None]:
        """Return a page of points, and the ``offset`` of the next page."""
        self._check_timeout(collection_name, timeout)
        request = queries.scroll(
            filter=scroll_filter,
            limit=limit,
            order=order_by,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            shard_key=shard_key_selector,
        )
        return scroll_result(self._database.scroll(collection_name, request))

    @operation
    def count(
        self,
        collection_name: str,
        count_filter: Filter | None = None,
        exact: bool = True,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.CountResult:
        """Count the points that a filter lets through."""
        self._check_timeout(collection_name, timeout)
        filter, shards = filter_of(count_filter), shard_selector(shard_key_selector)
        counted = self._database.count(collection_name, filter, exact=exact, shard_keys=shards)
        return models.CountResult(count=counted)

    @operation
    def facet(
        self,
        collection_name: str,
        key: str,
        facet_filter: Filter | None = None,
        limit: int = 10,
        exact: bool = False,
        consistency: ReadConsistency | None = None,
        timeout: int | None = None,
        shard_key_selector: ShardKey | None = None,
    ) -> models.FacetResponse:
        """Return the most frequent values at a payload key, and how many points have each."""
        self._check_timeout(collection_name, timeout)
        request = queries.facet(key, filter=facet_filter, limit=limit, exact=exact, shard_key=shard_key_selector)
        return facet_response(self._database.facet(collection_name, request))
