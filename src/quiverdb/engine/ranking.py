"""What a query yields before anything is fetched: offsets, best first, with the scores that users see."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from quiverdb.engine.score.distance import Offsets
from quiverdb.model.point import FloatArray

__all__ = ["Ranking"]


class Ranking(msgspec.Struct):
    """Hold offsets, best first, and their scores; ``order_values`` when the ranking is by a payload value.

    >>> Ranking(np.array([7, 3]), np.array([0.9, 0.4], "f4")).above(0.5, smaller=False).offsets
    array([7])
    """

    offsets: Offsets
    scores: FloatArray
    order_values: Sequence[int | float | None] | None = None

    def page(self, offset: int, limit: int) -> Ranking:
        """Return the part from ``offset`` on, at most ``limit`` long."""
        end = offset + limit
        values = None if self.order_values is None else self.order_values[offset:end]
        return Ranking(self.offsets[offset:end], self.scores[offset:end], values)

    def above(self, threshold: float | None, *, smaller: bool) -> Ranking:
        """Stop before the first point that does not pass; ``smaller`` tells that smaller scores are better.

        That is what Qdrant does, so that with distances a threshold on scores by examples, where larger is better
        nevertheless, lets all or nothing through.
        """
        if threshold is None:
            return self
        return self._until(self.scores < threshold if smaller else self.scores > threshold)

    def reaching(self, threshold: float | None) -> Ranking:
        """Stop before the first point whose score is smaller than the threshold."""
        return self if threshold is None else self._until(self.scores >= threshold)

    def _until(self, passing: npt.NDArray[np.bool_]) -> Ranking:
        return self if passing.all() else self.page(0, int(np.argmin(passing)))

    def only(self, places: Offsets) -> Ranking:
        """Return the points at these places, in their order."""
        values = None if self.order_values is None else [self.order_values[place] for place in places.tolist()]
        return Ranking(self.offsets[places], self.scores[places], values)

    @classmethod
    def joined(cls, rankings: Sequence[Ranking]) -> Ranking:
        """Return all points of the rankings, one after the other, each where it comes first."""
        offsets = np.concatenate([ranking.offsets for ranking in rankings])
        scores = np.concatenate([ranking.scores for ranking in rankings])
        values: list[int | float | None] | None = None
        if any(ranking.order_values is not None for ranking in rankings):
            values = [value for ranking in rankings for value in ranking.order_values or [None] * len(ranking.offsets)]
        return cls(offsets, scores, values).only(np.sort(np.unique(offsets, return_index=True)[1]))

    @classmethod
    def unscored(cls, offsets: Offsets, order_values: Sequence[int | float | None] | None = None) -> Ranking:
        """Return a ranking in which every point has the score 1."""
        return cls(offsets, np.ones(len(offsets), np.float32), order_values)
