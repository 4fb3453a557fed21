"""The client's methods that store any number of points, batch by batch."""

# ruff: noqa: ARG002 (arguments for transports change nothing in one process)
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from typing import TYPE_CHECKING, Any, cast

import msgspec
from numpy.typing import NDArray

from quiverdb.model.point import Points
from quiverdb.model.write import Upsert
from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant._types import Filter, PointId, Settings, ShardKey
from quiverdb.qdrant._upload import Uploader
from quiverdb.qdrant.errors import api_errors
from quiverdb.qdrant.request import writes
from quiverdb.qdrant.request.parse import number
from quiverdb.qdrant.request.points import (
    ColumnBatch,
    column_batches,
    points_of_columns,
    points_of_rows,
    request_of_columns,
    row_batches,
)

if TYPE_CHECKING:
    from quiverdb.qdrant._remote import Remote

__all__ = ["UploadMethods"]

_BATCH = 1024
"""Batches of an upload are at least as large where they cross no network."""


class UploadMethods(Connection):
    """Store points in bulk."""

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

        ``parallel`` threads read and embed batches ahead of the one that is stored, or send so many batches at a time
        to a server (0: as many as there are CPUs). A batch is tried again up to ``max_retries`` times when the disk
        has no room or the server or network fails, and after the pause that a server asks for. After any other error
        the points before the batch that failed are stored; the error's ``uploaded`` is their number, from which on to
        call again. ``progress`` is told after each batch how many points are stored, and of how many if that is known.
        """
        with api_errors:
            uploader = Uploader(parallel, max_retries, progress)
            template = writes.upload(update_filter, update_mode, shard_key_selector)
            batches = row_batches(points, self._batch_size(collection_name, batch_size))
            if self._remote is None:
                store = self._sink(collection_name, template, wait)
                uploader.store(batches, lambda rows: self._to_store(points_of_rows, rows), store, _size(points))
            else:
                prepare = self._sender(collection_name, wait, shard_key_selector, update_filter, update_mode)
                uploader.send(batches, prepare, len, _size(points))

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

        Points without ids get random ones; ids and payloads beyond the last vector are left alone. For the other
        arguments see ``upload_points``.
        """
        with api_errors:
            uploader = Uploader(parallel, max_retries, progress)
            template = writes.upload(update_filter, update_mode, shard_key_selector)
            batches = column_batches(vectors, payload, ids, self._batch_size(collection_name, batch_size))
            total = _size(next(iter(vectors.values()), ()) if isinstance(vectors, Mapping) else vectors)
            if self._remote is None:
                uploader.store(batches, self._columns, self._sink(collection_name, template, wait), total)
            else:
                prepare = self._sender(collection_name, wait, shard_key_selector, update_filter, update_mode)
                uploader.send(
                    batches, lambda batch: prepare(request_of_columns(batch)), lambda batch: batch.count, total
                )

    def _columns(self, batch: ColumnBatch) -> Points:
        return self._to_store(lambda vectors: points_of_columns(batch, vectors), batch.vectors, named=True)

    def _sink(self, collection_name: str, template: Upsert, wait: bool) -> Callable[[Points], None]:
        """Return the function that stores a batch on the terms of ``template``."""

        def store(batch: Points) -> None:
            self._database.write(collection_name, [msgspec.structs.replace(template, points=batch)], wait=wait)

        return store

    def _sender(
        self, collection_name: str, wait: bool, shard_key: Any, filter: Any, mode: Any
    ) -> Callable[[Any], Callable[[], Any]]:
        """Return the function that makes a batch ready to be sent to the server, any number of times."""
        terms = {"wait": wait, "shard_key_selector": shard_key, "update_filter": filter, "update_mode": mode}
        remote = cast("Remote", self._remote)

        def prepare(points: Any) -> Callable[[], Any]:
            send = remote.prepared("upsert", {"collection_name": collection_name, "points": points, **terms})

            def sent() -> Any:
                with api_errors:
                    return send()

            return sent

        return prepare

    def _batch_size(self, collection_name: str, batch_size: int) -> int:
        """Return the caller's batch size, or a larger one without a network or limits of the collection."""
        size = number(batch_size, "batch_size", 1, _BATCH)
        if self._remote is not None:
            return size
        limits = self._database.info(collection_name).spec.strict_mode
        return size if limits is not None and limits.enabled else max(size, _BATCH)


def _size(points: Any) -> int | None:
    return len(points) if isinstance(points, Sized) else None
