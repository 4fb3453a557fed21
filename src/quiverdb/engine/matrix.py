"""Distances within a random sample of points."""

from __future__ import annotations

import numpy as np
from pyroaring import BitMap

from quiverdb.engine.executor import Executor
from quiverdb.engine.order import sort_key
from quiverdb.engine.source import allowed
from quiverdb.engine.vectors import vectors_named
from quiverdb.engine.view import Domain
from quiverdb.model.query import MatrixQuery, SearchParams
from quiverdb.model.result import Matrix

__all__ = ["compare"]


def compare(executor: Executor, query: MatrixQuery) -> Matrix:
    """Return the nearest neighbours of each sampled point within the sample, the sample in the order of ids."""
    view, name = executor.view, query.using
    vectors = vectors_named(executor.source, view, name)
    domain = allowed(executor.source, view, query.filter, name)
    chosen = np.random.default_rng().choice(domain.array, min(query.sample, domain.size), replace=False)
    sample = sorted(chosen.tolist(), key=lambda offset: sort_key(view.ids[offset]))
    column = {offset: place for place, offset in enumerate(sample)}
    within = Domain(BitMap(sample))
    rows, columns, scores = list[int](), list[int](), list[float]()
    for row, offset in enumerate(sample):
        vector = view.vector(name, offset)
        if vector is None:
            continue
        found, similarity = vectors.nearest(vector, within, query.limit + 1, SearchParams(exact=True))
        others = np.flatnonzero(found != offset)[: query.limit]
        rows += [row] * len(others)
        columns += [column[other] for other in found[others].tolist()]
        scores += vectors.shown(similarity[others]).tolist()
    return Matrix([view.ids[offset] for offset in sample], rows, columns, scores)
