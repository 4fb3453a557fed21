"""A small collection with vectors of every kind in our engine and in the oracle, and random queries over it."""

from __future__ import annotations

from typing import Any

import numpy as np
from edge import EdgeCollection
from targets import NAME, ClientCollection

from quiverdb.qdrant import QdrantClient, models

COUNT = 90
ALL = 1000
SIZES = {"v": 6, "w": 3, "m": 4, "d": 5}
DISTANCES = {
    "v": models.Distance.COSINE,
    "w": models.Distance.EUCLID,
    "m": models.Distance.MANHATTAN,
    "d": models.Distance.DOT,
}
SPARSE = {"s": models.SparseVectorParams(), "i": models.SparseVectorParams(modifier=models.Modifier.IDF)}
NAMES = (*SIZES, *SPARSE)
WORDS = 12


CONFIG = {name: models.VectorParams(size=size, distance=DISTANCES[name]) for name, size in SIZES.items()}


def points() -> list[models.PointStruct]:
    return [point(np.random.default_rng(number), number) for number in range(COUNT)]


def fill(client: Any) -> ClientCollection:
    """Make the collection under a name of its own."""
    made = ClientCollection.made(client, CONFIG, SPARSE)
    made.upsert(points=points())
    return made


class Both:
    """Our collection and the oracle's, with the same points."""

    def __init__(self) -> None:
        self.client = QdrantClient(":memory:")
        self.client.create_collection(NAME, CONFIG, SPARSE)
        self.ours = ClientCollection(self.client)
        self.oracle = EdgeCollection(CONFIG, SPARSE)
        self.points = points()
        for target in (self.ours, self.oracle):
            target.upsert(points=self.points)
        self.oracle.create_payload_index("n", models.PayloadSchemaType.INTEGER)
        self.oracle.create_payload_index("many", models.PayloadSchemaType.INTEGER)

    def close(self) -> None:
        self.client.close()
        self.oracle.close()


