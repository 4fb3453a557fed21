"""Queries by examples: which vectors a kind of query names, and how similarities to them become one score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import numpy as np

from quiverdb.engine.ranking import Ranking
from quiverdb.engine.score.distance import Offsets, top
from quiverdb.engine.score.examples import best_score, context, discover, feedback_weights, weighted
from quiverdb.engine.vectors import Vectors
from quiverdb.errors import InvalidInputError
from quiverdb.model.point import FloatArray, VectorValue
from quiverdb.model.query import (
    Context,
    ContextPair,
    Discover,
    Feedback,
    Nearest,
    QueryKind,
    Recommend,
    SearchParams,
    VectorInput,
)

__all__ = ["Score", "inputs", "rank_by_examples", "scoring"]

Score = Callable[[FloatArray], FloatArray]
"""From similarities, shape (examples, points), to the scores of the points; larger is better."""

_BLOCK = 1 << 15
"""Similarities computed at once, so that memory does not grow with the number of points."""


def inputs(kind: QueryKind | None) -> tuple[VectorInput, ...]:
    """Return the vectors that a query names, in the order in which its score takes them."""
    match kind:
        case Nearest(vector):
            return (vector,)
        case Recommend(positive, negative):
            return (*positive, *negative)
        case Discover(target, pairs):
            return (target, *_flat(pairs))
        case Context(pairs):
            return _flat(pairs)
        case Feedback(target, items):
            return (target, *(item.example for item in items))
        case _:
            return ()


def _flat(pairs: Sequence[ContextPair]) -> tuple[VectorInput, ...]:
    return tuple(chain.from_iterable((pair.positive, pair.negative) for pair in pairs))


def scoring(kind: Recommend | Discover | Context | Feedback, positives: int, negatives: int) -> Score:
    """Return what scores points; a recommendation has so many positive examples, then so many negative ones."""
    match kind:
        case Recommend(strategy="best_score"):
            return partial(best_score, positives=positives)
        case Recommend(strategy="sum_scores"):
            return partial(weighted, weights=np.repeat(np.array([1, -1], np.float32), [positives, negatives]))
        case Recommend(strategy=strategy):
            raise InvalidInputError(f"unknown strategy {strategy!r}", field="strategy")
        case Discover():
            return discover
        case Context():
            return context
        case Feedback(_, items, a, b, c):
            return partial(weighted, weights=feedback_weights([item.score for item in items], a, b, c))


def rank_by_examples(
    vectors: Vectors, examples: Sequence[VectorValue], score: Score, offsets: Offsets, k: int, params: SearchParams
) -> Ranking:
    """Rank the best ``k`` of the points at ``offsets``, which all have the vector."""
    scores = np.zeros(len(offsets), np.float32)
    if examples:
        similarities = vectors.comparison(examples, params)
        step = max(1, _BLOCK // len(examples))
        for start in range(0, len(offsets), step):
            block = slice(start, start + step)
            scores[block] = score(similarities(offsets[block]))
    best = top(scores, k)
    return Ranking(offsets[best], scores[best])
