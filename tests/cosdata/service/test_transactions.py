"""Transactions: one at a time and collection, seen by nobody before their commit, and all or nothing of them."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cosdata_world import World, contents, creation, shown

from quiverdb.cosdata.errors import ConflictError, NotFoundError, ValidationError
from quiverdb.cosdata.service.service import Service
from quiverdb.engine.database import EngineDatabase

KINDS = ("memory", "disk", "remote")


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    yield made
    made.close()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(clock: Clock) -> Iterator[World]:
    """A world in which ten seconds without use end a transaction."""
    made = World("memory")
    made.service = Service(made.database, transaction_timeout=10.0, clock=clock, now=clock)
    yield made
    made.close()


def begin(world: World, **arguments: Any) -> str:
    answer = world.ask("create_transaction", **arguments)
    assert re.fullmatch("0x[0-9A-F]{8}", answer["transaction_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", answer["created_at"])
    return str(answer["transaction_id"])


def ended(world: World, transaction: str, words: str) -> None:
    """Every operation refuses a transaction that has ended, and says how it ended."""
    before = contents(world.database)
    for operation, arguments in (
        ("upsert_in_transaction", {"vectors": [{"id": "late"}]}),
        ("add_to_transaction", {"vector": {"id": "late"}}),
        ("delete_in_transaction", {"id": "a"}),
        ("commit", {}),
        ("abort", {}),
    ):
        with pytest.raises(NotFoundError, match=f"^Transaction Not Found! .*{words}") as caught:
            world.ask(operation, transaction_id=transaction, **arguments)
        assert caught.value.status == 400
    assert contents(world.database) == before


# What a transaction does


def test_a_commit_is_seen_when_it_returns_and_not_before(world: World) -> None:
    vectors = [{"id": number, "values": [number, 1, 2]} for number in range(5)]
    before = contents(world.database)
    transaction = begin(world)
    world.ask("upsert_in_transaction", transaction_id=transaction, vectors=vectors)
    world.ask("add_to_transaction", transaction_id=transaction, vector={"id": "extra", "document_id": "x"})
    world.ask("delete_in_transaction", transaction_id=transaction, id="3")
    world.ask("delete_in_transaction", transaction_id=transaction, id="never there")
    assert contents(world.database) == before
    assert not world.ask("vector_exists", id=1)
    assert world.ask("commit", transaction_id=transaction) is None
    assert world.ask("get_collection")["vectors_count"] == 5
    assert world.ask("get_vector", id=1) == shown(vectors[1])
    assert not world.ask("vector_exists", id=3)
    world.reopen()
    if world.kind == "disk":
        assert [vector["id"] for vector in world.ask("find_vectors", document_id="x")] == ["extra"]


def test_the_last_of_several_changes_of_a_vector_counts(world: World) -> None:
    a, b = {"id": "a", "values": [1, 1, 1]}, {"id": "a", "values": [2, 2, 2], "document_id": "x"}
    for steps, last in (
        ([a, b], b),
        ([b, a], a),
        ([a, "a"], None),
        (["a", a], a),
        ([a, "a", b], b),
        ([a, b, "a"], None),
        ([{"id": "c"}, a, {"id": "d"}, b], b),
    ):
        world.commit(steps)
        assert world.ask("vector_exists", id="a") is (last is not None)
        if last is not None:
            assert world.ask("get_vector", id="a") == shown(last)
        world.check()
    transaction = begin(world)
    world.ask("upsert_in_transaction", transaction_id=transaction, vectors=[a, {"id": "e"}, b])
    world.ask("commit", transaction_id=transaction)
    assert world.ask("get_vector", id="a") == shown(b), "within one request, too"


def test_an_upsert_replaces_the_vector_as_a_whole(world: World) -> None:
    world.stream([{"id": "a", "values": [1, 2, 3], "metadata": {"k": 1}, "text": "t", "document_id": "x"}])
    world.commit([{"id": "a", "sparse_indices": [1], "sparse_values": [1.0]}])
    world.check()


def test_an_abort_after_a_partial_upload_leaves_nothing(world: World) -> None:
    world.stream([{"id": "a", "values": [1, 2, 3]}])
    before = contents(world.database)
    transaction = begin(world)
    for start in range(0, 1000, 200):
        vectors = [{"id": start + number, "values": [1, 2, 3]} for number in range(200)]
        world.ask("upsert_in_transaction", transaction_id=transaction, vectors=vectors)
    world.ask("delete_in_transaction", transaction_id=transaction, id="a")
    assert world.ask("abort", transaction_id=transaction) is None
    assert contents(world.database) == before
    assert world.ask("transaction_status", transaction_id=transaction)["status"] == "not_started"
    begin(world)


def test_status(world: World) -> None:
    transaction = begin(world)
    status = world.ask("transaction_status", transaction_id=transaction)
    assert status.keys() == {"status", "message", "last_updated"}
    assert (status["status"], status["message"]) == ("not_started", "Indexing has not started yet.")
    world.ask("upsert_in_transaction", transaction_id=transaction, vectors=[{"id": "a"}, {"id": "b"}])
    world.ask("delete_in_transaction", transaction_id=transaction, id="a")
    world.ask("commit", transaction_id=transaction)
    status = world.ask("transaction_status", transaction_id=transaction.lower().replace("0X", "0x"))
    assert status["status"] == "complete"
    stats = status["stats"]
    assert (stats["records_upserted"], stats["records_deleted"], stats["total_operations"]) == (2, 1, 3)
    assert (stats["percentage_complete"], stats["version_created"]) == (100.0, 1)
    assert status["started_at"] <= status["last_updated"]
    counted = world.ask("indexing_status")
    assert counted["total_transactions"] == counted["completed_transactions"] == 1
    assert counted["total_records_indexed_completed"] == 3
    world.stream([{"id": "c"}])
    assert world.ask("indexing_status")["total_transactions"] == 2


# One at a time


def test_a_collection_has_one_open_transaction(world: World) -> None:
    world.service.call("create_collection", creation("other"))
    transaction, other = begin(world), begin(world, collection="other")
    with pytest.raises(ConflictError, match="There is an on-going transaction!") as caught:
        begin(world)
    assert caught.value.status == 409
    world.stream([{"id": "streamed"}])
    world.ask("upsert_in_transaction", transaction_id=transaction, vectors=[{"id": "a"}])
    world.ask("commit", transaction_id=transaction)
    again = begin(world)
    assert len({transaction, other, again}) == 3
    assert world.ask("vector_exists", id="streamed")
    assert world.ask("vector_exists", id="a")


def test_a_transaction_that_has_ended(world: World) -> None:
    transaction = world.stage([{"id": "a"}])
    world.ask("commit", transaction_id=transaction)
    ended(world, transaction, "was committed")
    open_now = world.stage([{"id": "b"}])
    ended(world, transaction, "was committed")
    world.ask("abort", transaction_id=open_now)
    ended(world, open_now, "was aborted")


@pytest.mark.parametrize("id", ["0x00000000", "0xFFFFFFFF", "x", "", "0x1", "0x123456789", 5, ["0x00000000"]])
def test_unknown_ids_touch_no_other_transaction(world: World, id: Any) -> None:
    world.service.call("create_collection", creation("other"))
    foreign = begin(world, collection="other")
    transaction = world.stage([{"id": "a"}])
    for unknown in (id, foreign):
        for operation in ("commit", "abort", "transaction_status"):
            with pytest.raises(NotFoundError, match=r"^Transaction Not Found!") as caught:
                world.ask(operation, transaction_id=unknown)
            known_form = isinstance(unknown, str) and re.fullmatch("0x[0-9A-F]{8}", unknown)
            assert caught.value.status == (400 if known_form else 404)
    with pytest.raises(ConflictError):
        begin(world)
    world.ask("commit", transaction_id=transaction)
    assert world.ask("vector_exists", id="a")
    world.ask("commit", collection="other", transaction_id=foreign)


def test_a_restart_forgets_what_was_staged(world: World) -> None:
    transaction = world.stage([{"id": "a"}])
    world.reopen()
    with pytest.raises(NotFoundError, match="has none with the id"):
        world.ask("commit", transaction_id=transaction)
    begin(world)
    world.check()


def test_transactions_of_an_unknown_collection(world: World) -> None:
    with pytest.raises(NotFoundError) as caught:
        begin(world, collection="missing")
    assert (
        str(caught.value)
        == "Failed to create transaction due to Cache error: Collection 'missing' not found Not Found!"
    )
    assert caught.value.status == 400


def test_a_collection_that_was_deleted_takes_its_transaction_along(world: World) -> None:
    transaction = world.stage([{"id": "a"}])
    world.ask("delete_collection")
    world.service.call("create_collection", creation(world.name))
    with pytest.raises(NotFoundError, match="Transaction Not Found!"):
        world.ask("commit", transaction_id=transaction)
    assert not world.ask("vector_exists", id="a")
    begin(world)


def test_a_collection_that_was_replaced_behind_the_service(world: World) -> None:
    transaction = world.stage([{"id": "a"}])
    world.database.delete_collection(world.name)
    Service(world.database).call("create_collection", creation(world.name))
    with pytest.raises(NotFoundError, match="Transaction Not Found!"):
        world.ask("commit", transaction_id=transaction)
    assert not world.ask("vector_exists", id="a")


# Time


def test_a_transaction_times_out_when_it_is_not_used(timed: World, clock: Clock) -> None:
    transaction = timed.stage([{"id": "a"}])
    for _ in range(5):
        clock.seconds += 9
        timed.ask("add_to_transaction", transaction_id=transaction, vector={"id": "b"})
    clock.seconds += 10
    with pytest.raises(ConflictError):
        begin(timed)
    clock.seconds += 0.1
    ended(timed, transaction, "timed out, because it was not used for 10 seconds")
    assert timed.ask("transaction_status", transaction_id=transaction)["status"] == "not_started"
    assert not timed.ask("vector_exists", id="a")


def test_a_transaction_that_timed_out_frees_its_place(timed: World, clock: Clock) -> None:
    transaction = timed.stage([{"id": "a"}])
    clock.seconds += 11
    following = begin(timed)
    ended(timed, transaction, "timed out")
    timed.ask("add_to_transaction", transaction_id=following, vector={"id": "b"})
    timed.ask("commit", transaction_id=following)
    assert timed.ask("vector_exists", id="b")


def test_the_time_out_can_be_set_later(timed: World, clock: Clock) -> None:
    assert timed.service.transaction_timeout == 10.0
    timed.service.transaction_timeout = 100.0
    transaction = timed.stage([{"id": "a"}])
    clock.seconds += 50
    timed.ask("commit", transaction_id=transaction)
    timed.service.transaction_timeout = 1.0
    begin(timed)
    clock.seconds += 2
    begin(timed)


def test_asking_for_the_status_is_no_use(timed: World, clock: Clock) -> None:
    transaction = begin(timed)
    for _ in range(4):
        clock.seconds += 4
        timed.ask("transaction_status", transaction_id=transaction)
    begin(timed)


def test_only_the_last_thousand_transactions_are_remembered(timed: World) -> None:
    ids = []
    for _ in range(1002):
        ids.append(begin(timed))
        timed.ask("abort", transaction_id=ids[-1])
    begin(timed)
    for id in ids[-1000:]:
        assert timed.ask("transaction_status", transaction_id=id)["status"] == "not_started"
    with pytest.raises(NotFoundError):
        timed.ask("transaction_status", transaction_id=ids[0])


# Threads


def test_one_of_many_threads_gets_the_transaction() -> None:
    world = World("memory")
    together = threading.Barrier(8)

    def attempt(_: int) -> str:
        together.wait()
        try:
            return begin(world)
        except ConflictError:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(attempt, range(8)))
    assert outcomes["conflict"] == 7
    world.close()


def test_threads_stage_into_one_transaction() -> None:
    world = World("memory")
    transaction = begin(world)

    def stage(start: int) -> None:
        vectors = [{"id": start + number, "values": [start, number, 1]} for number in range(20)]
        world.ask("upsert_in_transaction", transaction_id=transaction, vectors=vectors)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(stage, range(0, 2000, 20)))
    world.ask("commit", transaction_id=transaction)
    assert world.ask("get_collection")["vectors_count"] == 2000
    for id in (0, 19, 777, 1999):
        assert world.ask("get_vector", id=id)["dense_values"] == [id // 20 * 20, id % 20, 1]
    world.close()


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_writers_in_threads_leave_whole_commits(kind: str) -> None:
    """Each commit writes its number to all vectors, so that readers see one number, and versions the ones in order."""
    world = World(kind)
    ids = list("abcdef")
    world.stream([{"id": id, "values": [0, 0, 0], "document_id": "d"} for id in ids])
    done = threading.Event()
    torn: list[Any] = []

    def write(start: int) -> None:
        for number in range(start, start + 15):
            world.ask("stream_upsert", vectors=[{"id": id, "values": [number] * 3, "document_id": "d"} for id in ids])
            if number % 5 == 0:
                world.ask("create_version", description=str(number))

    def read() -> None:
        while not done.is_set():
            found = world.ask("find_vectors", document_id="d")
            if len({tuple(vector["dense_values"]) for vector in found}) != 1 or len(found) != len(ids):
                torn.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (100, 200, 300, 400)))
    done.set()
    reader.join()
    assert not torn
    listed = world.ask("list_versions")["versions"]
    numbers = [version["version_number"] for version in listed]
    assert len(set(numbers)) == len(numbers)
    for version in listed:
        found = world.ask("find_vectors", document_id="d", version=version["version_number"])
        assert len({tuple(vector["dense_values"]) for vector in found}) == 1
        assert len(found) == len(ids) == version["vector_count"]
    world.close()


def test_a_commit_waits_for_what_is_being_staged_and_an_end_for_nobody() -> None:
    """Of a commit and an abort at the same time one succeeds, whichever it is."""
    world = World("memory")
    for _ in range(50):
        transaction = world.stage([{"id": "a"}])
        world.ask("stream_delete", id="a")
        together = threading.Barrier(2)
        outcomes: dict[str, bool] = {}

        def attempt(operation: str, transaction: str, together: threading.Barrier, outcomes: dict[str, bool]) -> None:
            together.wait()
            try:
                world.ask(operation, transaction_id=transaction)
                outcomes[operation] = True
            except NotFoundError:
                outcomes[operation] = False

        threads = [
            threading.Thread(target=attempt, args=(operation, transaction, together, outcomes))
            for operation in ("commit", "abort")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes.values()) == [False, True]
        assert world.ask("vector_exists", id="a") is outcomes["commit"]
    world.close()


# Services


def test_users_of_one_database_share_a_service() -> None:
    with EngineDatabase.open(":memory:") as database, EngineDatabase.open(":memory:") as other:
        service = Service.of(database)
        assert Service.of(database) is service
        assert Service.of(other) is not service
        service.call("create_collection", creation("docs"))
        transaction = service.call("create_transaction", {"collection": "docs"})["transaction_id"]
        Service.of(database).call("commit", {"collection": "docs", "transaction_id": transaction})
        service.close()
        service.close()
        assert Service.of(database).call("loaded_collections", {}) == ["docs"]


def test_a_service_that_nobody_uses_goes_and_leaves_the_database() -> None:
    with EngineDatabase.open(":memory:") as database:
        Service.of(database).call("create_collection", creation("docs"))
        assert Service.of(database).call("get_collection", {"collection": "docs"})["name"] == "docs"


def test_unknown_operations_and_missing_arguments(world: World) -> None:
    with pytest.raises(ValidationError, match="there is no operation 'fly'"):
        world.ask("fly")
    for operation, arguments, name in (
        ("get_vector", {}, "id"),
        ("upsert_in_transaction", {}, "transaction_id"),
        ("find_vectors", {}, "document_id"),
        ("set_current_version", {}, "version"),
        ("stream_upsert", {}, "vectors"),
    ):
        with pytest.raises(ValidationError, match=f"missing field `{name}`"):
            world.ask(operation, **arguments)
    with pytest.raises(ValidationError, match="missing field `collection`"):
        world.service.call("get_vector", {"id": "a"})
