"""The official uploaders: what stores batches of ids, vectors and payloads, one after the other.

``QdrantClient.upload_points`` and ``upload_collection`` do the same with more care.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Self, TypeVar

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant._client import QdrantClient
from quiverdb.qdrant._upload import attempt
from quiverdb.qdrant.request.points import column_batches, request_of_columns
from quiverdb.wire.operations import OPERATIONS
from quiverdb.wire.rest import body_of
from quiverdb.wire.values import rows_of_columns

__all__ = [
    "BaseUploader",
    "GrpcBatchUploader",
    "RestBatchUploader",
    "batch_to_points",
    "iter_batch",
    "upload_batch",
    "upload_batch_grpc",
]

T = TypeVar("T")

_UPSERT = OPERATIONS["upsert"]
_PARTS = ("ids", "vectors", "payloads")


def iter_batch(iterable: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most ``size`` items.

    >>> list(iter_batch("abc", 2))
    [['a', 'b'], ['c']]
    """
    items = iter(iterable)
    while batch := list(islice(items, size)):
        yield batch


def _request(batch: Any) -> Any:
    """Return ids, vectors and payloads as they are sent; points without ids get random ones."""
    ids, vectors, payloads = (getattr(batch, part) for part in _PARTS) if hasattr(batch, "vectors") else batch
    columns = next(column_batches(vectors, payloads, ids, sys.maxsize), None)
    return [] if columns is None else request_of_columns(columns)


def batch_to_points(batch: Any) -> list[models.PointStruct]:
    """Return ids, vectors and payloads as points.

    >>> batch_to_points(([1], [[0.5]], None))
    [PointStruct(id=1, vector=[0.5], payload=None)]
    """
    request = _request(batch)
    rows = rows_of_columns(request) if isinstance(request, Mapping) else request
    return [models.PointStruct(**{**row, "vector": _listed(row["vector"])}) for row in rows]


def _listed(vector: Any) -> Any:
    if isinstance(vector, Mapping):
        return {name: _listed(value) for name, value in vector.items()}
    return vector.tolist() if hasattr(vector, "tolist") else vector


def upload_batch(
    openapi_client: Any,
    collection_name: str,
    batch: Any,
    max_retries: int,
    shard_key_selector: Any = None,
    update_filter: Any = None,
    update_mode: Any = None,
    wait: bool = False,
) -> bool:
    """Store a batch through the raw REST API, as ``client.http`` is, and try again so many times."""
    terms = {"shard_key_selector": shard_key_selector, "update_filter": update_filter, "update_mode": update_mode}
    body = body_of(_UPSERT, {"points": _request(batch), **terms})
    attempt(lambda: openapi_client.points_api.upsert_points(collection_name, wait, None, None, body), max_retries)
    return True


def upload_batch_grpc(
    points_client: Any,
    collection_name: str,
    batch: Any,
    max_retries: int,
    shard_key_selector: Any = None,
    update_filter: Any = None,
    update_mode: Any = None,
    wait: bool = False,
    timeout: float | None = None,
) -> bool:
    """Store a batch through the raw gRPC API, as ``client.grpc_points`` is, and try again so many times."""
    from quiverdb.wire.rpc import request_message

    terms = {"shard_key_selector": shard_key_selector, "update_filter": update_filter, "update_mode": update_mode}
    given = {"collection_name": collection_name, "points": _request(batch), "wait": wait, **terms}
    message = request_message(_UPSERT, given)
    attempt(lambda: points_client.Upsert(message, timeout=timeout), max_retries)
    return True


class BaseUploader:
    """Cut points into batches, and store these through a client."""

    def __init__(
        self,
        client: QdrantClient,
        collection_name: str | None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: Any = None,
        update_filter: Any = None,
        update_mode: Any = None,
    ) -> None:
        if not collection_name:
            raise InvalidInputError("an uploader needs the name of a collection", field="collection_name")
        self.client = client
        self.collection_name = collection_name
        self.max_retries = max_retries
        self._terms = {
            "wait": wait,
            "shard_key_selector": shard_key_selector,
            "update_filter": update_filter,
            "update_mode": update_mode,
        }

    @classmethod
    def start(cls, collection_name: str | None = None, **options: Any) -> Self:
        """Make an uploader."""
        return cls(collection_name=collection_name, **options)

    @staticmethod
    def iterate_records_batches(records: Iterable[Any], batch_size: int) -> Iterator[tuple[Any, Any, Any]]:
        """Yield points in batches of ids, vectors and payloads."""
        for batch in iter_batch(records, batch_size):
            yield [row.id for row in batch], [row.vector for row in batch], [row.payload for row in batch]

    @staticmethod
    def iterate_batches(
        vectors: Any, payload: Iterable[Any] | None, ids: Iterable[Any] | None, batch_size: int
    ) -> Iterator[tuple[Any, Any, Any]]:
        """Yield points given in columns in batches of ids, vectors and payloads."""
        for batch in column_batches(vectors, payload, ids, batch_size):
            part = batch.vectors
            alone = isinstance(part, Mapping) and part.keys() == {""}
            yield batch.ids, part[""] if alone else part, batch.payloads

    def process(self, items: Iterable[Any]) -> Iterator[bool]:
        """Store batches as they are asked for; yields ``True`` for each."""
        for batch in items:
            points = _request(batch)
            attempt(lambda: self.client.upsert(self.collection_name, points, **self._terms), self.max_retries)  # noqa: B023
            yield True


class RestBatchUploader(BaseUploader):
    """Store batches over REST; further options are those of a connection."""

    def __init__(
        self,
        uri: str = "http://localhost:6333",
        collection_name: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: Any = None,
        update_filter: Any = None,
        update_mode: Any = None,
        **kwargs: Any,
    ) -> None:
        client = QdrantClient(url=uri, port=None, check_compatibility=False, **kwargs)
        super().__init__(client, collection_name, max_retries, wait, shard_key_selector, update_filter, update_mode)


class GrpcBatchUploader(BaseUploader):
    """Store batches over gRPC; further options are those of a channel."""

    def __init__(
        self,
        host: str = "localhost",
        port: int = 6334,
        collection_name: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: Any = None,
        update_filter: Any = None,
        update_mode: Any = None,
        ssl: bool = False,
        metadata: Iterable[tuple[str, str]] | None = None,
        options: Mapping[str, Any] | None = None,
        compression: Any = None,
        auth_token_provider: Any = None,
        timeout: float | None = None,
    ) -> None:
        client = QdrantClient(
            host=host,
            grpc_port=port,
            prefer_grpc=True,
            https=ssl,
            headers=dict(metadata or ()),
            grpc_options=dict(options or {}),
            grpc_compression=compression,
            auth_token_provider=auth_token_provider,
            timeout=timeout,  # type: ignore[arg-type]
            check_compatibility=False,
        )
        super().__init__(client, collection_name, max_retries, wait, shard_key_selector, update_filter, update_mode)
