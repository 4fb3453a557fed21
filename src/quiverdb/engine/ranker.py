"""Ranking: from a tree of queries to offsets, best first, with the scores that users see.

Prefetches yield rankings first and limit what the query above them may return. The filter of a query holds for
everything below it and is applied where points are found, at the leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from pyroaring import BitMap

from quiverdb.engine.examples import inputs, rank_by_examples, scoring
from quiverdb.engine.ranking import Ranking
from quiverdb.engine.rescoring import rescored
from quiverdb.engine.score.average import average
from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.score.diversity import diversify
from quiverdb.engine.score.fusion import normalized_scores, reciprocal_rank
from quiverdb.engine.source import Source, allowed
from quiverdb.engine.validate import BACKEND, sparse_vector, unknown_vector
from quiverdb.engine.vectors import Vectors, vectors_named
from quiverdb.engine.view import Domain, View
from quiverdb.errors import NotFoundError, UnsupportedError
from quiverdb.model.filter import Filter, MinShould
from quiverdb.model.point import FloatArray, PointId, SparseVector, VectorValue
from quiverdb.model.query import (
    Context,
    Discover,
    Feedback,
    Formula,
    Fusion,
    Lookup,
    Mmr,
    Nearest,
    OrderBy,
    PointRef,
    Query,
    Recommend,
    Sample,
    Text,
    VectorInput,
)

__all__ = ["Ranker", "merged"]


class Ranker:
    """Rank the points of ``view`` by ``query``, but for those ``excluded`` and those that the query refers to.

    ``StaleViewError`` tells that a write came in between, so that the caller starts again on a newer view.
    """

    def __init__(self, source: Source, view: View, query: Query, excluded: BitMap | None = None) -> None:
        self.source = source
        self.view = view
        self.query = query
        referred = self._referred(query)
        self.excluded = BitMap(referred) if excluded is None else excluded | BitMap(referred)

    def rank(self, k: int) -> Ranking:
        """Rank the best ``k`` points."""
        query, mmr = self.query, _mmr(self.query)
        if mmr is None:
            return self._ranked(query, query.filter, k)
        return self._diverse(query, mmr, self._ranked(query, query.filter, mmr.candidates or query.limit), k)

    def allowed(self, filter: Filter | None, name: str | None = None) -> Domain:
        """Return the points that pass the filter and, if a vector is named, have it."""
        return allowed(self.source, self.view, filter, name)

    def _referred(self, query: Query) -> list[int]:
        """Return the points of this collection whose vectors the query or one of its prefetches asks for."""
        found = [offset for inner in query.prefetch for offset in self._referred(inner)]
        if query.lookup_from is None or query.lookup_from.collection == self.source.name:
            ids = [value.id for value in inputs(query.kind) if isinstance(value, PointRef)]
            found += [offset for id in ids if (offset := self.view.offset(id)) is not None]
        return found

    def _ranked(self, query: Query, filter: Filter | None, k: int) -> Ranking:
        """Rank the best ``k`` points; ``filter`` joins the query's own with those above it."""
        if not query.prefetch:
            return self._scored(query, _Scope(self, filter), k)
        sources = [self._prefetched(inner, filter) for inner in query.prefetch]
        match query.kind:
            case Fusion() as fusion:
                return _fused(fusion, sources).reaching(query.score_threshold).page(0, k)
            case Formula() as formula:
                return rescored(self.view, formula, sources, self.allowed, k).reaching(query.score_threshold)
        found = BitMap(np.unique(np.concatenate([source.offsets for source in sources])).tolist())
        return self._scored(query, _Scope(self, None, found), k)

    def _prefetched(self, query: Query, above: Filter | None) -> Ranking:
        """Rank what a prefetch yields.

        With MMR it does as Qdrant does: without prefetches of its own it yields all candidates, by similarity;
        otherwise the candidates are what its prefetches yield.
        """
        filter, mmr = merged(above, query.filter), _mmr(query)
        if mmr is None:
            return self._ranked(query, filter, query.limit)
        if not query.prefetch:
            return self._ranked(query, filter, mmr.candidates or query.limit)
        sources = [self._prefetched(inner, filter) for inner in query.prefetch]
        return self._diverse(query, mmr, Ranking.joined(sources), query.limit)

    def _scored(self, query: Query, scope: _Scope, k: int) -> Ranking:
        match query.kind:
            case Nearest(vector):
                return self._nearest(query, scope, self._resolve(vector, query), k)
            case Recommend(positive, negative, "average_vector"):
                good, bad = (list(map(_sorted, self._having(query, side))) for side in (positive, negative))
                return self._nearest(query, scope, average(good, bad), k)
            case Recommend() | Discover() | Context() | Feedback() as kind:
                return self._by_examples(query, kind, scope, k)
            case Text() as text:
                offsets, scores = self.source.scored(self.view, query.using, text, scope.domain, k)
                return Ranking(offsets, scores).above(query.score_threshold, smaller=False)
            case OrderBy() as order:
                offsets, values = self.source.ordered(self.view, scope.all, order, k)
                return Ranking.unscored(offsets, values)
            case Sample():
                domain = Domain(scope.all)
                chosen = np.random.default_rng().choice(domain.array, min(k, domain.size), replace=False)
                return Ranking.unscored(chosen)
            case None:
                return Ranking.unscored(self.source.by_id(self.view, scope.all, None, k))
            case kind:
                raise UnsupportedError(f"The query {type(kind).__name__}", BACKEND)

    def _nearest(self, query: Query, scope: _Scope, vector: VectorValue, k: int) -> Ranking:
        """Rank by similarity. Excluded points are few: they are found too, and left out then."""
        domain = scope.having(query.using)
        vectors = vectors_named(self.source, self.view, query.using)
        excluded = self.excluded
        offsets, similarity = vectors.nearest(vector, domain, k + len(excluded), query.params)
        if excluded:
            keep = ~np.isin(offsets, excluded.to_array())
            offsets, similarity = offsets[keep][:k], similarity[keep][:k]
        return _shown(vectors, query, offsets, similarity)

    def nearest_each(self, queries: Sequence[Query], given: Sequence[VectorValue], k: int) -> list[Ranking]:
        """Rank by similarity to several vectors; the queries differ in nothing else but what they show."""
        first = self.query
        vectors = vectors_named(self.source, self.view, first.using)
        domain = _Scope(self, first.filter).having(first.using)
        found = vectors.nearest_each(given, domain, k, first.params)
        return [_shown(vectors, query, *one) for query, one in zip(queries, found, strict=True)]

    def _by_examples(
        self, query: Query, kind: Recommend | Discover | Context | Feedback, scope: _Scope, k: int
    ) -> Ranking:
        """Rank by a score of the similarities to each example, over all allowed points."""
        domain = scope.having(query.using)
        vectors = vectors_named(self.source, self.view, query.using)
        if isinstance(kind, Recommend):
            good, bad = (self._having(query, side) for side in (kind.positive, kind.negative))
        else:
            good, bad = [self._resolve(value, query) for value in inputs(kind)], []
        if isinstance(kind, Recommend) and not good and not bad:
            return Ranking.unscored(np.empty(0, np.int64))
        offsets = domain.array
        if self.excluded:
            offsets = np.setdiff1d(offsets, self.excluded.to_array(), assume_unique=True)
        score = scoring(kind, len(good), len(bad))
        ranking = rank_by_examples(vectors, good + bad, score, offsets, k, query.params)
        return ranking.above(query.score_threshold, smaller=vectors.smaller_is_better)

    def _diverse(self, query: Query, mmr: Mmr, candidates: Ranking, k: int) -> Ranking:
        """Choose among the candidates those that are near the query and far from each other."""
        view, name = self.view, query.using
        if name not in view.schema.slots:
            raise unknown_vector(view.schema, name)
        candidates = candidates.only(np.flatnonzero(view.has(name, candidates.offsets)))
        if len(candidates.offsets) < 2:
            return candidates
        vectors = vectors_named(self.source, view, name)
        offsets = candidates.offsets

        relevance = vectors.comparison([self._resolve(value, query) for value in inputs(query.kind)])(offsets)[0]
        own = None if vectors.symmetric else vectors.comparison([self._vector(name, at) for at in offsets.tolist()])

        def likeness(position: int) -> FloatArray:
            chosen = offsets[position : position + 1]
            if own is not None:
                return np.ravel(own(chosen))
            return np.ravel(vectors.comparison([self._vector(name, chosen[0])])(offsets))

        return candidates.only(diversify(relevance, likeness, 1 - mmr.diversity, k))

    def _vector(self, name: str, offset: int) -> VectorValue:
        """Return a vector that the point is known to have."""
        vector = self.view.vector(name, offset)
        if vector is None:
            raise _without_vector(name, self.view.id(offset))
        return vector

    def _having(self, query: Query, examples: Sequence[VectorInput]) -> list[VectorValue]:
        """Return the vectors of examples, but for points that lack the vector, which a recommendation passes over."""
        found = (self._looked_up(example, query) if isinstance(example, PointRef) else example for example in examples)
        return [vector for vector in found if vector is not None]

    def _resolve(self, value: VectorInput, query: Query) -> VectorValue:
        if not isinstance(value, PointRef):
            return value
        found = self._looked_up(value, query)
        if found is None:
            raise _without_vector(query.using, value.id)
        return found

    def _looked_up(self, value: PointRef, query: Query) -> VectorValue | None:
        """Return the vector of a point; None when the point lacks it."""
        lookup = query.lookup_from or Lookup(collection="")
        name = query.using if lookup.vector is None else lookup.vector
        return self.source.vector(self.view, lookup, name, value.id)


