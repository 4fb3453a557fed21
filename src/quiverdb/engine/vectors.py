"""Comparison of the vectors of one name with other vectors: dense, multivectors or sparse.

Similarities are those of ``score/distance.py``: larger is always nearer. ``shown`` turns them into scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from quiverdb.engine.index.codes import Codes, spread
from quiverdb.engine.index.hnsw import Graph
from quiverdb.engine.index.sparse import SparseIndex
from quiverdb.engine.planner import plan
from quiverdb.engine.score.distance import Offsets, compare, nearest, shown, similarities, smaller_is_nearer, top
from quiverdb.engine.score.forms import Rows
from quiverdb.engine.score.maxsim import max_similarities
from quiverdb.engine.settings import placement
from quiverdb.engine.source import Source
from quiverdb.engine.validate import query_rows, query_vector, sparse_vector, unknown_vector
from quiverdb.engine.view import Domain, View
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import Datatype, Distance, VectorSpec
from quiverdb.model.defaults import EF_SEARCH
from quiverdb.model.filter import Filter
from quiverdb.model.point import FloatArray, SparseVector, VectorValue
from quiverdb.model.query import SearchParams

__all__ = ["Comparison", "Vectors", "vectors_named"]

Comparison: TypeAlias = Callable[[Offsets], FloatArray]

_IGNORED = 5
"""Times as many candidates make up for codes that a search is told to ignore."""
_TINY = 1e-30


class Vectors(Protocol):
    """The vectors that the points of a view have under one name."""

    smaller_is_better: bool
    """Whether the scores that ``shown`` returns rank from small to large."""
    symmetric: bool
    """Whether two points are as similar when one of them is the query as when the other is."""

    def nearest(self, vector: VectorValue, domain: Domain, k: int, params: SearchParams) -> tuple[Offsets, FloatArray]:
        """Return the ``k`` points of the domain that are most similar, best first, and their similarities."""

    def nearest_each(
        self, vectors: Sequence[VectorValue], domain: Domain, k: int, params: SearchParams
    ) -> list[tuple[Offsets, FloatArray]]:
        """Return what ``nearest`` returns for each of the vectors, faster than one by one where that is possible."""
        return [self.nearest(vector, domain, k, params) for vector in vectors]

    def comparison(self, vectors: Sequence[VectorValue], params: SearchParams | None = None) -> Comparison:
        """Return what compares points with ``vectors``, which count as ``nearest`` would count them with ``params``.

        It takes offsets of points that have the vector, and returns similarities of the shape (vectors, points) in
        float32. Without ``params`` the vectors are compared as they are.
        """

    def shown(self, similarity: FloatArray) -> FloatArray:
        """Return the scores that users see."""


def vectors_named(source: Source, view: View, name: str) -> Vectors:
    """Return what compares the vectors of this name; raises ``InvalidInputError`` when there are none."""
    if name not in view.schema.slots:
        raise unknown_vector(view.schema, name)
    spec = view.schema.spec.vectors.get(name)
    if spec is None:
        return _Sparse(source, view, name)
    return _Dense(view, name, spec) if spec.multivector is None else _Multi(view, name, spec)


class _Rows(Vectors):
    """What dense vectors and multivectors share: rows of numbers, compared by a distance."""

    def __init__(self, view: View, name: str, spec: VectorSpec) -> None:
        self._view = view
        self._name = name
        self._spec = spec
        self._cold = placement(spec) == "cold"
        self.smaller_is_better = smaller_is_nearer(spec.distance)

    def shown(self, similarity: FloatArray) -> FloatArray:
        return shown(self._spec.distance, similarity)


class _Dense(_Rows):
    symmetric = True

    def comparison(self, vectors: Sequence[VectorValue], params: SearchParams | None = None) -> Comparison:
        _check_no_idf(params, self._name)
        queries = np.stack([query_vector(self._name, self._spec, vector) for vector in vectors])

        def similar(offsets: Offsets) -> FloatArray:
            if self._cold:
                return compare(self._spec, self._rows_at(offsets), queries, np.arange(len(offsets)))
            return compare(self._spec, self._view.dense(self._name), queries, offsets)

        return similar

    def _rows_at(self, offsets: Offsets) -> Rows:
        return self._view.forms[self._name].rows(self._view.stored_at(self._name, offsets))

    def nearest(self, vector: VectorValue, domain: Domain, k: int, params: SearchParams) -> tuple[Offsets, FloatArray]:
        query = query_vector(self._name, self._spec, vector)
        walk = self._walk(domain, k, params)
        if walk is None:
            return self._scan(query, domain, k, params)
        found, compared = walk.graph.search(query, walk.candidates, walk.depth, domain.selector(walk.graph.covers))
        return self._settled(walk, query, found, compared, min(k, domain.size))

    def nearest_each(
        self, vectors: Sequence[VectorValue], domain: Domain, k: int, params: SearchParams
    ) -> list[tuple[Offsets, FloatArray]]:
        walk = self._walk(domain, k, params)
        if walk is None:
            return super().nearest_each(vectors, domain, k, params)
        queries = np.stack([query_vector(self._name, self._spec, vector) for vector in vectors])
        found = walk.graph.search(queries, walk.candidates, walk.depth, domain.selector(walk.graph.covers))
        k = min(k, domain.size)
        return [self._settled(walk, *one, k) for one in zip(queries, *found, strict=True)]

    def _walk(self, domain: Domain, k: int, params: SearchParams) -> _Walk | None:
        """Plan how to search the graph; None when a scan is to be made."""
        _check(params, self._name)
        graph, size = self._view.graphs.get(self._name), domain.size
        k = min(k, size)
        if graph is None or params.exact or k <= 0:
            return None
        tail = domain.tail(graph.covers)
        ef = params.ef or EF_SEARCH
        codes = graph.recipe.codes if graph.recipe else None
        wide = _width(codes, self._spec.distance, params)
        chosen = plan(allowed=size, covered=graph.covers, tail=len(tail), size=self._spec.size, ef=ef, k=k, spread=wide)
        if params.indexed_only:
            tail = tail[:0]
        elif chosen.depth is None:
            return None
        count = min(chosen.candidates, graph.covers)
        by_codes = codes is not None and params.quantization_rescore is False and not params.quantization_ignore
        return _Walk(graph, count, chosen.depth or max(ef, count), tail, by_codes)

    def _settled(
        self, walk: _Walk, query: FloatArray, found: Offsets, compared: FloatArray, k: int
    ) -> tuple[Offsets, FloatArray]:
        """Rank what a walk found together with what the graph does not cover."""
        if walk.by_codes:
            return self._by_codes(walk.graph, query, found, compared, walk.tail, k)
        if len(walk.tail):
            found = np.concatenate([found[found >= 0], walk.tail])
        return self._among(query, found, k)

    def _scan(self, query: FloatArray, domain: Domain, k: int, params: SearchParams) -> tuple[Offsets, FloatArray]:
        """Compare with every allowed row; all rows at once when all are allowed."""
        k = min(k, domain.size)
        if k <= 0 or (params.indexed_only and self._name not in self._view.graphs):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if domain.size < self._view.count:
            return self._among(query, domain.array, k)
        found = nearest(self._spec, self._view.dense(self._name), query, None, k)
        self._view.rested(self._name)
        return found

    def _among(self, query: FloatArray, offsets: Offsets, k: int) -> tuple[Offsets, FloatArray]:
        """Compare with the rows at ``offsets``; negative ones end the list."""
        if not self._cold:
            return nearest(self._spec, self._view.dense(self._name), query, offsets, k)
        offsets = np.sort(offsets[offsets >= 0])
        places, found = nearest(self._spec, self._rows_at(offsets), query, np.arange(len(offsets)), k)
        return offsets[places], found

    def _by_codes(
        self, graph: Graph, query: FloatArray, found: Offsets, compared: FloatArray, tail: Offsets, k: int
    ) -> tuple[Offsets, FloatArray]:
        """Rank candidates by their codes alone, and the points outside the graph by their vectors."""
        compared, found = compared[found >= 0], found[found >= 0]
        if self._spec.distance is Distance.MANHATTAN:  # the walk compared by Euclid
            compared = similarities(self._spec, graph.decoded(found), query)
        elif self._spec.distance is Distance.EUCLID:
            compared = -compared
        elif self._spec.distance is Distance.COSINE and self._spec.datatype is Datatype.UINT8:
            compared = compared / max(float(np.linalg.norm(query)), _TINY)
        if len(tail):
            found = np.concatenate([found, tail])
            compared = np.concatenate([compared, similarities(self._spec, self._rows_at(tail), query)])
        best = top(compared, k)
        return found[best], compared[best]


class _Walk(NamedTuple):
    """Say how to search a graph."""

    graph: Graph
    candidates: int
    depth: int
    tail: Offsets
    """What the graph does not cover."""
    by_codes: bool
    """Whether the codes alone decide the ranking."""


def _width(codes: Codes | None, distance: Distance, params: SearchParams) -> float:
    """Return the candidates to take per point wanted.

    To ignore codes is to trust them with little: with so many candidates to rescore, what they rank no longer shows.
    """
    if codes is None:
        return spread(None, distance)
    wanted = spread(codes, distance)
    if params.quantization_ignore:
        return wanted * _IGNORED
    return wanted * (params.quantization_oversampling or 1)


class _Multi(_Rows):
    """Multivectors are compared one by one and have no graph, so that ``indexed_only`` leaves none of them out."""

    symmetric = False

    def comparison(self, vectors: Sequence[VectorValue], params: SearchParams | None = None) -> Comparison:
        _check_no_idf(params, self._name)
        queries = [query_rows(self._name, self._spec, vector) for vector in vectors]
        rows, spans = self._view.dense(self._name), self._view.spans(self._name)
        return lambda offsets: np.stack(
            [max_similarities(self._spec, rows, spans[offsets], query) for query in queries]
        )

    def nearest(self, vector: VectorValue, domain: Domain, k: int, params: SearchParams) -> tuple[Offsets, FloatArray]:
        _check(params, self._name)
        found = self.comparison([vector])(domain.array)[0]
        self._view.rested(self._name)
        best = top(found, k)
        return domain.array[best], found[best]


def _check(params: SearchParams, name: str) -> None:
    """Reject search parameters that do not suit dense vectors."""
    _check_no_idf(params, name)
    if params.ef is not None and params.ef < 1:
        raise InvalidInputError(f"hnsw_ef must be at least 1, got {params.ef}", field="ef")
    oversampling = params.quantization_oversampling
    if oversampling is not None and not 1 <= oversampling < math.inf:
        raise InvalidInputError(f"oversampling must be at least 1, got {oversampling}", field="oversampling")


class _Sparse(Vectors):
    smaller_is_better = False
    symmetric = True

    def __init__(self, source: Source, view: View, name: str) -> None:
        self._source = source
        self._view = view
        self._name = name
        self._idf = view.schema.spec.sparse_vectors[name].modifier == "idf"

    def shown(self, similarity: FloatArray) -> FloatArray:
        return similarity

    def comparison(self, vectors: Sequence[VectorValue], params: SearchParams | None = None) -> Comparison:
        index = self._source.sparse_index(self._view, self._name)
        queries = [sparse_vector(vector) for vector in vectors]
        if params is not None:
            queries = [self._weighted(index, query, params) for query in queries]
        return lambda offsets: np.stack([index.similarities(query, offsets) for query in queries])

    def nearest(self, vector: VectorValue, domain: Domain, k: int, params: SearchParams) -> tuple[Offsets, FloatArray]:
        index = self._source.sparse_index(self._view, self._name)
        query = self._weighted(index, sparse_vector(vector), params)
        return index.search(query, domain, self._view.domain(self._name), k)

    def _weighted(self, index: SparseIndex, query: SparseVector, params: SearchParams) -> SparseVector:
        """Weigh the query by how rare its indices are among all points, or in the corpus that it names."""
        if not self._idf:
            _check_no_idf(params, self._name)
            return query
        if isinstance(params.idf, Filter):
            corpus = self._source.domain(self._view, self._name, params.idf)
            return index.weighted(query, corpus, corpus=True)
        return index.weighted(query, self._view.domain(self._name))


def _check_no_idf(params: SearchParams | None, name: str) -> None:
    if params is not None and params.idf is not None:
        message = f"the search parameter idf needs a sparse vector with the idf modifier, which {name!r} is not"
        raise InvalidInputError(message, field="idf")
