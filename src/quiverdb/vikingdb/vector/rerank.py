"""Documents in the order of how well they answer a question."""

from __future__ import annotations

from typing import Any

from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector._requests import Asked
from quiverdb.vikingdb.vector.base import VectorClientBase
from quiverdb.vikingdb.vector.models import RerankRequest, RerankResponse

__all__ = ["RerankClient"]


class RerankClient(VectorClientBase):
    """Order documents.

    >>> from quiverdb.vikingdb.vector import VikingDB
    >>> VikingDB("http://localhost:9527").rerank()
    <RerankClient at http://localhost:9527>
    """

    def rerank(
        self, request: Asked = None, *, request_options: RequestOptions | None = None, **fields: Any
    ) -> RerankResponse:
        """Return how well documents answer a question, the best first."""
        return self._call("rerank", RerankResponse, RerankRequest, request, fields, request_options)
