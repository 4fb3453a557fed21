"""Execution of queries on one view of a collection.

A query yields a ``Ranking``: offsets, best first, with the scores that users see. Prefetches yield rankings
first and limit what the query above them may return.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.payload import select
from quiverdb.engine.planner import plan
from quiverdb.engine.score.distance import Offsets, nearest, shown, similarities, smaller_is_nearer, top
from quiverdb.engine.score.fusion import reciprocal_rank
from quiverdb.engine.score.recommend import best_score, sum_scores
from quiverdb.engine.source import Source
from quiverdb.engine.validate import BACKEND, check_names, query_vector, sparse_vector, unknown_vector
from quiverdb.engine.view import Domain, View
from quiverdb.errors import InvalidInputError, NotFoundError, UnsupportedError
from quiverdb.model.collection import VectorSpec
from quiverdb.model.defaults import EF_SEARCH
from quiverdb.model.filter import Filter
from quiverdb.model.point import FloatArray, Payload, SparseVector, VectorValue
from quiverdb.model.query import (
    Fusion,
    Lookup,
    Nearest,
    OrderBy,
    PayloadSelector,
    PointRef,
    Query,
    Recommend,
    Sample,
    SearchParams,
    Select,
    VectorInput,
    VectorSelector,
)
from quiverdb.model.result import Hit, Record

__all__ = ["Executor", "Ranking", "vectors_of"]


class Ranking(msgspec.Struct):
    """Hold offsets, best first, and their scores; ``order_values`` when the ranking is by a payload value."""

    offsets: Offsets
    scores: FloatArray
    order_values: Sequence[int | float] | None = None

    def page(self, offset: int, limit: int) -> Ranking:
        """Return the part from ``offset`` on, at most ``limit`` long."""
        end = offset + limit
        values = None if self.order_values is None else self.order_values[offset:end]
        return Ranking(self.offsets[offset:end], self.scores[offset:end], values)


class Executor:
    """Answer queries over ``source`` as ``view`` shows it.

    ``StaleViewError`` tells that a write came in between, so that the caller starts again on a newer view.
    """

    def __init__(self, source: Source, view: View) -> None:
        self.source = source
        self.view = view

    def hits(self, query: Query) -> list[Hit]:
        """Answer a query with points."""
        if query.shard_keys is not None:
            raise UnsupportedError("A shard key", BACKEND)
        ranking = self.rank(query, query.filter, query.limit + query.offset)
        return self.present(ranking.page(query.offset, query.limit), query.with_payload, query.with_vectors)

    def present(self, ranking: Ranking, with_payload: PayloadSelector, with_vectors: VectorSelector) -> list[Hit]:
        """Fetch what is shown of the points of a ranking."""
        view = self.view
        _check_names(view, with_vectors)
        offsets = ranking.offsets.tolist()
        versions = view.rows["version"][ranking.offsets].tolist()
        payloads = _payloads(view, offsets, with_payload)
        values = ranking.order_values
        return [
            Hit(
                view.ids[offset],
                version,
                score,
                payload,
                vectors_of(view, offset, with_vectors) if with_vectors else None,
                None if values is None else values[position],
            )
            for position, (offset, version, score, payload) in enumerate(
                zip(offsets, versions, ranking.scores.tolist(), payloads, strict=True)
            )
        ]

    def rank(self, query: Query, filter: Filter | None, k: int) -> Ranking:
        """Rank the best ``k`` points; ``filter`` joins the query's own with those above it."""
        if query.prefetch:
            return self._rank_prefetched(query, filter, k)
        match query.kind:
            case Nearest(vector):
                return self._nearest(query, self._having(query, filter), vector, k)
            case Recommend() as recommend:
                return self._recommended(query, self._having(query, filter), recommend, k)
            case OrderBy() as order:
                return self._ordered(self.allowed(filter), order, k)
            case Sample():
                return self._sample(self.allowed(filter), k)
            case None:
                return self._by_id(self.allowed(filter), k)
            case kind:
                raise UnsupportedError(f"The query {type(kind).__name__}", BACKEND)

    def _rank_prefetched(self, query: Query, filter: Filter | None, k: int) -> Ranking:
        rankings = [
            self.rank(inner, _both(filter, inner.filter), inner.limit + inner.offset).page(inner.offset, inner.limit)
            for inner in query.prefetch
        ]
        if isinstance(query.kind, Fusion):
            return self._fused(query, query.kind, rankings, k)
        found = BitMap(np.unique(np.concatenate([ranking.offsets for ranking in rankings])).tolist())
        match query.kind:
            case Nearest(vector):
                return self._nearest(query, self._among(query, found), vector, k)
            case Recommend() as recommend:
                return self._recommended(query, self._among(query, found), recommend, k)
            case OrderBy() as order:
                return self._ordered(Domain(found), order, k)
            case Sample():
                return self._sample(Domain(found), k)
            case kind:
                raise UnsupportedError(f"The query {type(kind).__name__} over prefetches", BACKEND)

    def allowed(self, filter: Filter | None, name: str | None = None) -> Domain:
        """Return the points that pass the filter and, if a vector is named, have it."""
        if filter is not None:
            return self.source.domain(self.view, name, filter)
        return Domain(self.view.live) if name is None else self.view.domain(name)

    def _nearest(
        self, query: Query, domain: Domain, vector: VectorInput, k: int, excluded: Sequence[int] = ()
    ) -> Ranking:
        """Rank by similarity; stored points that the query refers to are left out."""
        if isinstance(query.kind, Nearest) and query.kind.mmr is not None:
            raise UnsupportedError("MMR", BACKEND)
        excluded = [*excluded, *self._referred((vector,), query)]
        if isinstance(vector, PointRef):
            vector = self._resolve(vector, query)
        ranking = self._search(query, domain, vector, k + len(excluded))
        if not excluded:
            return ranking
        keep = ~np.isin(ranking.offsets, excluded)
        return Ranking(ranking.offsets[keep], ranking.scores[keep]).page(0, k)

    def _referred(self, inputs: tuple[VectorInput, ...], query: Query) -> list[int]:
        if query.lookup_from is not None:
            return []
        found = (self.view.offset(value.id) for value in inputs if isinstance(value, PointRef))
        return [offset for offset in found if offset is not None]

    def _having(self, query: Query, filter: Filter | None) -> Domain:
        """Return the points that pass the filter and have the vector in question."""
        name = query.using
        if name not in self.view.schema.slots:
            raise unknown_vector(self.view.schema, name)
        return self.allowed(filter, name)

    def _among(self, query: Query, offsets: BitMap) -> Domain:
        return Domain(offsets & self._having(query, None).offsets)

    def _search(self, query: Query, domain: Domain, vector: VectorValue, k: int) -> Ranking:
        name = query.using
        spec = self.view.schema.spec.vectors.get(name)
        if spec is None:
            index = self.source.sparse_index(self.view, name)
            offsets, scores = index.search(sparse_vector(vector), domain.offsets, self.view.count, k)
            return _above(Ranking(offsets, scores), query.score_threshold, smaller=False)
        prepared = query_vector(name, spec, vector)
        offsets, similarity = self._dense(name, spec, domain, prepared, query.params, k)
        ranking = Ranking(offsets, shown(spec.distance, similarity))
        return _above(ranking, query.score_threshold, smaller=smaller_is_nearer(spec.distance))

    def _dense(
        self, name: str, spec: VectorSpec, domain: Domain, query: FloatArray, params: SearchParams, k: int
    ) -> tuple[Offsets, FloatArray]:
        view, size = self.view, domain.size
        rows = view.dense(name)
        graph = view.graphs.get(name)
        k = min(k, size)
        if params.ef is not None and params.ef < 1:
            raise InvalidInputError(f"hnsw_ef must be at least 1, got {params.ef}", field="ef")
        if k <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if graph is None or params.exact:
            if params.indexed_only and graph is None:
                return np.empty(0, np.int64), np.empty(0, np.float32)
            return _scan(spec, rows, query, domain, k)
        tail = domain.tail(graph.covers)
        chosen = plan(
            allowed=size, covered=graph.covers, tail=len(tail), size=spec.size, ef=params.ef or EF_SEARCH, k=k
        )
        if params.indexed_only:
            tail = tail[:0]
        elif chosen.depth is None:
            return _scan(spec, rows, query, domain, k)
        count = min(chosen.candidates, graph.covers)
        depth = chosen.depth or max(params.ef or EF_SEARCH, count)
        found = graph.search(query, count, depth, domain.selector(graph.covers))
        if len(tail):
            found = np.concatenate([found[found >= 0], tail])
        return nearest(spec, rows, query, found, k)

    def _recommended(self, query: Query, domain: Domain, recommend: Recommend, k: int) -> Ranking:
        """Rank by similarity to the mean of the positive examples, moved away from the negative ones."""
        if recommend.strategy != "average_vector":
            return self._by_examples(query, domain, recommend, k)
        if not recommend.positive:
            raise InvalidInputError("at least one positive example is required", field="positive")
        excluded = self._referred((*recommend.positive, *recommend.negative), query)
        vector = self._mean(query, recommend.positive)
        if recommend.negative:
            vector = vector + vector - self._mean(query, recommend.negative)
        return self._nearest(query, domain, vector, k, excluded)

    def _by_examples(self, query: Query, domain: Domain, recommend: Recommend, k: int) -> Ranking:
        """Rank by a score of the similarities to each example, over all allowed points."""
        examples = (*recommend.positive, *recommend.negative)
        if not examples:
            raise InvalidInputError("at least one example is required", field="positive")
        spec = self.view.schema.spec.vectors.get(query.using)
        if spec is None:
            raise UnsupportedError("Recommendation by sparse vectors", BACKEND)
        offsets = np.setdiff1d(domain.array, self._referred(examples, query), assume_unique=True)
        rows = self.view.dense(query.using)[offsets]
        found = np.empty((len(examples), len(offsets)), np.float32)
        for number, example in enumerate(examples):
            vector = query_vector(query.using, spec, self._resolve(example, query))
            found[number] = similarities(spec, rows, vector)
        score = best_score if recommend.strategy == "best_score" else sum_scores
        scores = score(found[: len(recommend.positive)], found[len(recommend.positive) :])
        best = top(scores, k)
        return _above(Ranking(offsets[best], scores[best]), query.score_threshold, smaller=False)

    def _mean(self, query: Query, examples: tuple[VectorInput, ...]) -> FloatArray:
        vectors = [self._resolve(example, query) for example in examples]
        dense = [vector for vector in vectors if not isinstance(vector, SparseVector)]
        if len(dense) < len(vectors):
            raise UnsupportedError("Recommendation by sparse vectors", BACKEND)
        if len({vector.shape for vector in dense}) > 1:
            raise InvalidInputError("the examples differ in their number of components", field="positive")
        return np.asarray(np.mean(dense, axis=0), np.float32)

    def _resolve(self, value: VectorInput, query: Query) -> VectorValue:
        if not isinstance(value, PointRef):
            return value
        lookup = query.lookup_from or Lookup(collection="")
        name = query.using if lookup.vector is None else lookup.vector
        found = self.source.vector(self.view, lookup.collection, name, value.id)
        if found is None:
            raise NotFoundError(f"No point with id {value.id} found", kind="point", name=str(value.id))
        return found

    def _fused(self, query: Query, fusion: Fusion, rankings: list[Ranking], k: int) -> Ranking:
        if fusion.method != "rrf":
            raise UnsupportedError(f"The fusion {fusion.method}", BACKEND)
        offsets, scores = reciprocal_rank([ranking.offsets for ranking in rankings], fusion.k, fusion.weights)
        return _above(Ranking(offsets[:k], scores[:k]), query.score_threshold, smaller=False)

    def _ordered(self, domain: Domain, order: OrderBy, k: int) -> Ranking:
        offsets, values = self.source.ordered(self.view, domain.offsets, order, k)
        return Ranking(offsets, np.ones(len(offsets), np.float32), values)

    def _sample(self, domain: Domain, k: int) -> Ranking:
        offsets = np.random.default_rng().choice(domain.array, min(k, domain.size), replace=False)
        return Ranking(offsets, np.ones(len(offsets), np.float32))

    def _by_id(self, domain: Domain, k: int) -> Ranking:
        offsets = self.source.by_id(self.view, domain.offsets, None, k)
        return Ranking(offsets, np.ones(len(offsets), np.float32))

    def records(
        self,
        offsets: list[int],
        with_payload: PayloadSelector,
        with_vectors: VectorSelector,
        values: Sequence[int | float] | None = None,
    ) -> list[Record]:
        """Fetch what is shown of the points at ``offsets``."""
        view = self.view
        _check_names(view, with_vectors)
        payloads = _payloads(view, offsets, with_payload)
        return [
            Record(
                view.ids[offset],
                int(view.rows["version"][offset]),
                payload,
                vectors_of(view, offset, with_vectors) if with_vectors else None,
                None if values is None else values[position],
            )
            for position, (offset, payload) in enumerate(zip(offsets, payloads, strict=True))
        ]


