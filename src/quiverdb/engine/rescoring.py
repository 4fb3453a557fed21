"""Prefetched points ranked by a formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from quiverdb.engine.ranking import Ranking
from quiverdb.engine.score.distance import top
from quiverdb.engine.score.formula import Candidates, evaluate
from quiverdb.engine.view import Domain, View
from quiverdb.model.filter import Condition, Filter
from quiverdb.model.query import Formula

__all__ = ["rescored"]


def rescored(
    view: View, formula: Formula, rankings: list[Ranking], allowed: Callable[[Filter], Domain], k: int
) -> Ranking:
    """Return the best ``k`` of all ranked points; ``allowed`` answers the formula's conditions."""
    offsets = np.unique(np.concatenate([ranking.offsets for ranking in rankings]))
    scores = np.full((len(rankings), len(offsets)), np.nan)
    for row, ranking in zip(scores, rankings, strict=True):
        row[np.searchsorted(offsets, ranking.offsets)] = ranking.scores

    def holds(condition: Condition) -> npt.NDArray[np.bool_]:
        return np.isin(offsets, allowed(Filter(must=(condition,))).array)

    candidates = Candidates(
        len(offsets),
        list(scores),
        lambda places: view.payload_list(offsets[places].tolist()),
        holds,
        view.schema.fields,
    )
    values = evaluate(formula, candidates)
    best = top(values, k)
    return Ranking(offsets[best], values[best])