class _Scope:
    """The points that a query may return: those that a filter lets through, or the prefetched ones."""

    def __init__(self, ranker: Ranker, filter: Filter | None, found: BitMap | None = None) -> None:
        self._ranker = ranker
        self._filter = filter
        self._found = found

    @property
    def all(self) -> BitMap:
        """All of them, but for the excluded ones."""
        return self.domain.offsets

    @property
    def domain(self) -> Domain:
        """The same for searches."""
        found = self._ranker.allowed(self._filter) if self._found is None else Domain(self._found)
        return Domain(found.offsets - self._ranker.excluded) if self._ranker.excluded else found

    def having(self, name: str) -> Domain:
        """Those that have the named vector, the excluded ones among them."""
        view = self._ranker.view
        if name not in view.schema.slots:
            raise unknown_vector(view.schema, name)
        if self._found is None:
            return self._ranker.allowed(self._filter, name)
        return Domain(self._found & view.with_vector(name))


def _shown(vectors: Vectors, query: Query, offsets: Offsets, similarity: FloatArray) -> Ranking:
    ranking = Ranking(offsets, vectors.shown(similarity))
    return ranking.above(query.score_threshold, smaller=vectors.smaller_is_better)


def _mmr(query: Query) -> Mmr | None:
    return query.kind.mmr if isinstance(query.kind, Nearest) else None


