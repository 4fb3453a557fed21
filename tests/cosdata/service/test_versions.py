"""Versions: whatever is written, named, made current again and deleted, every state is as a plain dict has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from cosdata_world import SIZE, World, contents
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from quiverdb.cosdata.errors import NotFoundError, ValidationError
from quiverdb.cosdata.service import commits

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "40"))
KINDS = ("memory", "disk", "remote")
IDS = st.sampled_from("abcdef")
NUMBERS = st.floats(-4, 4, width=32)


@st.composite
def vectors(draw: st.DrawFn) -> dict[str, Any]:
    vector: dict[str, Any] = {"id": draw(IDS)}
    if draw(st.integers(0, 4)):
        vector["dense_values"] = draw(st.lists(NUMBERS, min_size=SIZE, max_size=SIZE))
    if draw(st.booleans()):
        indices = draw(st.lists(st.integers(0, 9), max_size=3, unique=True))
        vector["sparse_indices"] = indices
        vector["sparse_values"] = draw(st.lists(NUMBERS, min_size=len(indices), max_size=len(indices)))
    if draw(st.booleans()):
        vector["metadata"] = draw(
            st.dictionaries(st.sampled_from(["k", "a.b"]), st.integers(-3, 3) | st.text(max_size=3))
        )
    if draw(st.booleans()):
        vector["document_id"] = draw(st.sampled_from("xy"))
    if draw(st.booleans()):
        vector["text"] = draw(st.sampled_from(["", "red foxes", "blue"]))
    return vector


class Versions(RuleBasedStateMachine):
    kind = "memory"
    world: World

    @initialize(indexed=st.booleans())
    def begin(self, indexed: bool) -> None:
        self.world = World(self.kind)
        if indexed:
            self.index()

    @rule(given=st.lists(vectors(), max_size=4))
    def stream(self, given: list[dict[str, Any]]) -> None:
        self.world.stream(given)

    @rule(id=IDS)
    def delete(self, id: str) -> None:
        self.world.ask("stream_delete", id=id)
        self.world.apply([id])

    @rule(steps=st.lists(vectors() | IDS, max_size=5))
    def commit(self, steps: list[Any]) -> None:
        self.world.commit(steps)

    @rule(steps=st.lists(vectors() | IDS, max_size=3))
    def abort(self, steps: list[Any]) -> None:
        self.world.ask("abort", transaction_id=self.world.stage(steps))

    @rule(description=st.none() | st.text(max_size=3))
    def mark(self, description: str | None) -> None:
        if len(self.world.versions) < 5:
            self.world.mark(description)

    @precondition(lambda self: self.world.versions)
    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        self.world.switch(data.draw(st.sampled_from(sorted(self.world.versions))))

    @precondition(lambda self: self.world.versions)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        self.world.forget(data.draw(st.sampled_from(sorted(self.world.versions))))

    @rule()
    def index(self) -> None:
        there = {index["type"] for index in self.world.ask("list_indexes")["indexes"]}
        for kind in ("dense", "sparse", "tf_idf"):
            if kind in there:
                self.world.ask("delete_index", index_type=kind)
            else:
                self.world.ask(f"create_{kind}_index", name="index")

    @rule()
    def reopen(self) -> None:
        self.world.reopen()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()


@pytest.mark.parametrize(
    ("kind", "examples"), [("memory", EXAMPLES), ("disk", EXAMPLES // 5), ("remote", EXAMPLES // 5)]
)
def test_every_state_is_as_the_model_has_it(kind: str, examples: int) -> None:
    machine = type("Machine", (Versions,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    yield made
    made.close()


def test_a_new_collection_has_an_empty_present_state(world: World) -> None:
    version = world.ask("current_version")
    assert version["version_number"] == version["vector_count"] == 0
    assert version["timestamp"] > 0
    assert world.ask("list_versions") == {"versions": [version], "current_version": 0, "current_hash": 0}
    world.check()


def test_each_commit_has_the_next_number(world: World) -> None:
    for number in range(1, 4):
        world.stream([{"id": number}])
        assert world.ask("current_version")["version_number"] == number
    world.ask("commit", transaction_id=world.ask("create_transaction")["transaction_id"])
    assert world.ask("current_version")["version_number"] == 3, "a commit of nothing changes nothing"


def test_naming_a_state_twice_makes_two_versions(world: World) -> None:
    world.stream([{"id": "a"}])
    first, second = world.mark("first"), world.mark("second")
    assert second > first
    world.stream([{"id": "b"}])
    world.forget(first)
    world.check()
    assert world.ask("get_version", version=second)["description"] == "second"


def test_what_no_version_sees_is_not_kept(world: World) -> None:
    for number in range(3):
        world.stream([{"id": "a", "values": [number] * SIZE}])
    assert world.database.count(world.name) == 2, "the vector and the head"
    version = world.mark()
    for number in range(3):
        world.stream([{"id": "a", "values": [number] * SIZE}])
    assert world.database.count(world.name) == 3, "and what the version sees"
    world.forget(version)
    assert world.database.count(world.name) == 2


def test_what_only_the_present_had_is_lost_with_it(world: World) -> None:
    world.stream([{"id": "a", "text": "first"}])
    first = world.mark()
    world.stream([{"id": "a", "text": "second"}, {"id": "b"}])
    world.switch(first)
    world.check()
    assert world.database.count(world.name) == 2 + 1, "the past point that the version sees stays"
    world.stream([{"id": "c"}])
    world.check()
    world.switch(first)
    world.check()


def test_going_back_and_forth_between_versions(world: World) -> None:
    world.stream([{"id": id, "values": [1, 2, 3], "text": id} for id in "abc"])
    first = world.mark()
    world.commit([{"id": "a", "values": [3, 2, 1]}, "b", {"id": "d", "document_id": "x"}])
    second = world.mark()
    for version in (first, second, first, first, second):
        world.switch(version)
        world.check()
    world.reopen()
    world.check()
    world.forget(first)
    world.check()
    world.forget(second)
    world.check()
    assert world.database.count(world.name) == len(world.present) + 1


@pytest.mark.parametrize("version", [7, "7", "x", "", -1, 1.5, True, [1]])
@pytest.mark.parametrize("operation", ["get_version", "set_current_version", "delete_version", "get_vector"])
def test_unknown_versions(world: World, operation: str, version: Any) -> None:
    world.stream([{"id": "a"}])
    world.mark()
    before = contents(world.database)
    with pytest.raises(NotFoundError, match="Version Not Found!") as caught:
        world.ask(operation, id="a", version=version)
    assert caught.value.status == 404
    assert contents(world.database) == before


def test_the_present_state_has_a_number_and_no_name(world: World) -> None:
    world.stream([{"id": "a"}])
    assert world.ask("get_version", version=1) == world.ask("current_version")
    assert world.ask("get_vector", id="a", version="1")["id"] == "a"
    with pytest.raises(NotFoundError):
        world.ask("delete_version", version=1)
    assert world.ask("set_current_version", version=1) == world.ask("current_version")


def test_a_description_is_a_text(world: World) -> None:
    with pytest.raises(ValidationError, match="description"):
        world.ask("create_version", description=3)
    assert world.ask("list_versions")["current_version"] == 0


def test_a_version_that_is_deleted_while_it_is_current_is_gone(world: World) -> None:
    world.stream([{"id": "a"}])
    version = world.mark()
    world.stream([{"id": "b"}])
    world.switch(version)
    world.forget(version)
    for operation in ("get_version", "set_current_version", "delete_version"):
        with pytest.raises(NotFoundError):
            world.ask(operation, version=version)
    assert world.ask("current_version")["version_number"] > version
    world.check()


@pytest.mark.parametrize("size", [1, 100])
def test_writes_in_small_requests(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server is sent in many requests is as what it would be sent in one."""
    monkeypatch.setattr(commits, "_REQUEST_BYTES", size * commits._TEXT_BYTES)
    world = World("remote")
    world.ask("create_dense_index")
    dense = [{"id": id, "values": [number, 1, 2]} for number, id in enumerate("abcdef")]
    world.commit([dense[0], {"id": "b"}, *dense[2:4], "a", {"id": "c", "sparse_indices": [1], "sparse_values": [2.0]}])
    world.check()
    first = world.mark()
    world.commit([*dense, "e", "a", "b"])
    world.check()
    second = world.mark()
    world.stream([{"id": id, "document_id": "x"} for id in "abcdef"])
    for version in (first, second, first):
        world.switch(version)
        world.check()
    found = world.ask("search_dense", query_vector=[3, 1, 2], top_k=1)["results"]
    assert found[0]["id"] == "d"
    world.close()


def test_many_points_are_archived_and_revived(world: World) -> None:
    world.stream([{"id": number, "values": [number, 0, 1], "document_id": "x"} for number in range(2500)])
    version = world.mark()
    world.stream([{"id": number} for number in range(2500)])
    assert len(world.ask("find_vectors", document_id="x")) == 0
    assert len(world.ask("find_vectors", document_id="x", version=version)) == 2500
    assert world.ask("get_vector", id="2400", version=version)["dense_values"] == [2400.0, 0.0, 1.0]
    world.switch(version)
    found = world.ask("find_vectors", document_id="x")
    assert sorted(int(vector["id"]) for vector in found) == list(range(2500))
    assert world.ask("get_collection")["vectors_count"] == 2500
