"""Collections and indexes: create, describe, change and delete them.

Shapes are those of the cloud's API, with its names in CamelCase; what the methods take by keyword is named like that
there, in snake_case here. The parts of a schema may be ``Field``, ``VectorIndex`` and the like in place of mappings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from quiverdb.vikingdb._connection import Connection
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector.models import DataApiResponse

if TYPE_CHECKING:
    from quiverdb.vikingdb.service.layout import Field, FullText, VectorIndex, Vectorizer

__all__ = ["Control"]

Options: TypeAlias = RequestOptions | None
Shape: TypeAlias = Mapping[str, Any]

_ALWAYS = ("IndexType", "Distance", "Quant")
"""What a ``VectorIndex`` says even where it is what servers of QuiverDB assume."""


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


def payload(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that the arguments of a method stand for.

    >>> from quiverdb.vikingdb.vector import Field
    >>> payload({"collection_name": "a", "fields": [Field("id", "int64", is_primary_key=True)], "filter": None})
    {'CollectionName': 'a', 'Fields': [{'FieldName': 'id', 'FieldType': 'int64', 'IsPrimaryKey': True}]}
    """
    named = {name: value for name, value in arguments.items() if name not in _NO_FIELDS} | arguments.get("other", {})
    return {
        **_plain(arguments.get("request") or {}),
        **{_camel(name): _plain(value) for name, value in named.items() if value is not None},
    }


_NO_FIELDS = ("self", "request", "other", "request_options")


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _plain(value: Any) -> Any:
    """Return a shape with parts of a schema as mappings."""
    if isinstance(value, msgspec.Struct):
        given: dict[str, Any] = msgspec.to_builtins(value)
        always = {field.encode_name: getattr(value, field.name) for field in msgspec.structs.fields(value)}
        return {name: always[name] for name in _ALWAYS if name in always} | given
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return value