def _scan(
    spec: VectorSpec, rows: npt.NDArray[Any], query: FloatArray, domain: Domain, k: int
) -> tuple[Offsets, FloatArray]:
    """Compare with every allowed row; all rows at once when all are allowed."""
    return nearest(spec, rows, query, None if domain.size == len(rows) else domain.array, k)


def _payloads(view: View, offsets: list[int], selector: PayloadSelector) -> Sequence[Payload | None]:
    if selector is False:
        return [None] * len(offsets)
    payloads = view.payload_list(offsets)
    if isinstance(selector, Select):
        return [select(payload, selector) for payload in payloads]
    return payloads


def vectors_of(view: View, offset: int, selector: VectorSelector) -> dict[str, VectorValue]:
    """Return the chosen vectors of a point by name."""
    names = view.schema.slots if selector is True else selector or ()
    found = {}
    for name in names:
        if (vector := view.vector(name, offset)) is not None:
            found[name] = vector
    return found


def _check_names(view: View, selector: VectorSelector) -> None:
    if not isinstance(selector, bool):
        check_names(view.schema, selector)


def _above(ranking: Ranking, threshold: float | None, *, smaller: bool) -> Ranking:
    """Cut a ranking where scores no longer pass the threshold."""
    if threshold is None:
        return ranking
    keep = ranking.scores < threshold if smaller else ranking.scores > threshold
    return Ranking(ranking.offsets[keep], ranking.scores[keep])


def _both(outer: Filter | None, inner: Filter | None) -> Filter | None:
    if outer is None or inner is None:
        return outer or inner
    return Filter(must=(outer, inner))
