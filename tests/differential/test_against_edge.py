"""Random requests through our client and through Qdrant's own core; every answer must be the same.

Where an index changes the core's answers (it then sees only values of the index's type), its answer without
the index counts: payload indexes are declared on our side only, and on the core's side just for the calls that
demand one (order by, facet). Text indexes, whose tokenizer is part of the question, are on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from edge import EdgeCollection
from pair import Pair, check, seeds
from steps import FIELDS, Author, Step, start
from targets import NAME, ClientCollection
from worlds import World

from quiverdb.qdrant import QdrantClient
from quiverdb.qdrant.models import Filter, HasIdCondition


class EdgePair(Pair):
    @contextmanager
    def indexed(self, field: str) -> Iterator[None]:
        self.oracle.create_payload_index(field, FIELDS[field])
        try:
            yield
        finally:
            self.oracle.delete_payload_index(field)


def make(world: World) -> EdgePair:
    client = QdrantClient(":memory:")
    client.create_collection(NAME, vectors_config=world.config)
    return EdgePair(world, ClientCollection(client), EdgeCollection(world.config))


@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("declared", [False, True])
def test_filters_on_many_points(declared: bool, seed: int) -> None:
    """Enough points for every index to be used, some of them replaced, changed and deleted after it was built."""
    author = Author(5000 + seed)
    steps = [Step("declare", {"field": field, "schema": schema}) for field, schema in FIELDS.items() if declared]
    steps += [Step("write", {"method": "upsert", "points": author.points(50, 50, ids=range(400))}) for _ in range(8)]
    steps += [author.filtered() for _ in range(60)]
    ids = author.dice.some(range(400), 60, 60)
    steps += [
        author.write("upsert", points=author.points(40, 40, ids=range(400))),
        author.write(
            "set_payload", payload=author.dice.change(), points=Filter(must=[HasIdCondition(has_id=ids[:40])])
        ),
        author.write("delete", points_selector=ids[40:]),
        author.write("delete_payload", keys=["k", "o.a"], points=Filter(must=[HasIdCondition(has_id=ids[:20])])),
    ]
    steps += [author.filtered() for _ in range(60)] + [author.order_by() for _ in range(10)]
    check(make, author.first, steps + [author.facet() for _ in range(10)])


@pytest.mark.parametrize("seed", seeds(24))
def test_random_requests_get_the_answers_of_the_core(seed: int) -> None:
    check(make, *start(seed, 80))
