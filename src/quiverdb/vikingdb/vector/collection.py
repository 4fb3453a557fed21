"""Rows of a collection: store, change, delete and fetch them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector._requests import MOST_ROWS, Asked, Row, batches, body, may_repeat
from quiverdb.vikingdb.vector.base import VectorClientBase
from quiverdb.vikingdb.vector.models import (
    CollectionMeta,
    DeleteDataRequest,
    DeleteDataResponse,
    FetchDataInCollectionRequest,
    FetchDataInCollectionResponse,
    UpdateDataRequest,
    UpdateDataResponse,
    UpsertDataRequest,
    UpsertDataResponse,
)

if TYPE_CHECKING:
    from quiverdb.vikingdb.vector.client import VikingDB

__all__ = ["CollectionClient"]


class CollectionClient(VectorClientBase):
    """Write and read the rows of one collection.

    A request is a model, a mapping, or keywords.

    >>> from quiverdb.vikingdb.vector import UpsertDataRequest, VikingDB
    >>> with VikingDB(":memory:") as client:
    ...     _ = client.create_collection(
    ...         collection_name="books",
    ...         fields=[
    ...             {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True},
    ...             {"FieldName": "title", "FieldType": "string"},
    ...         ],
    ...     )
    ...     books = client.collection(collection_name="books")
    ...     _ = books.upsert(UpsertDataRequest(data=[{"id": 1, "title": "Emma"}]))
    ...     books.fetch(ids=[1]).result.items[0].fields["title"]
    'Emma'
    """

    def __init__(
        self, service: VikingDB, meta: CollectionMeta | None = None, *, primary_key: str | None = None
    ) -> None:
        super().__init__(service, meta)
        self._primary_key = primary_key

    def upsert(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> UpsertDataResponse:
        """Store rows, in place of those with the same primary keys.

        Where a request may have arrived although the answer did not, it is sent again only if all rows carry the
        primary key that ``collection(primary_key=...)`` named, or ``request_options`` call it ``repeatable``: rows
        without one would be stored twice.
        """
        asked = body(UpsertDataRequest, request, fields)
        options = may_repeat(self._primary_key, asked.get("data"), request_options)
        return self._call("upsert", UpsertDataResponse, UpsertDataRequest, asked, {}, options)

    def upsert_many(
        self,
        rows: Iterable[Row],
        *,
        batch_size: int = MOST_ROWS,
        request_options: RequestOptions | None = None,
        **fields: Any,
    ) -> list[UpsertDataResponse]:
        """Store any number of rows, ``batch_size`` at a time; other keywords are those of ``upsert``.

        A collection whose texts become vectors takes one row at a time. What was stored before an error stays, and a
        note of the error says how many rows that are.
        """
        responses: list[UpsertDataResponse] = []
        stored = 0
        try:
            for batch in batches(rows, batch_size):
                responses.append(self.upsert(data=batch, request_options=request_options, **fields))
                stored += len(batch)
        except Exception as error:
            error.add_note(f"{stored} rows were stored before")
            raise
        return responses

    def update(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> UpdateDataResponse:
        """Change fields of rows that are there; each names its primary key."""
        return self._call("update", UpdateDataResponse, UpdateDataRequest, request, fields, request_options)

    def delete(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> DeleteDataResponse:
        """Delete rows by their primary keys, or all with ``delete_all``."""
        return self._call("delete", DeleteDataResponse, DeleteDataRequest, request, fields, request_options)

    def fetch(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> FetchDataInCollectionResponse:
        """Return rows by their primary keys."""
        return self._call(
            "fetch_in_collection",
            FetchDataInCollectionResponse,
            FetchDataInCollectionRequest,
            request,
            fields,
            request_options,
        )
