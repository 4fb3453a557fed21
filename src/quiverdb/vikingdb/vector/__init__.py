"""The vector database: clients, requests and results, and what filters and post-processing are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quiverdb.vikingdb.vector import filters, post_process
from quiverdb.vikingdb.vector._async.client import AsyncVikingDB
from quiverdb.vikingdb.vector._async.collection import AsyncCollectionClient
from quiverdb.vikingdb.vector._async.embedding import AsyncEmbeddingClient
from quiverdb.vikingdb.vector._async.index import AsyncIndexClient
from quiverdb.vikingdb.vector._async.rerank import AsyncRerankClient
from quiverdb.vikingdb.vector._former import VikingVector
from quiverdb.vikingdb.vector.client import VikingDB
from quiverdb.vikingdb.vector.collection import CollectionClient
from quiverdb.vikingdb.vector.embedding import EmbeddingClient
from quiverdb.vikingdb.vector.exceptions import VikingConnectionException, VikingVectorException
from quiverdb.vikingdb.vector.index import IndexClient
from quiverdb.vikingdb.vector.models import (
    AggRequest,
    AggResponse,
    AggResult,
    CollectionMeta,
    DataApiResponse,
    DataItem,
    DeleteDataRequest,
    DeleteDataResponse,
    Embedding,
    EmbeddingData,
    EmbeddingInstruction,
    EmbeddingModelOpt,
    EmbeddingRequest,
    EmbeddingResponse,
    EmbeddingResult,
    FetchDataInCollectionRequest,
    FetchDataInCollectionResponse,
    FetchDataInCollectionResult,
    FetchDataInIndexRequest,
    FetchDataInIndexResponse,
    FetchDataInIndexResult,
    FullModalData,
    Highlight,
    IndexDataItem,
    IndexMeta,
    Instruction,
    ModelRerank,
    PaginationResponse,
    Rerank,
    RerankRequest,
    RerankResponse,
    RerankResult,
    SearchAdvance,
    SearchByIDRequest,
    SearchByKeywordsRequest,
    SearchByMultiModalRequest,
    SearchByRandomRequest,
    SearchByScalarRequest,
    SearchByVectorRequest,
    SearchItemResult,
    SearchResponse,
    SearchResult,
    SortItemResult,
    SortRequest,
    SortResponse,
    SortResult,
    TensorRerank,
    UpdateDataRequest,
    UpdateDataResponse,
    UpdateDataResult,
    UpsertDataRequest,
    UpsertDataResponse,
    UpsertDataResult,
    VectorWeightedSumResult,
)
from quiverdb.vikingdb.vector.rerank import RerankClient

if TYPE_CHECKING:
    from quiverdb.vikingdb.service.layout import Field, FullText, VectorIndex, Vectorizer

__all__ = [
    "AggRequest",
    "AggResponse",
    "AggResult",
    "AsyncCollectionClient",
    "AsyncEmbeddingClient",
    "AsyncIndexClient",
    "AsyncRerankClient",
    "AsyncVikingDB",
    "CollectionClient",
    "CollectionMeta",
    "DataApiResponse",
    "DataItem",
    "DeleteDataRequest",
    "DeleteDataResponse",
    "Embedding",
    "EmbeddingClient",
    "EmbeddingData",
    "EmbeddingInstruction",
    "EmbeddingModelOpt",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EmbeddingResult",
    "FetchDataInCollectionRequest",
    "FetchDataInCollectionResponse",
    "FetchDataInCollectionResult",
    "FetchDataInIndexRequest",
    "FetchDataInIndexResponse",
    "FetchDataInIndexResult",
    "Field",
    "FullModalData",
    "FullText",
    "Highlight",
    "IndexClient",
    "IndexDataItem",
    "IndexMeta",
    "Instruction",
    "ModelRerank",
    "PaginationResponse",
    "Rerank",
    "RerankClient",
    "RerankRequest",
    "RerankResponse",
    "RerankResult",
    "SearchAdvance",
    "SearchByIDRequest",
    "SearchByKeywordsRequest",
    "SearchByMultiModalRequest",
    "SearchByRandomRequest",
    "SearchByScalarRequest",
    "SearchByVectorRequest",
    "SearchItemResult",
    "SearchResponse",
    "SearchResult",
    "SortItemResult",
    "SortRequest",
    "SortResponse",
    "SortResult",
    "TensorRerank",
    "UpdateDataRequest",
    "UpdateDataResponse",
    "UpdateDataResult",
    "UpsertDataRequest",
    "UpsertDataResponse",
    "UpsertDataResult",
    "VectorIndex",
    "VectorWeightedSumResult",
    "Vectorizer",
    "VikingConnectionException",
    "VikingDB",
    "VikingVector",
    "VikingVectorException",
    "filters",
    "post_process",
]

_SCHEMA = ("Field", "FullText", "VectorIndex", "Vectorizer")
"""Parts of a schema, which are imported on first use: numpy comes with them."""


def __getattr__(name: str) -> Any:
    if name not in _SCHEMA:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from quiverdb.vikingdb.service import layout

    globals().update({part: getattr(layout, part) for part in _SCHEMA})
    return globals()[name]
