"""What a query yields before anything is fetched: offsets, best first, with the scores that users see."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

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
    order_values: Sequence[int | float] | None = None

    def page(self, offset: int, limit: int) -> Ranking:
        """Return the part from ``offset`` on, at most ``limit`` long."""
        end = offset + limit
        values = None if self.order_values is None else self.order_values[offset:end]
        return Ranking(self.offsets[offset:end], self.scores[offset:end], values)

    def above(self, threshold: float | None, *, smaller: bool) -> Ranking:
        """Leave out what does not pass the threshold; ``smaller`` tells that smaller scores are better."""
        if threshold is None:
            return self
        keep = self.scores < threshold if smaller else self.scores > threshold
        return Ranking(self.offsets[keep], self.scores[keep])

    def reaching(self, threshold: float | None) -> Ranking:
        """Leave out scores below the threshold, which a formula's scores may just reach."""
        if threshold is None:
            return self
        keep = self.scores >= threshold
        return Ranking(self.offsets[keep], self.scores[keep])

    @classmethod
    def unscored(cls, offsets: Offsets, order_values: Sequence[int | float] | None = None) -> Ranking:
        """Return a ranking in which every point has the score 1."""
        return cls(offsets, np.ones(len(offsets), np.float32), order_values)
