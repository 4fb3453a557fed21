"""Queries of all kinds for the oracle: the models of the Qdrant dialect become requests to Qdrant's core.

The core takes vectors where a server takes ids, so ids are resolved here, as a server does: their points are left
out of the answer to the whole tree of queries, unless their vectors come from another collection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import qdrant_edge as qe
from edge import EdgeCollection, Missing, _errors, _order, edge_filter
from rows import PointId, Row, plain_id, rows

MEAN = "average_vector"


def edge_answer(oracle: EdgeCollection, request: Any, others: dict[str, EdgeCollection] | None = None) -> list[Row]:
    """Answer a ``QueryRequest`` with ids and scores."""
    tree = _Tree(oracle, others or {})
    fields = tree.fields(request, request.limit or 10)
    if tree.named:
        fields["filter"] = _without(tree.named, fields["filter"])
    with _errors():
        return rows(oracle._shard.query(qe.QueryRequest(offset=request.offset, **fields)))


def _without(ids: set[PointId], chosen: qe.Filter | None) -> qe.Filter:
    clauses = {name: getattr(chosen, name) for name in ("must", "should", "min_should")} if chosen else {}
    others = list((chosen.must_not if chosen else None) or [])
    return qe.Filter(**clauses, must_not=[*others, qe.HasIdCondition(ids)])


class _Tree:
    def __init__(self, oracle: EdgeCollection, others: dict[str, EdgeCollection]) -> None:
        self.oracle = oracle
        self.others = others
        self.named: set[PointId] = set()

    def fields(self, request: Any, limit: int) -> dict[str, Any]:
        """Return the arguments that a request and a prefetch share."""
        using = request.using or ""
        inner = request.prefetch or []
        return {
            "limit": limit,
            "query": self.kind(request.query, using, limit, request.lookup_from),
            "prefetches": [
                qe.Prefetch(**self.fields(item, item.limit or 10))
                for item in (inner if isinstance(inner, list) else [inner])
            ],
            "filter": edge_filter(request.filter),
            "score_threshold": request.score_threshold,
            "params": qe.SearchParams(exact=True),
        }

    def kind(self, query: Any, using: str, limit: int, lookup: Any) -> Any:
        def vector(value: Any) -> Any:
            return self.vector(value, using, lookup)

        def pairs(given: Any) -> list[qe.ContextPair]:
            items = given if isinstance(given, list) else [given]
            return [qe.ContextPair(vector(item.positive), vector(item.negative)) for item in items]

        name = type(query).__name__
        if name in _PLAIN:
            return _PLAIN[name](query)
        match name:
            case "RecommendQuery":
                given = query.recommend
                examples = [[vector(item) for item in side or []] for side in (given.positive, given.negative)]
                strategy = getattr(given.strategy, "value", given.strategy) or MEAN
                if strategy == MEAN:
                    return qe.Query.Nearest(mean(*examples), using=using)
                make = {"best_score": qe.Query.RecommendBestScore, "sum_scores": qe.Query.RecommendSumScores}
                return make[strategy](qe.RecommendQuery(*examples), using=using)
            case "DiscoverQuery":
                given = query.discover
                return qe.Query.Discover(qe.DiscoverQuery(vector(given.target), pairs(given.context)), using=using)
            case "ContextQuery":
                return qe.Query.Context(qe.ContextQuery(pairs(query.context)), using=using)
            case "RelevanceFeedbackQuery":
                given, weights = query.relevance_feedback, query.relevance_feedback.strategy.naive
                items = [qe.FeedbackItem(vector(item.example), item.score) for item in given.feedback]
                strategy = qe.NaiveFeedbackStrategy(weights.a, weights.b, weights.c)
                return qe.Query.FeedbackNaive(qe.FeedbackNaiveQuery(vector(given.target), items, strategy), using=using)
            case "NearestQuery" if query.mmr is not None:
                diversity = 0.5 if query.mmr.diversity is None else query.mmr.diversity
                return qe.Mmr(vector(query.nearest), 1 - diversity, query.mmr.candidates_limit or limit, using=using)
            case "NearestQuery":
                return qe.Query.Nearest(vector(query.nearest), using=using)
            case _:
                return qe.Query.Nearest(vector(query), using=using)

    def vector(self, value: Any, using: str, lookup: Any) -> Any:
        if type(value).__name__ == "SparseVector":
            return qe.SparseVector(list(value.indices), [float(x) for x in value.values])
        if isinstance(value, (list, np.ndarray)):
            return [float(x) for x in value]
        holder = self.oracle if lookup is None else self.others.get(lookup.collection, self.oracle)
        if holder is self.oracle:
            self.named.add(plain_id(value))
        name = using if lookup is None or lookup.vector is None else lookup.vector
        found = holder._shard.retrieve([plain_id(value)], False, True)
        if not found or name not in found[0].vector:
            raise Missing(f"No point with id {value} found")
        return found[0].vector[name]


def mean(positive: list[Any], negative: list[Any]) -> Any:
    """Average dense or sparse vectors, pushed away from the negative ones if there are any."""
    if isinstance(positive[0], list):
        centre = np.mean(positive, axis=0)
        return (2 * centre - np.mean(negative, axis=0) if negative else centre).tolist()
    total: dict[int, float] = {}
    share = (2 if negative else 1) / len(positive)
    for side, weight in ((positive, share), (negative, -1 / max(1, len(negative)))):
        for vector in side:
            for index, value in zip(vector.indices, vector.values, strict=True):
                total[index] = total.get(index, 0.0) + weight * value
    return qe.SparseVector(sorted(total), [total[index] for index in sorted(total)])


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "NoneType": lambda _: None,
    "OrderByQuery": lambda query: _order(query.order_by),
    "SampleQuery": lambda _: qe.Sample.Random,
    "FusionQuery": lambda query: qe.Fusion.Rrf(2) if query.fusion.value == "rrf" else qe.Fusion.Dbsf(),
    "RrfQuery": lambda query: qe.Fusion.Rrf(query.rrf.k or 2, query.rrf.weights),
}
