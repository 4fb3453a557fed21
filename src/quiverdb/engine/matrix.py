"""Distances within a random sample of points."""

from __future__ import annotations

import numpy as np

from quiverdb.engine.executor import Executor
from quiverdb.engine.order import sort_key
from quiverdb.engine.score.distance import shown, similarities, top
from quiverdb.errors import InvalidInputError
from quiverdb.model.query import MatrixQuery
from quiverdb.model.result import Matrix

__all__ = ["compare"]


def compare(executor: Executor, query: MatrixQuery) -> Matrix:
    """Return the nearest neighbours of each sampled point within the sample, the sample in the order of ids."""
    view, name = executor.view, query.using
    spec = view.schema.spec.vectors.get(name)
    if spec is None:
        raise InvalidInputError(f"Not existing dense vector name: {name}", field="using")
    domain = executor.allowed(query.filter, name)
    chosen = np.random.default_rng().choice(domain.array, min(query.sample, domain.size), replace=False)
    sample = sorted(chosen.tolist(), key=lambda offset: sort_key(view.ids[offset]))
    vectors = view.dense(name)[sample]
    rows, columns, scores = list[int](), list[int](), list[float]()
    for row in range(len(sample)):
        similarity = similarities(spec, vectors, np.asarray(vectors[row], np.float32))
        similarity[row] = -np.inf
        best = top(similarity, min(query.limit, len(sample) - 1))
        rows += [row] * len(best)
        columns += best.tolist()
        scores += shown(spec.distance, similarity[best]).tolist()
    return Matrix([view.ids[offset] for offset in sample], rows, columns, scores)
