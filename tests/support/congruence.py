"""A thousand random points with dense, sparse and multivectors, random filters over them, and random questions.

The shapes are those that the official client tests its local mode with.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from qdrant_client import models as m

COUNT = 1000
ALL = COUNT
TERMS = 200
DENSE = {"text": (50, m.Distance.COSINE), "image": (100, m.Distance.DOT), "code": (80, m.Distance.EUCLID)}
SPARSE = ("words", "tags")
ROWS = {"pages": (30, m.Distance.COSINE), "frames": (20, m.Distance.DOT)}
NAMES = (*DENSE, *SPARSE, *ROWS)
VECTORS = {name: m.VectorParams(size=size, distance=distance) for name, (size, distance) in DENSE.items()} | {
    name: m.VectorParams(
        size=size,
        distance=distance,
        multivector_config=m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM),
    )
    for name, (size, distance) in ROWS.items()
}
INDEXED = {
    "number": m.PayloadSchemaType.INTEGER,
    "share": m.PayloadSchemaType.FLOAT,
    "word": m.PayloadSchemaType.KEYWORD,
}
"""What servers order and count by."""
COLOURS = ("red", "green", "blue", "deep blue")


class Maker:
    """Make everything from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)

    def vector(self, name: str) -> Any:
        if name in DENSE:
            return self.numbers.random(DENSE[name][0]).round(3).tolist()
        if name in ROWS:
            return self.numbers.random((self.random.randint(1, 5), ROWS[name][0])).round(3).tolist()
        indices = sorted(self.random.sample(range(TERMS), self.random.randint(5, 20)))
        return m.SparseVector(indices=indices, values=self.numbers.random(len(indices)).round(3).tolist())

    def word(self) -> str:
        return "".join(self.random.choice(string.ascii_lowercase[:4]) for _ in range(2))

    def payload(self, number: int) -> dict[str, Any]:
        pick = self.random
        made = {
            "id": number,
            "number": pick.randint(0, 9),
            "share": round(pick.random(), 4),
            "word": self.word(),
            "text": f"{pick.choice(COLOURS)} {pick.choice(('fox', 'car', 'sky'))} {self.word()}",
            "flag": pick.random() < 0.5,
            "words": [self.word() for _ in range(pick.randint(0, 4))],
            "city": {
                "name": pick.choice(("Paris", "Oslo", "Rome")),
                "geo": {"lon": pick.uniform(-20, 20), "lat": pick.uniform(-20, 20)},
            },
            "when": f"2024-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}T{pick.randint(0, 23):02}:00:00Z",
            "parts": [{"size": pick.randint(0, 3), "kind": pick.choice("xyz")} for _ in range(pick.randint(0, 3))],
        }
        return made | pick.choice(({}, {"maybe": None}, {"maybe": []}, {"maybe": 1}))

    def vectors(self, number: int) -> m.PointVectors:
        """Most of the vectors of a point."""
        given = {name: self.vector(name) for name in NAMES if self.random.random() < 0.97}
        return m.PointVectors(id=number, vector=given)

    def point(self, number: int) -> m.PointStruct:
        return m.PointStruct(id=number, vector=self.vectors(number).vector, payload=self.payload(number))

    # --- filters

    def condition(self) -> Any:
        pick = self.random
        field: Callable[..., Any] = lambda key, **test: m.FieldCondition(key=key, **test)  # noqa: E731
        centre = m.GeoPoint(lon=pick.uniform(-10, 10), lat=pick.uniform(-10, 10))
        low = pick.random()
        kinds: list[Callable[[], Any]] = [
            lambda: field("number", match=m.MatchValue(value=pick.randint(0, 9))),
            lambda: field("word", match=m.MatchAny(any=[self.word() for _ in range(4)])),
            lambda: field("words", match=m.MatchExcept(**{"except": [self.word() for _ in range(3)]})),
            lambda: field("flag", match=m.MatchValue(value=pick.random() < 0.5)),
            lambda: field("text", match=m.MatchText(text=pick.choice(COLOURS))),
            lambda: field("text", match=m.MatchPrefix(prefix=pick.choice("rgbd"))),
            lambda: field("share", range=m.Range(gte=low, lt=low + 0.3)),
            lambda: field("when", range=m.DatetimeRange(gt=f"2024-{pick.randint(1, 9):02}-01T00:00:00Z")),
            lambda: field("city.geo", geo_radius=m.GeoRadius(center=centre, radius=900_000)),
            lambda: field(
                "city.geo",
                geo_bounding_box=m.GeoBoundingBox(
                    top_left=m.GeoPoint(lon=-5, lat=15), bottom_right=m.GeoPoint(lon=15, lat=-5)
                ),
            ),
            lambda: field("words", values_count=m.ValuesCount(gte=pick.randint(0, 3))),
            lambda: field("parts[].size", match=m.MatchValue(value=pick.randint(0, 3))),
            lambda: m.IsEmptyCondition(is_empty=m.PayloadField(key="maybe")),
            lambda: m.IsNullCondition(is_null=m.PayloadField(key="maybe")),
            lambda: m.HasIdCondition(has_id=pick.sample(range(COUNT), 300)),
            lambda: m.HasVectorCondition(has_vector=pick.choice(NAMES)),
            lambda: m.NestedCondition(
                nested=m.Nested(
                    key="parts",
                    filter=m.Filter(
                        must=[field("size", range=m.Range(gte=1)), field("kind", match=m.MatchValue(value="x"))]
                    ),
                )
            ),
        ]
        return pick.choice(kinds)()

    def some(self) -> m.Filter:
        return m.Filter(must=[self.condition()])

    def filter(self) -> m.Filter | None:
        pick = self.random
        clauses: list[Callable[[], dict[str, Any]]] = [
            lambda: {"must": [self.condition()]},
            lambda: {"must": [self.condition(), m.Filter(should=[self.condition(), self.condition()])]},
            lambda: {"should": [self.condition(), self.condition()]},
            lambda: {"must_not": [self.condition()]},
            lambda: {"must": [self.condition()], "must_not": [self.condition()]},
            lambda: {"min_should": m.MinShould(conditions=[self.condition() for _ in range(3)], min_count=2)},
        ]
        return None if pick.random() < 0.3 else m.Filter(**pick.choice(clauses)())

    # --- questions

    def query(self, name: str) -> Any:
        """A query over one vector."""
        pick = self.random
        one = lambda: self.vector(name)  # noqa: E731
        kinds: list[Callable[[], Any]] = [one, one]
        if name in DENSE:
            kinds += [
                lambda: m.RecommendQuery(
                    recommend=m.RecommendInput(
                        positive=[one(), one()], negative=[one()], strategy=pick.choice(list(m.RecommendStrategy))
                    )
                ),
                lambda: m.DiscoverQuery(
                    discover=m.DiscoverInput(
                        target=one(), context=[m.ContextPair(positive=one(), negative=one()) for _ in range(2)]
                    )
                ),
            ]
        return pick.choice(kinds)()

    def fused(self) -> dict[str, Any]:
        """A query that joins the answers of others, none of which cuts between equal scores."""
        names = self.random.sample(NAMES, 2)
        branches = [m.Prefetch(query=self.vector(name), using=name, limit=ALL, filter=self.filter()) for name in names]
        kinds = [m.FusionQuery(fusion=m.Fusion.RRF), m.RrfQuery(rrf=m.Rrf(k=5)), m.FusionQuery(fusion=m.Fusion.DBSF)]
        return {"prefetch": branches, "query": self.random.choice(kinds)}

    def asked(self) -> dict[str, Any]:
        """The arguments of ``query_points`` besides the page."""
        if self.random.random() < 0.25:
            return self.fused()
        name = self.random.choice(NAMES)
        return {"query": self.query(name), "using": name, "query_filter": self.filter()}


def points() -> list[m.PointStruct]:
    maker = Maker(17)
    return [maker.point(number) for number in range(COUNT)]


def fill(client: Any, name: str, stored: list[m.PointStruct]) -> None:
    """Make the collection and store the points."""
    sparse: Mapping[str, Any] = {name: m.SparseVectorParams() for name in SPARSE}
    client.create_collection(name, vectors_config=VECTORS, sparse_vectors_config=sparse)
    for start in range(0, len(stored), 250):
        client.upsert(name, stored[start : start + 250])
    for field, schema in INDEXED.items():
        client.create_payload_index(name, field, schema)
