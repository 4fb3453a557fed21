"""Vectors of texts, images and videos."""

from __future__ import annotations

from typing import Any

from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector._requests import Asked
from quiverdb.vikingdb.vector.base import VectorClientBase
from quiverdb.vikingdb.vector.models import EmbeddingRequest, EmbeddingResponse

__all__ = ["EmbeddingClient"]


class EmbeddingClient(VectorClientBase):
    """Make vectors.

    >>> from quiverdb.vikingdb.vector import VikingDB
    >>> with VikingDB(":memory:") as client:
    ...     made = client.embedding().embedding(data=[{"text": "hello"}], dense_model={"name": "bge-m3"})
    >>> len(made.result.data[0].dense)
    1024
    """

    def embedding(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> EmbeddingResponse:
        """Return the vectors that models make of texts, images or videos."""
        return self._call("embedding", EmbeddingResponse, EmbeddingRequest, request, fields, request_options)
