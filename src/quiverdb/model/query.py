"""Queries: what to look for, among which points, and what to return.

A ``Query`` is a tree: the results of its ``prefetch`` queries are the candidates of its own ``kind``::

    kind  None        all points, by id
          Nearest     by similarity to a vector        Recommend  Discover  Context  Feedback   by examples
          OrderBy     by a payload value               Fusion     by the ranks or scores of the prefetches
          Formula     by an expression over scores and payload
          Sample      at random                        Text       by BM25 over a text index
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from quiverdb.model.filter import Filter, GeoPoint
from quiverdb.model.point import PointId, VectorValue
from quiverdb.model.shard import ShardSelector

__all__ = [
    "Context",
    "ContextPair",
    "Discover",
    "Expression",
    "FacetQuery",
    "Feedback",
    "FeedbackItem",
    "Formula",
    "Fusion",
    "GroupQuery",
    "Lookup",
    "MatrixQuery",
    "Mmr",
    "Nearest",
    "OrderBy",
    "PayloadSelector",
    "PointRef",
    "Query",
    "QueryKind",
    "Recommend",
    "Sample",
    "SearchParams",
    "Select",
    "Text",
    "VectorInput",
    "VectorSelector",
]


class PointRef(msgspec.Struct, frozen=True):
    """Stand for the vector that a stored point has."""

    id: PointId


VectorInput: TypeAlias = VectorValue | PointRef


class Lookup(msgspec.Struct, frozen=True):
    """Say where the vectors of ``PointRef`` come from, when not from the queried collection and vector."""

    collection: str
    vector: str | None = None
    shard_keys: ShardSelector | None = None


class Mmr(msgspec.Struct, frozen=True):
    """Trade relevance against diversity (0 to 1) among the ``candidates`` nearest points."""

    diversity: float = 0.5
    candidates: int | None = None


class Nearest(msgspec.Struct, frozen=True, eq=False):
    """Rank by similarity to ``vector``."""

    vector: VectorInput
    mmr: Mmr | None = None


class Recommend(msgspec.Struct, frozen=True, eq=False):
    """Rank by similarity to ``positive`` and dissimilarity to ``negative`` examples."""

    positive: tuple[VectorInput, ...] = ()
    negative: tuple[VectorInput, ...] = ()
    strategy: Literal["average_vector", "best_score", "sum_scores"] = "average_vector"


class ContextPair(msgspec.Struct, frozen=True, eq=False):
    """Split the space: nearer to ``positive`` than to ``negative``."""

    positive: VectorInput
    negative: VectorInput


class Discover(msgspec.Struct, frozen=True, eq=False):
    """Rank by the number of pairs that hold, then by similarity to ``target``."""

    target: VectorInput
    context: tuple[ContextPair, ...]


class Context(msgspec.Struct, frozen=True, eq=False):
    """Rank by how far a point is on the wrong side of each pair; 0 is best."""

    pairs: tuple[ContextPair, ...]


class OrderBy(msgspec.Struct, frozen=True):
    """Rank by a payload value. A datetime ``start_from`` is in microseconds since 1970-01-01 UTC."""

    key: str
    direction: Literal["asc", "desc"] = "asc"
    start_from: float | int | None = None


class Fusion(msgspec.Struct, frozen=True):
    """Join the prefetches by reciprocal rank (``rrf``) or by normalised score (``dbsf``)."""

    method: Literal["rrf", "dbsf"] = "rrf"
    k: int | None = None
    weights: tuple[float, ...] | None = None


class Expression(msgspec.Struct, frozen=True):
    """Hold one node of a formula: an operator, its operands by name, and its parameters.

    Leaves are ``const`` (``value``), ``score`` (``value``: prefetch number), ``key`` (``value``: payload path),
    ``datetime`` (``value``: microseconds), ``datetime_key`` and ``condition`` (``value``: a condition).
    """

    op: Literal[
        "const", "score", "key", "condition", "datetime", "datetime_key", "geo_distance",
        "mult", "sum", "neg", "abs", "div", "sqrt", "pow", "exp", "log10", "ln", "acosh", "max", "min",
        "exp_decay", "gauss_decay", "lin_decay",
    ]  # fmt: skip
    args: tuple[Expression, ...] = ()
    value: Any = None
    origin: GeoPoint | None = None
    params: Mapping[str, float | None] = msgspec.field(default_factory=dict)


class Formula(msgspec.Struct, frozen=True):
    """Rank by an expression; ``defaults`` stand in for missing variables."""

    expression: Expression
    defaults: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Sample(msgspec.Struct, frozen=True):
    """Return points at random, without repetition."""


class FeedbackItem(msgspec.Struct, frozen=True, eq=False):
    """Give an example and how relevant it was."""

    example: VectorInput
    score: float


class Feedback(msgspec.Struct, frozen=True, eq=False):
    """Rank by similarity to ``target``, corrected by relevance judgements with weights ``a``, ``b``, ``c``."""

    target: VectorInput
    items: tuple[FeedbackItem, ...]
    a: float
    b: float
    c: float


class Text(msgspec.Struct, frozen=True):
    """Rank by BM25 over the text index of the payload key named by ``using``."""

    text: str
    k: float = 1.2
    b: float = 0.75


QueryKind: TypeAlias = Nearest | Recommend | Discover | Context | OrderBy | Fusion | Formula | Sample | Feedback | Text


class SearchParams(msgspec.Struct, frozen=True):
    """Tune one search.

    ``ef`` is the depth of the graph search; ``exact`` scans everything; ``indexed_only`` leaves out points
    that no graph covers yet; ``idf`` is ``"global"`` or the filter of the corpus that sparse weights count.
    """

    ef: int | None = None
    exact: bool = False
    indexed_only: bool = False
    quantization_ignore: bool = False
    quantization_rescore: bool | None = None
    quantization_oversampling: float | None = None
    acorn: bool = False
    acorn_max_selectivity: float | None = None
    idf: Filter | Literal["global"] | None = None


class Select(msgspec.Struct, frozen=True):
    """Choose parts of a payload by path: only ``include`` (if given), never ``exclude``."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()


