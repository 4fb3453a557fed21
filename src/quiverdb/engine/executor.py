"""Execution of queries on one view of a collection.

A query yields a ``Ranking``: offsets, best first, with the scores that users see. Prefetches yield rankings
first and limit what the query above them may return.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyroaring import BitMap

from quiverdb.engine.payload import select
from quiverdb.engine.ranking import Ranking
from quiverdb.engine.rescoring import rescored
from quiverdb.engine.score.distance import top
from quiverdb.engine.score.fusion import reciprocal_rank
from quiverdb.engine.score.recommend import best_score, sum_scores
from quiverdb.engine.source import Source
from quiverdb.engine.validate import BACKEND, check_names, unknown_vector
from quiverdb.engine.vectors import vectors_named
from quiverdb.engine.view import Domain, View
from quiverdb.errors import InvalidInputError, NotFoundError, UnsupportedError
from quiverdb.model.filter import Filter
from quiverdb.model.point import FloatArray, Payload, SparseVector, VectorValue
from quiverdb.model.query import (
    Formula,
    Fusion,
    Lookup,
    Nearest,
    OrderBy,
    PayloadSelector,
    PointRef,
    Query,
    QueryKind,
    Recommend,
    Sample,
    Select,
    VectorInput,
    VectorSelector,
)
from quiverdb.model.result import Hit, Record

__all__ = ["Executor", "vectors_of"]


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
        if not query.prefetch:
            return self._ranked(query, query.kind, _Scope(self, filter, None), k)
        rankings = [
            self.rank(inner, _both(filter, inner.filter), inner.limit + inner.offset).page(inner.offset, inner.limit)
            for inner in query.prefetch
        ]
        match query.kind:
            case Fusion() as fusion:
                return self._fused(query, fusion, rankings, k)
            case Formula() as formula:
                return rescored(self.view, formula, rankings, self.allowed, k).reaching(query.score_threshold)
        found = BitMap(np.unique(np.concatenate([ranking.offsets for ranking in rankings])).tolist())
        return self._ranked(query, query.kind, _Scope(self, None, found), k)

    def _ranked(self, query: Query, kind: QueryKind | None, scope: _Scope, k: int) -> Ranking:
        match kind:
            case Nearest(vector):
                return self._nearest(query, scope.having(query.using), vector, k)
            case Recommend() as recommend:
                return self._recommended(query, scope.having(query.using), recommend, k)
            case OrderBy() as order:
                offsets, values = self.source.ordered(self.view, scope.domain.offsets, order, k)
                return Ranking.unscored(offsets, values)
            case Sample():
                domain = scope.domain
                chosen = np.random.default_rng().choice(domain.array, min(k, domain.size), replace=False)
                return Ranking.unscored(chosen)
            case None:
                return Ranking.unscored(self.source.by_id(self.view, scope.domain.offsets, None, k))
            case kind:
                raise UnsupportedError(f"The query {type(kind).__name__}", BACKEND)

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

    def _search(self, query: Query, domain: Domain, vector: VectorValue, k: int) -> Ranking:
        vectors = vectors_named(self.source, self.view, query.using)
        offsets, similarity = vectors.nearest(vector, domain, k, query.params)
        ranking = Ranking(offsets, vectors.shown(similarity))
        return ranking.above(query.score_threshold, smaller=vectors.smaller_is_better)

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
        vectors = vectors_named(self.source, self.view, query.using)
        offsets = np.setdiff1d(domain.array, self._referred(examples, query), assume_unique=True)
        found = np.empty((len(examples), len(offsets)), np.float32)
        for number, example in enumerate(examples):
            found[number] = vectors.similarities(self._resolve(example, query), offsets)
        score = best_score if recommend.strategy == "best_score" else sum_scores
        scores = score(found[: len(recommend.positive)], found[len(recommend.positive) :])
        best = top(scores, k)
        return Ranking(offsets[best], scores[best]).above(query.score_threshold, smaller=False)

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
        return Ranking(offsets[:k], scores[:k]).above(query.score_threshold, smaller=False)

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


class _Scope:
    """The points that a query may return: those that a filter lets through, or the prefetched ones."""

    def __init__(self, executor: Executor, filter: Filter | None, found: BitMap | None) -> None:
        self._executor = executor
        self._filter = filter
        self._found = found

    @property
    def domain(self) -> Domain:
        """All of them."""
        return self._executor.allowed(self._filter) if self._found is None else Domain(self._found)

    def having(self, name: str) -> Domain:
        """Those that have the named vector."""
        view = self._executor.view
        if name not in view.schema.slots:
            raise unknown_vector(view.schema, name)
        if self._found is None:
            return self._executor.allowed(self._filter, name)
        return Domain(self._found & view.with_vector(name))


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


def _both(outer: Filter | None, inner: Filter | None) -> Filter | None:
    if outer is None or inner is None:
        return outer or inner
    return Filter(must=(outer, inner))
