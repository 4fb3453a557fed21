"""Collections and indexes: create, describe, change and delete them.

Shapes are those of the cloud's API, with its names in CamelCase; what the methods take by keyword is named like that
there, in snake_case here. The parts of a schema may be ``Field``, ``VectorIndex`` and the like in place of mappings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quiverdb.vikingdb._connection import Connection
from quiverdb.vikingdb.vector._requests import Options, Shape, payload
from quiverdb.vikingdb.vector.models import DataApiResponse

if TYPE_CHECKING:
    from quiverdb.vikingdb.service.layout import Field, FullText, VectorIndex, Vectorizer

__all__ = ["Control"]


class Control:
    """Manage collections and indexes.

    Methods return an answer whose ``result`` is the mapping that the cloud's API calls ``Result``. A mapping as first
    argument is sent as it is, and keywords go before what it says. They raise ``VikingException``, for instance with
    the code ``NotFound.VikingdbCollection``.

    Collections go by ``collection_name`` and ``project_name``, or by ``resource_id``.
    """

    _connection: Connection

    def create_collection(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        project_name: str | None = None,
        fields: Sequence[Field | Shape] | None = None,
        vectorize: Mapping[str, Vectorizer | Shape] | None = None,
        full_text: Sequence[FullText | Shape] | None = None,
        description: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Create a collection.

        ``vectorize`` says which models make vectors of texts: ``{"Dense": Vectorizer("bge-m3", text_field="text")}``.
        """
        return self._manage("create_collection", locals())

    def get_collection(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Describe a collection."""
        return self._manage("get_collection", locals())

    def list_collections(
        self,
        request: Shape | None = None,
        *,
        project_name: str | None = None,
        page_number: int | None = None,
        page_size: int | None = None,
        filter: Shape | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Describe the collections of a project, a page at a time."""
        return self._manage("list_collections", locals())

    def update_collection(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        fields: Sequence[Field | Shape] | None = None,
        description: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Add fields to a collection, or describe it anew."""
        return self._manage("update_collection", locals())

    def delete_collection(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Delete a collection, which must have no indexes any more."""
        return self._manage("delete_collection", locals())

    def create_index(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        index_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        vector_index: VectorIndex | Shape | None = None,
        scalar_index: Iterable[str] | None = None,
        description: str | None = None,
        cpu_quota: int | None = None,
        shard_policy: str | None = None,
        shard_count: int | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Create an index of a collection.

        ``scalar_index`` names the fields that searches can filter by: without it all scalar ones, none if it is empty.
        """
        return self._manage("create_index", locals())

    def get_index(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        index_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Describe an index."""
        return self._manage("get_index", locals())

    def list_indexes(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        page_number: int | None = None,
        page_size: int | None = None,
        filter: Shape | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Describe the indexes of a collection, a page at a time."""
        return self._manage("list_indexes", locals())

    def update_index(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        index_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        scalar_index: Iterable[str] | None = None,
        description: str | None = None,
        cpu_quota: int | None = None,
        shard_policy: str | None = None,
        shard_count: int | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Change which fields of an index searches can filter by, or its resources."""
        return self._manage("update_index", locals())

    def delete_index(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        index_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Delete an index."""
        return self._manage("delete_index", locals())

    def enable_index(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        index_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Let an index be searched again."""
        return self._manage("enable_index", locals())

    def disable_index(
        self,
        request: Shape | None = None,
        *,
        collection_name: str | None = None,
        index_name: str | None = None,
        project_name: str | None = None,
        resource_id: str | None = None,
        request_options: Options = None,
        **other: Any,
    ) -> DataApiResponse:
        """Take an index out of use, without deleting it."""
        return self._manage("disable_index", locals())

    def _manage(self, operation: str, arguments: Mapping[str, Any]) -> DataApiResponse:
        """Carry out an operation, given all that its method was given."""
        options = arguments["request_options"]
        return DataApiResponse.model_validate(self._connection.call(operation, payload(arguments), options))