PayloadSelector: TypeAlias = bool | Select
VectorSelector: TypeAlias = bool | tuple[str, ...]


class Query(msgspec.Struct, frozen=True, eq=False):
    """Ask for the best ``limit`` points after the first ``offset``.

    >>> import numpy as np
    >>> Query(Nearest(np.zeros(4, "f4")), limit=3).with_payload
    False
    """

    kind: QueryKind | None = None
    prefetch: tuple[Query, ...] = ()
    using: str = ""
    filter: Filter | None = None
    params: SearchParams = SearchParams()
    score_threshold: float | None = None
    limit: int = 10
    offset: int = 0
    with_payload: PayloadSelector = False
    with_vectors: VectorSelector = False
    lookup_from: Lookup | None = None
    shard_keys: ShardSelector | None = None


class GroupQuery(msgspec.Struct, frozen=True, eq=False):
    """Ask for the best ``query.limit`` groups of up to ``group_size`` points that share a payload value."""

    query: Query
    group_by: str
    group_size: int = 3
    lookup_collection: str | None = None
    lookup_with_payload: PayloadSelector = True
    lookup_with_vectors: VectorSelector = False


class FacetQuery(msgspec.Struct, frozen=True):
    """Ask for the ``limit`` most frequent values of a payload key and how many points have each."""

    key: str
    filter: Filter | None = None
    limit: int = 10
    exact: bool = False
    shard_keys: ShardSelector | None = None


class MatrixQuery(msgspec.Struct, frozen=True):
    """Ask for the ``limit`` nearest neighbours of each point of a random ``sample``, within the sample."""

    using: str = ""
    filter: Filter | None = None
    sample: int = 10
    limit: int = 3
    shard_keys: ShardSelector | None = None
