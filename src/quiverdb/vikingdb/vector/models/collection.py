"""Requests to collections, and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from quiverdb.vikingdb.vector.models.base import DataApiResponse, Ids, Listed, Mapped, Model

__all__ = [
    "DataItem",
    "DeleteDataRequest",
    "DeleteDataResponse",
    "FetchDataInCollectionRequest",
    "FetchDataInCollectionResponse",
    "FetchDataInCollectionResult",
    "UpdateDataRequest",
    "UpdateDataResponse",
    "UpdateDataResult",
    "UpsertDataRequest",
    "UpsertDataResponse",
    "UpsertDataResult",
    "WriteDataBase",
]


class DataItem(Model):
    """Hold a row: its primary key and its fields."""

    id: Any
    fields: Mapped


class WriteDataBase(Model):
    """Hold rows to write, and for how many seconds they live."""

    data: Sequence[Mapping[str, Any]]
    ttl: int | None = None
    ignore_unknown_fields: bool | None = None


class UpsertDataRequest(WriteDataBase):
    """Store rows, in place of those with the same primary key.

    >>> UpsertDataRequest(data=[{"title": "a"}], async_write=True).model_dump(by_alias=True, exclude_none=True)
    {'data': [{'title': 'a'}], 'async': True}
    """

    async_write: bool | None = Field(default=None, alias="async")


class UpdateDataRequest(WriteDataBase):
    """Change fields of rows that are there."""


class _Written(Model):
    token_usage: Mapped
    ids: Listed[Any]
    """Primary keys of the rows in the order of the request, as QuiverDB tells them; the cloud does not."""


class UpsertDataResult(_Written):
    """Tell what was stored."""


class UpdateDataResult(_Written):
    """Tell what was changed."""


class UpsertDataResponse(DataApiResponse):
    """Answer to an upsert."""

    result: UpsertDataResult | None = None

    @property
    def ids(self) -> list[Any]:
        """The primary keys of the rows, if the server tells them."""
        return [] if self.result is None else self.result.ids


class UpdateDataResponse(DataApiResponse):
    """Answer to an update."""

    result: UpdateDataResult | None = None


class DeleteDataRequest(Model):
    """Delete rows by their primary keys, or all."""

    ids: Ids | None = None
    delete_all: bool | None = Field(default=None, alias="del_all")
    async_write: bool | None = Field(default=None, alias="async")


class DeleteDataResponse(DataApiResponse):
    """Answer to a deletion."""


class FetchDataInCollectionRequest(Model):
    """Ask for rows by their primary keys."""

    ids: Ids
    return_download_url: bool | None = None
    return_analyzed_result: bool | None = None


class FetchDataInCollectionResult(Model):
    """Hold rows, and the primary keys that there are no rows of."""

    items: Listed[DataItem] = Field(default_factory=list, alias="fetch")
    ids_not_exist: Listed[Any]


class FetchDataInCollectionResponse(DataApiResponse):
    """Answer with rows."""

    result: FetchDataInCollectionResult | None = None
