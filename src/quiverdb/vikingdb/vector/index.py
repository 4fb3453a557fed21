"""Searches of an index, and what else it answers."""

from __future__ import annotations

from typing import Any

from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector._requests import Asked
from quiverdb.vikingdb.vector.base import VectorClientBase
from quiverdb.vikingdb.vector.models import (
    AggRequest,
    AggResponse,
    FetchDataInIndexRequest,
    FetchDataInIndexResponse,
    SearchByIDRequest,
    SearchByKeywordsRequest,
    SearchByMultiModalRequest,
    SearchByRandomRequest,
    SearchByScalarRequest,
    SearchByVectorRequest,
    SearchResponse,
    SortRequest,
    SortResponse,
)

__all__ = ["IndexClient"]


class IndexClient(VectorClientBase):
    """Search one index of a collection.

    A request is a model, a mapping, or keywords.

    >>> from quiverdb.vikingdb.vector import VikingDB
    >>> with VikingDB(":memory:") as client:
    ...     _ = client.create_collection(
    ...         collection_name="cities",
    ...         fields=[
    ...             {"FieldName": "name", "FieldType": "string", "IsPrimaryKey": True},
    ...             {"FieldName": "place", "FieldType": "vector", "Dim": 4},
    ...         ],
    ...     )
    ...     _ = client.create_index(
    ...         collection_name="cities", index_name="near", vector_index={"IndexType": "flat", "Distance": "l2"}
    ...     )
    ...     rows = [{"name": "Rome", "place": [1, 0, 0, 0]}, {"name": "Oslo", "place": [0, 1, 0, 0]}]
    ...     _ = client.collection(collection_name="cities").upsert(data=rows)
    ...     near = client.index(collection_name="cities", index_name="near")
    ...     near.search_by_vector(dense_vector=[0.9, 0, 0, 0], limit=1).result.data[0].id
    'Rome'
    """

    def fetch(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> FetchDataInIndexResponse:
        """Return rows and their vectors by their primary keys."""
        return self._call(
            "fetch_in_index", FetchDataInIndexResponse, FetchDataInIndexRequest, request, fields, request_options
        )

    def search_by_vector(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> SearchResponse:
        """Find the rows whose vectors are nearest to one."""
        return self._call("search_by_vector", SearchResponse, SearchByVectorRequest, request, fields, request_options)

    def search_by_multi_modal(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> SearchResponse:
        """Find the rows nearest to a text, an image or a video, which a model makes a vector of."""
        return self._call(
            "search_by_multi_modal", SearchResponse, SearchByMultiModalRequest, request, fields, request_options
        )

    def search_by_id(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> SearchResponse:
        """Find the rows nearest to another one, by its primary key."""
        return self._call("search_by_id", SearchResponse, SearchByIDRequest, request, fields, request_options)

    def search_by_scalar(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> SearchResponse:
        """Find the rows with the smallest or largest values of a field."""
        return self._call("search_by_scalar", SearchResponse, SearchByScalarRequest, request, fields, request_options)

    def search_by_keywords(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> SearchResponse:
        """Find rows by words in their texts."""
        return self._call(
            "search_by_keywords", SearchResponse, SearchByKeywordsRequest, request, fields, request_options
        )

    def search_by_random(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> SearchResponse:
        """Find any rows."""
        return self._call("search_by_random", SearchResponse, SearchByRandomRequest, request, fields, request_options)

    def aggregate(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> AggResponse:
        """Count rows, altogether or by the values of a field."""
        return self._call("aggregate", AggResponse, AggRequest, request, fields, request_options)

    def sort(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> SortResponse:
        """Return how near rows are to a vector, by their primary keys."""
        return self._call("sort", SortResponse, SortRequest, request, fields, request_options)
