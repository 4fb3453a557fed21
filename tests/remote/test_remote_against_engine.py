"""The same random requests on the engine, and on it behind a remote database, with nothing but JSON in between."""

from __future__ import annotations

from typing import Any

import pytest
from loopback import gateway
from pair import Pair, check, seeds
from steps import start
from targets import NAME, ClientCollection
from worlds import World

from quiverdb.qdrant import QdrantClient


class RemotePair(Pair):
    def __init__(self, world: World) -> None:
        self.gateway = gateway()
        ours, oracle = QdrantClient(database=self.gateway), QdrantClient(":memory:")
        for client in (ours, oracle):
            client.create_collection(NAME, vectors_config=world.config)
        super().__init__(world, ClientCollection(ours), ClientCollection(oracle))

    def close(self) -> None:
        super().close()
        self.gateway.close()

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
