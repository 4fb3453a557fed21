"""The client's methods that store, change, delete and read points."""

# ruff: noqa: ARG002 (arguments for clusters and deadlines change nothing on one node)
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import msgspec
from numpy.typing import NDArray

from quiverdb.errors import RateLimitedError
from quiverdb.model.point import Points as Columns
from quiverdb.model.write import PointOperation, Upsert
from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
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
from quiverdb.qdrant.errors import api_errors
from quiverdb.qdrant.request import queries, writes
from quiverdb.qdrant.request.filters import filter_of
from quiverdb.qdrant.request.ids import point_ids
from quiverdb.qdrant.request.parse import number
from quiverdb.qdrant.request.points import batches_of_columns, batches_of_rows
from quiverdb.qdrant.request.shards import shard_selector
from quiverdb.qdrant.response.results import facet_response, records, scroll_result, update_result

__all__ = ["PointMethods"]

_BATCH = 1024
"""Batches of an upload are at least as large, since here they cross no network."""


class PointMethods(Connection):
    """Write and read points."""

    def _write(
        self, collection_name: str, operation: PointOperation, wait: bool, shard_key: ShardKey | None
    ) -> models.UpdateResult:
        operation = writes.in_shards(operation, shard_key)
        return update_result(self._database.write(collection_name, [operation], wait=wait)[0])

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            operation = writes.upsert(points, update_filter, update_mode)
            return self._write(collection_name, operation, wait, shard_key_selector)

    def upload_points(
        self,
        collection_name: str,
        points: Iterable[models.PointStruct | models.Record | Settings],
        batch_size: int = 64,
        parallel: int = 1,
        method: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: ShardKey | None = None,
        update_filter: Filter | None = None,
        update_mode: models.UpdateMode | str | None = None,
        *,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        """Store any number of points, batch by batch.

        ``progress`` is told after each batch how many points are stored, and of how many if that is known.
        """
        with api_errors:
            template = writes.upload(update_filter, update_mode, shard_key_selector)
            batches = batches_of_rows(points, self._batch_size(collection_name, batch_size))
            total = len(points) if isinstance(points, Sized) else None
            self._upload(collection_name, batches, total, wait, template, progress)

    def upload_collection(
        self,
        collection_name: str,
        vectors: NDArray[Any] | Mapping[str, NDArray[Any]] | Iterable[models.VectorStruct],
        payload: Iterable[Mapping[str, Any] | None] | None = None,
        ids: Iterable[PointId] | None = None,
        batch_size: int = 64,
        parallel: int = 1,
        method: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: ShardKey | None = None,
        update_filter: Filter | None = None,
        update_mode: models.UpdateMode | str | None = None,
        *,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        """Store any number of points given in columns, batch by batch; arrays are stored without a detour.

        Points without ids get random ones. ``progress`` is told after each batch how many points are stored,
        and of how many if that is known.
        """
        with api_errors:
            template = writes.upload(update_filter, update_mode, shard_key_selector)
            size = self._batch_size(collection_name, batch_size)
            first = next(iter(vectors.values()), ()) if isinstance(vectors, Mapping) else vectors
            total = len(first) if isinstance(first, Sized) else None
            batches = batches_of_columns(vectors, payload, ids, size)
            self._upload(collection_name, batches, total, wait, template, progress)

    def _batch_size(self, collection_name: str, batch_size: int) -> int:
        """Return the caller's batch size, or a larger one where the collection sets no limits."""
        size = number(batch_size, "batch_size", 1, _BATCH)
        limits = self._database.info(collection_name).spec.strict_mode
        return size if limits is not None and limits.enabled else max(size, _BATCH)

    def _upload(
        self,
        collection_name: str,
        batches: Iterator[Columns],
        total: int | None,
        wait: bool,
        template: Upsert,
        progress: Callable[[int, int | None], None] | None,
    ) -> None:
        """Store batches, each on the terms of ``template``."""
        done = 0
        for batch in batches:
            self._store(collection_name, msgspec.structs.replace(template, points=batch), wait)
            done += len(batch.ids)
            if progress is not None:
                progress(done, total)

    def _store(self, collection_name: str, batch: Upsert, wait: bool) -> None:
        """Store one batch of an upload, as soon as the collection's rate of writes allows."""
        while True:
            try:
                self._database.write(collection_name, [batch], wait=wait)
            except RateLimitedError as error:
                if error.retry_after is None:
                    raise
                time.sleep(error.retry_after)
            else:
                return

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            operation = writes.update_vectors(points, update_filter)
            return self._write(collection_name, operation, wait, shard_key_selector)

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            return self._write(collection_name, writes.delete_vectors(vectors, points), wait, shard_key_selector)

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            return self._write(collection_name, writes.delete(points_selector), wait, shard_key_selector)

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            return self._write(collection_name, writes.set_payload(payload, points, key), wait, shard_key_selector)

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            return self._write(collection_name, writes.overwrite_payload(payload, points), wait, shard_key_selector)

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            return self._write(collection_name, writes.delete_payload(keys, points), wait, shard_key_selector)

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            return self._write(collection_name, writes.clear_payload(points_selector), wait, shard_key_selector)

    def batch_update_points(
        self,
        collection_name: str,
        update_operations: Sequence[models.UpdateOperation | Settings],
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        timeout: int | None = None,
    ) -> list[models.UpdateResult]:
        """Apply all operations, in order, or none."""
        with api_errors:
            self._check_timeout(collection_name, timeout)
            operations = [writes.operation(operation) for operation in update_operations]
            return [update_result(result) for result in self._database.write(collection_name, operations, wait=wait)]

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            shards = shard_selector(shard_key_selector)
            payload = queries.payload_selector(with_payload, default=True)
            vectors = queries.vector_selector(with_vectors)
            found = self._database.retrieve(collection_name, point_ids(ids), payload, vectors, shard_keys=shards)
            return records(found)

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
        with api_errors:
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

    def count(
        self,
        collection_name: str,
        count_filter: Filter | None = None,
        exact: bool = True,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.CountResult:
        """Count the points that a filter lets through."""
        with api_errors:
            self._check_timeout(collection_name, timeout)
            filter, shards = filter_of(count_filter), shard_selector(shard_key_selector)
            counted = self._database.count(collection_name, filter, exact=exact, shard_keys=shards)
            return models.CountResult(count=counted)

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
        with api_errors:
            self._check_timeout(collection_name, timeout)
            request = queries.facet(key, filter=facet_filter, limit=limit, exact=exact, shard_key=shard_key_selector)
            return facet_response(self._database.facet(collection_name, request))