def point(random: np.random.Generator, number: int) -> models.PointStruct:
    """Make a point; every ninth lacks a vector."""
    vectors: dict[str, Any] = {name: vector(random, name) for name in NAMES}
    if number % 9 == 8:
        del vectors[NAMES[number // 9 % len(NAMES)]]
    payload = {"n": (number * 37) % 101, "many": [number % 4, 10 + number % 3], "half": number % 2 == 0}
    return models.PointStruct(id=number, vector=vectors, payload=payload)


def vector(random: np.random.Generator, name: str) -> Any:
    if name in SIZES:
        return random.normal(size=SIZES[name]).tolist()
    indices = sorted(random.choice(WORDS, 4, replace=False).tolist())
    return models.SparseVector(indices=indices, values=random.uniform(0.1, 1, 4).tolist())


class Author:
    """Make random queries whose answers do not hang on the order of equal scores."""

    def __init__(self, seed: int, names: tuple[str, ...] = NAMES) -> None:
        self.random = np.random.default_rng(seed)
        self.names = names

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def example(self, name: str) -> Any:
        """Return a vector, or the id of a point that has one of this name."""
        if self.chance(0.5):
            return vector(self.random, name)
        holders = [number for number in range(COUNT) if number % 9 != 8]
        return int(self.random.choice(holders))

    def examples(self, name: str, low: int, high: int) -> list[Any]:
        return [self.example(name) for _ in range(int(self.random.integers(low, high + 1)))]

    def pairs(self, name: str, low: int) -> list[models.ContextPair]:
        count = int(self.random.integers(low, 4))
        return [models.ContextPair(positive=self.example(name), negative=self.example(name)) for _ in range(count)]

    def kind(self, name: str, *, ties: bool) -> Any:
        """Return a query over one vector; ``ties`` allows scores that points share.

        Those are zeros, and sums of absolute differences, which cancel each other out.
        """
        choice = int(self.random.integers(7 if ties else 2 if name in (*SPARSE, "m") else 6))
        match choice:
            case 0:
                return self.example(name)
            case 1 | 2 | 3:
                strategy = ["average_vector", "best_score", "sum_scores"][choice - 1]
                good = self.examples(name, 1, 3)
                bad = [vector(self.random, name) for _ in range(int(self.random.integers(3)))]
                given = models.RecommendInput(positive=good, negative=bad, strategy=strategy)
                return models.RecommendQuery(recommend=given)
            case 4:
                given = models.DiscoverInput(target=self.example(name), context=self.pairs(name, 0))
                return models.DiscoverQuery(discover=given)
            case 5:
                items = [
                    models.FeedbackItem(example=example, score=float(self.random.random()))
                    for example in self.examples(name, 1, 4)
                ]
                weights = models.NaiveFeedbackStrategyParams(
                    **{letter: float(self.random.uniform(0.1, 2)) for letter in "abc"}
                )
                strategy = models.NaiveFeedbackStrategy(naive=weights)
                given = models.RelevanceFeedbackInput(target=self.example(name), feedback=items, strategy=strategy)
                return models.RelevanceFeedbackQuery(relevance_feedback=given)
            case _:
                return models.ContextQuery(context=self.pairs(name, 1))

    def filter(self) -> models.Filter | None:
        """Return a filter with clauses of every kind, which often meet those of another query."""
        if self.chance(0.5):
            return None
        low = int(self.random.integers(0, 60))
        span = models.FieldCondition(key="n", range=models.Range(gte=low, lt=low + 70))
        half = models.FieldCondition(key="half", match=models.MatchValue(value=self.chance(0.5)))
        group = models.FieldCondition(key="many", match=models.MatchAny(any=[1, 2]))
        match int(self.random.integers(4)):
            case 0:
                return models.Filter(must=[span])
            case 1:
                return models.Filter(should=[half, group])
            case 2:
                return models.Filter(must_not=[half], should=[span])
            case _:
                count = int(self.random.integers(1, 3))
                return models.Filter(min_should=models.MinShould(conditions=[span, half, group], min_count=count))

    def leaf(self, *, ties: bool) -> dict[str, Any]:
        name = str(self.random.choice(self.names))
        return {"using": name, "query": self.kind(name, ties=ties)}

    def threshold(self) -> float | None:
        return float(self.random.normal()) if self.chance(0.2) else None

    def prefetch(self, depth: int) -> models.Prefetch:
        """Return a prefetch with prefetches of its own; its limit never cuts between equal scores."""
        shared = {"filter": self.filter(), "score_threshold": self.threshold()}
        if depth and self.chance(0.6):
            inner = [self.prefetch(depth - 1) for _ in range(int(self.random.integers(1, 4)))]
            if self.chance(0.5):
                return models.Prefetch(**self.leaf(ties=False), prefetch=inner, limit=self.limit(), **shared)
            weights = self.random.uniform(0.3, 3, len(inner)).tolist()
            rrf = models.RrfQuery(rrf=models.Rrf(k=int(self.random.integers(1, 9)), weights=weights))
            shared["score_threshold"] = None
            return models.Prefetch(query=rrf, prefetch=inner, limit=self.limit(), **shared)
        if self.chance(0.15):
            return models.Prefetch(query=models.OrderByQuery(order_by="n"), limit=self.limit(), filter=self.filter())
        if self.chance(0.15):
            return models.Prefetch(limit=self.limit(), filter=self.filter())
        return models.Prefetch(**self.leaf(ties=False), limit=self.limit(), **shared)

    def limit(self) -> int:
        return int(self.random.integers(3, 60))

    def request(self, depth: int) -> models.QueryRequest:
        """Return a query; with prefetches when ``depth`` is positive."""
        shared: dict[str, Any] = {"filter": self.filter(), "limit": int(self.random.integers(1, 12))}
        shared["offset"] = int(self.random.integers(0, 5))
        if not depth:
            return models.QueryRequest(**self.leaf(ties=True), score_threshold=self.threshold(), **shared)
        shared["prefetch"] = [self.prefetch(depth - 1) for _ in range(int(self.random.integers(1, 4)))]
        match int(self.random.integers(4)):
            case 0:
                query: Any = models.FusionQuery(fusion=models.Fusion.RRF)
            case 1:
                query = models.FusionQuery(fusion=models.Fusion.DBSF)
            case 2:
                order = models.OrderBy(key="n", direction="desc" if self.chance(0.5) else "asc")
                return models.QueryRequest(query=models.OrderByQuery(order_by=order), **shared)
            case _:
                return models.QueryRequest(**self.leaf(ties=True), score_threshold=self.threshold(), **shared)
        threshold = float(self.random.uniform(0, 0.6)) if self.chance(0.3) else None
        return models.QueryRequest(query=query, score_threshold=threshold, **shared)
