"""What the clients of one thing have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from quiverdb.vikingdb._connection import Connection
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector._requests import Asked, body
from quiverdb.vikingdb.vector.models.base import CollectionMeta, Model

if TYPE_CHECKING:
    from quiverdb.vikingdb.vector.client import VikingDB

__all__ = ["VectorClientBase"]

TResponse = TypeVar("TResponse", bound=Model)


class VectorClientBase:
    """Base of the clients that ``VikingDB`` makes."""

    def __init__(self, service: VikingDB, meta: CollectionMeta | None = None) -> None:
        self._connection: Connection = service.connection
        self._named = {} if meta is None else meta.model_dump(by_alias=True, exclude_none=True)

    def _call(
        self,
        operation: str,
        expected: type[TResponse],
        model: type[Model],
        request: Asked,
        fields: Mapping[str, Any],
        options: RequestOptions | None,
    ) -> TResponse:
        """Carry out an operation and read its answer."""
        payload = {**self._named, **body(model, request, fields)}
        return expected.model_validate(self._connection.call(operation, payload, options))

    def __repr__(self) -> str:
        named = "".join(f" {name}={value!r}" for name, value in self._named.items())
        return f"<{type(self).__name__}{named} at {self._connection.described}>"
