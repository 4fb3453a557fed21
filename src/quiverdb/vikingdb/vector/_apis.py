"""Names that the official SDK has for operations."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["APIS"]

APIS: Mapping[str, str] = {
    "VectorDataUpsert": "upsert",
    "VectorDataUpdate": "update",
    "VectorDataDelete": "delete",
    "VectorDataFetchInCollection": "fetch_in_collection",
    "VectorDataFetchInIndex": "fetch_in_index",
    "VectorSearchByVector": "search_by_vector",
    "VectorSearchByMultiModal": "search_by_multi_modal",
    "VectorSearchByID": "search_by_id",
    "VectorSearchByScalar": "search_by_scalar",
    "VectorSearchByKeywords": "search_by_keywords",
    "VectorSearchByRandom": "search_by_random",
    "VectorDataAggregate": "aggregate",
    "VectorEmbedding": "embedding",
    "VectorRerank": "rerank",
}
"""Operations by the names that the official SDK has for them."""
