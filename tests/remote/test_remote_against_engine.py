"""The same random requests on the engine, and on it behind a remote database, with nothing but JSON in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from loopback import GatewayClient
from pair import Pair, check, seeds
from query_world import COUNT, DISTANCES, SIZES, SPARSE, Author, point
from steps import start
from targets import NAME, ClientCollection
from worlds import World

from quiverdb.qdrant import QdrantClient, models


class RemotePair(Pair):
    def __init__(self, world: World) -> None:
        ours, oracle = GatewayClient(), QdrantClient(":memory:")
        for client in (ours, oracle):
            client.create_collection(NAME, vectors_config=world.config)
        super().__init__(world, ClientCollection(ours), ClientCollection(oracle))

    def declare(self, field: str, schema: Any) -> None:
        self.write("create_payload_index", field_name=field, field_schema=schema)

    def undeclare(self, field: str) -> None:
        self.write("delete_payload_index", field_name=field)

    def same_state(self) -> None:
        super().same_state()
        got, want = (target.client.get_collection(NAME) for target in (self.ours, self.oracle))
        assert {**got.model_dump(), "created_at": None} == {**want.model_dump(), "created_at": None}


@pytest.mark.parametrize("seed", [4000 + seed for seed in seeds(10)])
def test_remote_answers_as_the_engine_does(seed: int) -> None:
    world, steps = start(seed, 50)
    check(RemotePair, world, steps)


@pytest.fixture(scope="module")
def clients() -> Iterator[list[QdrantClient]]:
    """Make two clients with vectors of every kind, one of them on a remote database."""
    made = [GatewayClient(), QdrantClient(":memory:")]
    config = {name: models.VectorParams(size=size, distance=DISTANCES[name]) for name, size in SIZES.items()}
    for client in made:
        client.create_collection(NAME, config, SPARSE)
        client.upsert(NAME, [point(np.random.default_rng(number), number) for number in range(COUNT)])
    yield made
    for client in made:
        client.close()


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_queries_with_prefetches(clients: list[QdrantClient], depth: int) -> None:
    author = Author(700 + depth)
    requests = [author.request(depth) for _ in range(30)]
    for request in requests:
        request.with_payload = author.chance(0.5)
        request.with_vector = ["v", "s"] if author.chance(0.5) else author.chance(0.5)
    got, want = (client.query_batch_points(NAME, requests) for client in clients)
    assert got == want
    assert sum(len(response.points) for response in got) > 50


@pytest.mark.parametrize("seed", range(5))
def test_groups_facets_and_matrices(clients: list[QdrantClient], seed: int) -> None:
    author = Author(800 + seed)
    leaf, chosen = author.leaf(ties=False), author.filter()
    got, want = (
        (
            client.query_points_groups(NAME, "many", **leaf, query_filter=chosen, limit=4, with_vectors=True),
            client.query_points_groups(NAME, "n", **leaf, with_lookup=models.WithLookup(collection=NAME)),
            client.facet(NAME, "many", facet_filter=chosen, exact=True),
            client.search_matrix_pairs(NAME, chosen, using="v", sample=COUNT, limit=3),
        )
        for client in clients
    )
    assert got == want
