"""Random requests through each client in front of a server; the answers are those of the embedded database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from backends import REMOTE
from pair import Pair, check, seeds
from query_world import ALL, Author, fill
from rows import assert_ranked, rows
from steps import FIELDS, start
from targets import ClientCollection, outcome
from worlds import World

from quiverdb.qdrant import QdrantClient, models


class RemotePair(Pair):
    """A collection of a server, which other tests use as well, and one in memory."""

    def __init__(self, world: World, client: Any, *, empty_payloads: bool) -> None:
        ours = ClientCollection.made(client, world.config)
        super().__init__(world, ours, ClientCollection.made(QdrantClient(":memory:"), world.config))
        self.ours.empty_payloads = self.oracle.empty_payloads = empty_payloads
        self.declared: dict[str, Any] = {}

    def close(self) -> None:
        self.ours.drop()
        self.oracle.close()

    @contextmanager
    def indexed(self, field: str) -> Iterator[None]:
        """Declare an index for a while, as servers refuse to order or to count without one."""
        if field in self.declared:
            yield
            return
        self.ours.create_payload_index(field_name=field, field_schema=FIELDS[field])
        yield
        self.ours.delete_payload_index(field_name=field)

    def declare(self, field: str, schema: Any) -> None:
        self.declared[field] = schema
        self.write("create_payload_index", field_name=field, field_schema=schema)

    def undeclare(self, field: str) -> None:
        self.declared.pop(field, None)
        self.write("delete_payload_index", field_name=field)


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("seed", [3000 + seed for seed in seeds(2)])
def test_random_requests(remote: Callable[[str], Any], name: str, seed: int) -> None:
    told = "gRPC" not in name
    check(lambda world: RemotePair(world, remote(name), empty_payloads=told), *start(seed, 50))


@pytest.fixture(scope="module")
def memory() -> Iterator[ClientCollection]:
    with QdrantClient(":memory:") as client:
        yield fill(client)


@pytest.fixture(scope="module", params=REMOTE)
def filled(request: pytest.FixtureRequest, remote: Callable[[str], Any]) -> Iterator[ClientCollection]:
    made = fill(remote(request.param))
    made.create_payload_index(field_name="n", field_schema=models.PayloadSchemaType.INTEGER)
    yield made
    made.drop()


@pytest.mark.parametrize("seed", [4000 + seed for seed in seeds(3)])
def test_random_queries(memory: ClientCollection, filled: ClientCollection, seed: int) -> None:
    author = Author(seed)
    requests = [author.request(depth) for depth in (0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3)]
    wholes = [request.model_copy(update={"limit": ALL, "offset": None}) for request in requests]
    for request, whole in zip(requests, wholes, strict=True):
        want = outcome(lambda whole=whole: asked(memory, whole))
        got = outcome(lambda request=request: asked(filled, request))
        assert got.refusal == want.refusal, f"{got.reason} / {want.reason}"
        if not want.refusal:
            assert_ranked(got.value, want.value, limit=request.limit or 10, offset=request.offset or 0)


def asked(collection: ClientCollection, request: models.QueryRequest) -> list[Any]:
    return rows(collection.query_batch_points([request])[0].points)