def _sorted(vector: VectorValue) -> VectorValue:
    return sparse_vector(vector) if isinstance(vector, SparseVector) else vector


def _without_vector(name: str, id: PointId) -> NotFoundError:
    return NotFoundError(f"The point with id {id} has no vector {name!r}", kind="vector", name=name)


def _fused(fusion: Fusion, sources: Sequence[Ranking]) -> Ranking:
    """Join rankings; points keep the value that they were ordered by where they come first.

    By scores, points with such a value come before the others, and by it, as in Qdrant.
    """
    rankings = [source.offsets for source in sources]
    if fusion.method == "rrf":
        offsets, scores = reciprocal_rank(rankings, fusion.k, fusion.weights)
    else:
        offsets, scores = normalized_scores(rankings, [source.scores for source in sources])
    if all(source.order_values is None for source in sources):
        return Ranking(offsets, scores)
    first = Ranking.joined(sources)
    values = dict(zip(first.offsets.tolist(), first.order_values or (), strict=True))
    fused = Ranking(offsets, scores, [values[offset] for offset in offsets.tolist()])
    if fusion.method == "rrf":
        return fused
    keys = [(value is not None, 0 if value is None else value) for value in fused.order_values or ()]
    return fused.only(np.array(sorted(range(len(keys)), key=keys.__getitem__, reverse=True), np.int64))


def merged(outer: Filter | None, inner: Filter | None) -> Filter | None:
    """Join two filters clause by clause, as Qdrant does with the filter of a query and that of its prefetch.

    So one condition of either ``should`` is enough, and both ``min_should`` become one with the larger count.

    >>> from quiverdb.model.filter import IsNull
    >>> merged(Filter(should=(IsNull("a"),)), Filter(should=(IsNull("b"),))).should
    (IsNull(key='a'), IsNull(key='b'))
    """
    if outer is None or inner is None:
        return outer or inner
    least = [clause for clause in (outer.min_should, inner.min_should) if clause is not None]
    return Filter(
        must=outer.must + inner.must,
        should=outer.should + inner.should,
        must_not=outer.must_not + inner.must_not,
        min_should=reduce(_joined, least) if least else None,
    )


def _joined(one: MinShould, other: MinShould) -> MinShould:
    return MinShould(one.conditions + other.conditions, max(one.min_count, other.min_count))
