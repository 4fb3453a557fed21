"""The same random requests on disk and in memory, with the folder closed and opened again in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pair import Pair, check, seeds
from steps import Step, start
from targets import NAME, ClientCollection
from worlds import World

from quiverdb.qdrant import QdrantClient


class DiskPair(Pair):
    def __init__(self, world: World, path: Path) -> None:
        clients = QdrantClient(path=str(path)), QdrantClient(":memory:")
        for client in clients:
            client.create_collection(NAME, vectors_config=world.config)
        super().__init__(world, *(ClientCollection(client) for client in clients))
        self.path = path

    def reopen(self) -> None:
        self.ours.close()
        self.ours = ClientCollection(QdrantClient(path=str(self.path)))
        self.same_state()

    def declare(self, field: str, schema: Any) -> None:
        self.write("create_payload_index", field_name=field, field_schema=schema)

    def undeclare(self, field: str) -> None:
        self.write("delete_payload_index", field_name=field)

    def same_state(self) -> None:
        super().same_state()
        got, want = (self.facts(target) for target in (self.ours, self.oracle))
        assert got == want

    def facts(self, target: Any) -> tuple[Any, ...]:
        """What a collection says of itself, as far as it may not depend on where the data is."""
        info = target.client.get_collection(NAME)
        schema = {name: (index.data_type, index.points) for name, index in info.payload_schema.items()}
        return info.points_count, info.config.params.vectors, schema


@pytest.fixture
def make(tmp_path: Path) -> Callable[[World], DiskPair]:
    """Make pairs in folders of their own."""
    made: list[DiskPair] = []

    def build(world: World) -> DiskPair:
        made.append(DiskPair(world, tmp_path / str(len(made))))
        return made[-1]

    return build


@pytest.mark.parametrize("seed", [1000 + seed for seed in seeds(10)])
def test_disk_answers_as_memory_does(seed: int, make: Callable[[World], DiskPair]) -> None:
    world, steps = start(seed, 50)
    for position in range(len(steps), 0, -7):
        steps.insert(position, Step("reopen", {}))
    check(make, world, steps)
