"""The names of the official SDK's knowledge product."""

from __future__ import annotations

from typing import Any

from quiverdb.vikingdb.exceptions import VikingKnowledgeException
from quiverdb.vikingdb.official.lacking import lacking, of_product

_ERRORS = (
    "APINotImplementedException",
    "CalcEmbeddingFailedException",
    "CollectionExistException",
    "CollectionNotExistException",
    "DataNotFoundException",
    "DelOpFailedException",
    "DocIsFullException",
    "DocNotExistException",
    "IndexExistException",
    "IndexFetchDataException",
    "IndexNotExistException",
    "IndexNotReadyException",
    "IndexRecallException",
    "InternalServerException",
    "InvalidPartitionException",
    "InvalidPrimaryKeyException",
    "InvalidProxyServiceException",
    "InvalidQueryVecException",
    "InvalidRequestException",
    "InvalidScalarCondException",
    "ListEmbeddingModelsException",
    "NoPermissionException",
    "OperationNotAllowedException",
    "PointNotExistException",
    "QueryOpFailedException",
    "QuotaLimiterException",
    "RerankException",
    "TokenMismatchException",
    "UnauthorizedException",
    "UpsertOpFailedException",
)

_OTHERS = (
    "AddDocRequest",
    "AddDocResponse",
    "AddDocResponseData",
    "AddDocV2Request",
    "AddDocV2Response",
    "AddDocV2ResponseData",
    "AddPointRequest",
    "ChatCompletionRequest",
    "ChatCompletionResponse",
    "ChatCompletionResult",
    "ChatMessage",
    "ChunkAttachment",
    "CollectionMeta",
    "CommonResponse",
    "DataApiResponse",
    "DedupInfo",
    "DedupOptions",
    "DeletePointRequest",
    "DocInfo",
    "DocPremiumStatus",
    "DocStatus",
    "KnowledgeCollection",
    "LarkFile",
    "ListDocsFilter",
    "ListDocsRequest",
    "ListDocsResponse",
    "ListDocsResult",
    "ListDocsV2Request",
    "ListDocsV2Response",
    "ListDocsV2Result",
    "ListPointsRequest",
    "ListPointsResponse",
    "ListPointsResult",
    "MetaItem",
    "Model",
    "PointAddResponse",
    "PointAddResult",
    "PointDocInfo",
    "PointInfo",
    "PointTableChunkField",
    "QueryParam",
    "RerankDataItem",
    "RerankResponse",
    "RerankResult",
    "SearchCollectionRequest",
    "SearchDocsByFilterRequest",
    "SearchDocsByFilterResponse",
    "SearchDocsByFilterResult",
    "SearchKnowledgeRequest",
    "SearchKnowledgeResponse",
    "SearchKnowledgeResult",
    "SearchResponse",
    "SearchResult",
    "ServiceChatData",
    "ServiceChatRequest",
    "ServiceChatResponse",
    "ServiceChatRetrieveItem",
    "ServiceChatRetrieveItemDocInfo",
    "UpdatePointRequest",
    "VikingKnowledge",
)

__all__ = ["VikingKnowledgeException", *_ERRORS, *_OTHERS]


def __getattr__(name: str) -> Any:
    if name in _ERRORS:
        return of_product(name, VikingKnowledgeException)
    if name in _OTHERS:
        return lacking(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
