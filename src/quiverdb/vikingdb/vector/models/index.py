"""Requests to indexes, and their results."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from quiverdb.vikingdb.vector.models.base import DataApiResponse, Ids, Listed, Mapped, Model, Numbers
from quiverdb.vikingdb.vector.models.collection import DataItem

__all__ = [
    "AggRequest",
    "AggResponse",
    "AggResult",
    "FetchDataInIndexRequest",
    "FetchDataInIndexResponse",
    "FetchDataInIndexResult",
    "Highlight",
    "IndexDataItem",
    "Instruction",
    "ModelRerank",
    "RecallBase",
    "SearchAdvance",
    "SearchBase",
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
    "VectorWeightedSumResult",
]


class FetchDataInIndexRequest(Model):
    """Ask an index for rows by their primary keys."""

    ids: Ids
    partition: str | None = None
    output_fields: Sequence[str] | None = None


class IndexDataItem(DataItem):
    """Hold a row and its vectors."""

    dense_dim: int | None = None
    dense_vector: list[float] | None = None
    sparse_vector: dict[str, float] | None = None


class FetchDataInIndexResult(Model):
    """Hold rows, and the primary keys that there are no rows of."""

    items: Listed[IndexDataItem] = Field(default_factory=list, alias="fetch")
    ids_not_exist: Listed[Any]


class FetchDataInIndexResponse(DataApiResponse):
    """Answer with rows."""

    result: FetchDataInIndexResult | None = None


class SearchAdvance(Model):
    """Hold the finer settings of a search."""

    dense_weight: float | None = None
    """The weight of the dense vector where a sparse one is compared too."""
    ids_in: Ids | None = None
    ids_not_in: Ids | None = None
    post_process_ops: Sequence[Mapping[str, Any]] | None = None
    post_process_input_limit: int | None = None
    scale_k: float | None = None
    filter_pre_ann_limit: int | None = None
    filter_pre_ann_ratio: float | None = None


class RecallBase(Model):
    """Say which rows count."""

    filter: Mapping[str, Any] | None = None
    partition: str | None = None


class SearchBase(RecallBase):
    """Say what all searches can be told."""

    output_fields: Sequence[str] | None = None
    limit: int | None = None
    offset: int | None = None
    advance: SearchAdvance | None = None
    return_schema: bool | None = None
    return_download_url: bool | None = None
    return_analyzed_result: bool | None = None
    return_detail_info: bool | None = None
    ignore_unknown_fields: bool | None = None


class Highlight(Model):
    """Ask where keywords were found."""

    enable: bool | None = None


class Instruction(Model):
    """Say whether a text is put into the words that a model wants for questions."""

    auto_fill: bool | None = None


class TensorRerank(Model):
    """Ask to order hits anew by a tensor."""

    tensor: Sequence[Numbers] | None = None
    input_limit: int | None = None
    max_similarity_algo: str | None = None


class ModelRerank(Model):
    """Ask to order hits anew by a model."""

    model_name: str | None = None
    model_version: str | None = None
    instruction: str | None = None
    input_limit: int | None = None
    score_threshold: float | None = None
    fail_strategy: str | None = None
    timeout_ms: int | None = None


class SearchByVectorRequest(SearchBase):
    """Find the rows nearest to a vector: a dense one, a sparse one, or both.

    >>> import numpy as np
    >>> SearchByVectorRequest(dense_vector=np.zeros(2), limit=1).limit
    1
    """

    dense_vector: Numbers | None = None
    sparse_vector: Mapping[str, float] | None = None
    tensor_rerank: TensorRerank | None = None


class SearchByMultiModalRequest(SearchBase):
    """Find the rows nearest to a text, an image or a video."""

    text: str | None = None
    image: Any | None = None
    video: Any | None = None
    need_instruction: bool | None = None
    instruction: Instruction | None = None
    tensor_rerank: TensorRerank | None = None
    rerank: ModelRerank | None = None


class SearchByIDRequest(SearchBase):
    """Find the rows nearest to another."""

    id: Any


class SearchByScalarRequest(SearchBase):
    """Find the rows with the smallest or largest values of a field."""

    field: str | None = None
    order: str | None = None


class SearchByKeywordsRequest(SearchBase):
    """Find rows by words in their texts."""

    mode: str | None = None
    keywords: Sequence[str] | None = None
    query: str | None = None
    highlight: Highlight | None = None
    case_sensitive: bool | None = None
    fields: Sequence[str] | None = None
    fields_weights: Mapping[str, float] | None = None
    bm25_k1: float | None = None
    bm25_b: float | None = None


class SearchByRandomRequest(SearchBase):
    """Find any rows."""


class SearchItemResult(Model):
    """Hold a row that was found."""

    id: Any
    fields: Mapped
    ann_score: float | None = None
    score: float | None = None
    origin_score: float | None = None
    addition_score: float | None = None
    highlight: Mapping[str, Mapping[str, list[int]]] | None = None


with warnings.catch_warnings():
    # BaseModel has a deprecated method of the name of a field.
    warnings.filterwarnings("ignore", 'Field name "schema"', UserWarning)

    class SearchResult(Model):
        """Hold what was found, the best first."""

        data: Listed[SearchItemResult]
        filter_matched_count: int | None = None
        total_return_count: int | None = None
        real_text_query: str | None = None
        effective_keywords: Mapping[str, list[str]] | None = None
        token_usage: Mapped
        schema: Mapping[str, Any] | None = None  # type: ignore[assignment]
        rerank_error: str | None = None
        instruction_for_dense: str | None = None
        instruction_for_sparse: str | None = None
        instruction_for_tensor: str | None = None
        embedding_time_cost_ms: int | None = None
        recall_time_cost_ms: int | None = None
        rerank_time_cost_ms: int | None = None


class SearchResponse(DataApiResponse):
    """Answer to a search."""

    result: SearchResult | None = None


class AggRequest(RecallBase):
    """Count rows, altogether or by the values of a field."""

    op: str
    group_by: str | None = None
    field: str | None = None
    """The former name of ``group_by``."""
    calc_value_on: str | None = None
    ids: Ids | None = None
    weights: Numbers | None = None
    cond: Mapping[str, Any] | None = None
    order: str | None = None


class VectorWeightedSumResult(Model):
    """Hold a sum of vectors."""

    vector: Listed[float]
    found_count: int | None = None
    found_ids: Listed[Any]
    weight_sum: float | None = None


class AggResult(Model):
    """Hold counts by value."""

    agg: Mapped
    op: str | None = None
    group_by: str | None = None
    field: str | None = None
    calc_value_on: str | None = None
    vector_weighted_sum: VectorWeightedSumResult | None = None


class AggResponse(DataApiResponse):
    """Answer to an aggregation."""

    result: AggResult | None = None


class SortRequest(Model):
    """Ask how near rows are to a vector."""

    ids: Ids
    query_vector: Numbers


class SortItemResult(Model):
    """Hold how near a row is."""

    id: Any
    score: float | None = None


class SortResult(Model):
    """Hold rows by nearness, and the primary keys that there are no rows of."""

    sort: Listed[SortItemResult]
    ids_not_exist: Listed[Any]


class SortResponse(DataApiResponse):
    """Answer to the question how near rows are."""

    result: SortResult | None = None
