"""A remote database over a real network: our server in threads of this process, our transport, bytes in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pair import Pair, check
from steps import start
from targets import NAME, ClientCollection
from worlds import World

import quiverdb
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import InvalidInputError, NotFoundError, RemoteError
from quiverdb.model.collection import CollectionSpec, Distance, VectorSpec
from quiverdb.model.filter import Filter, MatchValue
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.query import Nearest, Query
from quiverdb.model.write import Delete, SetPayload, Upsert
from quiverdb.qdrant import QdrantClient
from quiverdb.remote.database import RemoteDatabase
from quiverdb.server.serving import serving
from quiverdb.server.settings import Service, Settings

SPEC = CollectionSpec({"": VectorSpec(4, Distance.COSINE)})


SETTINGS = Settings(service=Service(http_port=0, grpc_port=0, require_indexes=False))


@pytest.fixture(scope="module", params=["rest", "grpc"])
def location(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve an engine."""
    with EngineDatabase.open(":memory:") as engine, serving(engine, SETTINGS) as server:
        place = server.url.replace("http://", "qdrant://")
        yield place if request.param == "rest" else f"{place}?prefer_grpc&grpc_port={server.ports['grpc']}"


def test_a_session(location: str) -> None:
    with quiverdb.open(location) as database:
        assert isinstance(database, RemoteDatabase)
        assert repr(database) == f"<RemoteDatabase {location.partition('?')[0]}>"
        database.create_collection("docs", SPEC)
        rows = np.random.default_rng(1).normal(size=(300, 4)).astype("f4")
        points = Points(list(range(300)), {"": DenseColumn(rows)}, [{"n": n % 3} for n in range(300)])
        assert database.write("docs", [Upsert(points)])[0].status == "completed"
        database.write("docs", [SetPayload((1,), {"n": 7}), Delete((2,))])
        assert database.count("docs") == 299
        (hits,) = database.query("docs", [Query(Nearest(rows[1]), filter=Filter(must=(MatchValue("n", 7),)))])
        assert [hit.id for hit in hits] == [1]
        assert hits[0].score == pytest.approx(1)
        with pytest.raises(NotFoundError) as missing:
            database.count("nothing")
        assert (missing.value.kind, missing.value.name) == ("collection", "nothing")
        with pytest.raises(InvalidInputError, match="expected dim: 4, got 3"):
            database.query("docs", [Query(Nearest(np.ones(3, "f4")))])
        assert database.delete_collection("docs")


class NetworkPair(Pair):
    def __init__(self, world: World, location: str) -> None:
        self.database = quiverdb.open(location)
        self.database.delete_collection(NAME)
        clients = QdrantClient(database=self.database), QdrantClient(":memory:")
        for client in clients:
            client.create_collection(NAME, vectors_config=world.config)
        super().__init__(world, *map(ClientCollection, clients))

    def close(self) -> None:
        super().close()
        self.database.close()


@pytest.mark.parametrize("seed", [4100, 4101])
def test_random_requests(location: str, seed: int) -> None:
    world, steps = start(seed, 30)
    check(lambda world: NetworkPair(world, location), world, steps)


def test_a_server_that_is_away() -> None:
    with EngineDatabase.open(":memory:") as engine, serving(engine) as server:
        location = server.url.replace("http://", "qdrant://")
    with quiverdb.open(location, timeout=1) as database, pytest.raises(RemoteError) as caught:
        database.collection_names()
    assert (caught.value.status, caught.value.url) == (None, location)


def test_options_are_for_servers(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="api_key"):
        quiverdb.open(tmp_path, api_key="x")


def test_a_key_is_not_shown() -> None:
    with quiverdb.open("qdrants://localhost?api_key=secret") as database:
        assert "secret" not in repr(database)
