"""Commits over several collections: whole or not at all, whatever fails and wherever a process ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import numpy as np
import pytest
from cosdata_interference import Interfering
from cosdata_world import World, contents, creation
from loopback import Gateway

from quiverdb.cosdata.errors import CosdataError, NotFoundError, ServerError, ValidationError
from quiverdb.cosdata.service import journal
from quiverdb.cosdata.service.changes import Batch, Removal
from quiverdb.cosdata.service.layout import JOURNAL
from quiverdb.cosdata.service.service import Service
from quiverdb.database import ScrollRequest
from quiverdb.errors import StorageError
from quiverdb.model.point import DenseColumn, SparseVector
from quiverdb.model.write import Delete

NAMES = ("a", "b", "c")
OLD = {"id": "old", "values": [1, 2, 3], "document_id": "d"}


class DeadError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(params=["memory", "disk", "remote"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param, NAMES[0])
    for name in NAMES[1:]:
        made.service.call("create_collection", creation(name))
    for name in NAMES:
        made.ask("stream_upsert", collection=name, vectors=[OLD, {"id": "gone"}])
        made.ask("create_version", collection=name)
    yield made
    made.close()


def stage(world: World, names: tuple[str, ...] = NAMES, number: int = 1) -> list[dict[str, str]]:
    """Stage the same changes in several collections, and return what commits them."""
    made = []
    for name in names:
        transaction = world.ask("create_transaction", collection=name)["transaction_id"]
        vectors = [{"id": id, "values": [number] * 3, "document_id": "d", "text": "red"} for id in ("old", "new")]
        world.ask("upsert_in_transaction", collection=name, transaction_id=transaction, vectors=vectors)
        terms = {"id": "terms", "sparse_indices": [3, 1], "sparse_values": [number, 2]}
        world.ask("add_to_transaction", collection=name, transaction_id=transaction, vector=terms)
        world.ask("delete_in_transaction", collection=name, transaction_id=transaction, id="gone")
        made.append({"collection": name, "transaction_id": transaction})
    return made


def committed(world: World, name: str, number: int = 1) -> bool:
    """Whether a collection has all of the changes; it must have all or none."""
    found = {
        vector["id"]: vector["dense_values"] for vector in world.ask("find_vectors", collection=name, document_id="d")
    }
    new = found.get("new") == [number] * 3
    assert found == ({"old": [number] * 3, "new": [number] * 3} if new else {"old": OLD["values"]})
    assert world.ask("vector_exists", collection=name, id="gone") is not new
    assert world.ask("vector_exists", collection=name, id="terms") is new
    assert world.ask("get_collection", collection=name)["vectors_count"] == (3 if new else 2)
    version = world.ask("list_versions", collection=name)["versions"][0]["version_number"]
    at_first = world.ask("find_vectors", collection=name, document_id="d", version=version)
    assert [(vector["id"], vector["dense_values"]) for vector in at_first] == [("old", OLD["values"])]
    assert world.ask("vector_exists", collection=name, id="gone", version=version)
    return new


def entries(world: World) -> int:
    return world.database.count(JOURNAL) if world.database.has_collection(JOURNAL) else 0


def test_all_are_seen_and_the_journal_is_empty(world: World) -> None:
    made = stage(world)
    assert world.ask("commit_together", transactions=made) is None
    assert all(committed(world, name) for name in NAMES)
    assert entries(world) == 0
    for one in made:
        assert world.ask("transaction_status", **one)["status"] == "complete"
        with pytest.raises(NotFoundError, match="was committed"):
            world.ask("abort", **one)
    listed = world.service.call("list_collections", {})["collections"]
    assert [collection["name"] for collection in listed] == list(NAMES), "the journal is not among them"
    world.reopen()
    assert all(committed(world, name) for name in NAMES)


def test_transactions_without_changes(world: World) -> None:
    empty = [{"collection": name, **world.ask("create_transaction", collection=name)} for name in NAMES[1:]]
    numbers = [world.ask("current_version", collection=name)["version_number"] for name in NAMES[1:]]
    world.ask("commit_together", transactions=[*stage(world, NAMES[:1]), *empty])
    assert [committed(world, name) for name in NAMES] == [True, False, False]
    assert [world.ask("current_version", collection=name)["version_number"] for name in NAMES[1:]] == numbers
    world.ask("commit_together", transactions=[])
    world.ask("create_transaction", collection="b")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"collection": "missing", "transaction_id": "0x00000000"}, "Collection 'missing' not found"),
        ({"collection": "c", "transaction_id": "0x00000000"}, "Transaction Not Found!"),
        ({"collection": "c"}, "missing field `transaction_id`"),
        ({"transaction_id": "0x00000000"}, "missing field `collection`"),
        ("0x00000000", "`transactions` is a list"),
        (None, "is named twice"),
    ],
)
def test_one_that_is_wrong_stops_all(world: World, wrong: Any, words: str) -> None:
    made = stage(world, ("a", "b"))
    before = contents(world.database)
    with pytest.raises(CosdataError) as caught:
        world.ask("commit_together", transactions=[*made, made[0] if wrong is None else wrong])
    assert words in str(caught.value)
    assert isinstance(caught.value, NotFoundError | ValidationError)
    assert contents(world.database) == before
    world.ask("commit_together", transactions=made)
    assert [committed(world, name) for name in NAMES] == [True, True, False]


def test_a_transaction_that_has_ended_stops_all(world: World) -> None:
    made = stage(world)
    world.ask("abort", **made[1])
    with pytest.raises(NotFoundError, match="was aborted"):
        world.ask("commit_together", transactions=made)
    assert not any(committed(world, name) for name in NAMES)
    world.ask("commit_together", transactions=[made[0], made[2]])
    assert [committed(world, name) for name in NAMES] == [True, False, True]


# Faults


class Fault:
    """Fails at the ``at``-th change of a database: before it is made, or after. The dead make no change after that."""

    def __init__(self, world: World, at: int, when: str, error: BaseException, patch: pytest.MonkeyPatch) -> None:
        self.left, self.when, self.error = at, when, error
        self.met = False
        if isinstance(world.database, Gateway):
            call = world.database.loopback.call
            changes = ("update", "batch_update_points", "upsert", "create_collection", "overwrite_payload", "delete")
            patch.setattr(
                world.database.loopback,
                "call",
                lambda operation, arguments: (
                    self(lambda: call(operation, arguments))
                    if operation.startswith(changes)
                    else call(operation, arguments)
                ),
            )
        else:
            for name in ("write", "create_collection"):
                made = getattr(world.database, name)
                patch.setattr(world.database, name, self._wrapped(made))

    def _wrapped(self, make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **options: self(lambda: make(*args, **options))

    def __call__(self, change: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left > 0 or (self.left < 0 and not isinstance(self.error, DeadError)):
            return change()
        self.met = True
        if self.left == 0 and self.when == "after":
            change()
        raise self.error


def numbers(world: World, names: tuple[str, ...]) -> list[int]:
    return [world.ask("current_version", collection=name)["version_number"] for name in names]


def outcomes(world: World) -> set[bool]:
    return {committed(world, name) for name in NAMES}


@pytest.mark.parametrize("names", [NAMES, NAMES[:1]])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_ends_at_any_change(world: World, when: str, names: tuple[str, ...]) -> None:
    """Another service finishes what was decided; the journal is empty then, and everything goes on."""
    seen = set()
    for at in range(1, 100):
        made, before = stage(world, names, number=at), numbers(world, names)
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault(world, at, when, DeadError(), patch)
            with suppress(DeadError):
                world.ask("commit_together", transactions=made)
        if not fault.met:
            break
        world.service = Service(world.database)
        [whole] = {_committed_anew(world, name, at) for name in names}
        assert numbers(world, names) == [number + whole for number in before]
        seen.add(whole)
        assert entries(world) == 0
    assert True in seen or (when == "before" and len(names) == 1)
    assert False in seen or when == "after"
    assert all(committed(world, name, at) for name in names)


def _committed_anew(world: World, name: str, number: int) -> bool:
    found = world.ask("find_vectors", collection=name, document_id="d")
    numbers = {tuple(vector["dense_values"]) for vector in found}
    whole = numbers == {(number, number, number)}
    assert whole or (number, number, number) not in numbers
    assert len(numbers) == 1
    if whole:
        assert committed(world, name, number)
    return whole


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failing_disk_or_network(world: World, when: str) -> None:
    """A failure before the decision leaves the transactions open; one after it is mended by the next operation."""
    error = StorageError("no space", path="there")
    decided = undecided = 0
    for at in range(1, 100):
        made = stage(world, number=at)
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault(world, at, when, error, patch)
            try:
                world.ask("commit_together", transactions=made)
            except ServerError as raised:
                sure = "decided" in str(raised)
        if not fault.met:
            break
        whole = {_committed_anew(world, name, at) for name in NAMES}
        if sure:
            decided += 1
            assert whole == {True}
            assert world.ask("transaction_status", **made[0])["status"] == "complete"
        else:
            undecided += 1
            assert world.ask("transaction_status", **made[0])["status"] == "not_started"
            if whole == {False}:
                world.ask("commit_together", transactions=made)
            assert {_committed_anew(world, name, at) for name in NAMES} == {True}
        assert entries(world) == 0
    assert decided > 2
    assert undecided > 0
    assert all(committed(world, name, at) for name in NAMES)


def test_recovery_that_fails_is_tried_again(world: World) -> None:
    made = stage(world)
    error = StorageError("no space", path="there")
    with pytest.MonkeyPatch.context() as patch:
        Fault(world, 4, "before", error, patch)
        with pytest.raises(ServerError, match="decided"):
            world.ask("commit_together", transactions=made)
    with pytest.MonkeyPatch.context() as patch:
        fault = Fault(world, 1, "before", error, patch)
        for _ in range(2):
            fault.left = 1
            with pytest.raises(ServerError, match="no space"):
                world.ask("get_vector", id="old")
        fault.left = 2
        with pytest.raises(ServerError, match="no space"):
            world.ask("stream_upsert", vectors=[{"id": "other"}])
    assert outcomes(world) == {True}
    assert entries(world) == 0


def test_writes_after_a_failure_come_after_what_was_decided(world: World) -> None:
    made = stage(world)
    with pytest.MonkeyPatch.context() as patch:
        Fault(world, 4, "before", StorageError("no space", path="there"), patch)
        with pytest.raises(ServerError, match="decided"):
            world.ask("commit_together", transactions=made)
    for name in NAMES:
        world.ask("stream_upsert", collection=name, vectors=[{"id": "old", "values": [9, 9, 9]}])
    for name in NAMES:
        assert world.ask("get_vector", collection=name, id="old")["dense_values"] == [9, 9, 9]
        assert world.ask("get_vector", collection=name, id="new")["dense_values"] == [1, 1, 1]


def test_collections_that_are_gone_are_left_out_of_recovery(world: World) -> None:
    made = stage(world)
    with pytest.MonkeyPatch.context() as patch:
        Fault(world, 3, "before", DeadError(), patch)
        with pytest.raises(DeadError):
            world.ask("commit_together", transactions=made)
    assert entries(world) == 1
    world.database.delete_collection("b")
    world.database.delete_collection("c")
    world.service = Service(world.database)
    assert committed(world, "a")
    assert entries(world) == 0


def test_a_collection_of_the_same_name_is_not_what_the_journal_means(world: World) -> None:
    made = stage(world)
    with pytest.MonkeyPatch.context() as patch:
        Fault(world, 3, "before", DeadError(), patch)
        with pytest.raises(DeadError):
            world.ask("commit_together", transactions=made)
    assert entries(world) == 1
    with closing(World("memory", "b")) as other:
        world.database.delete_collection("b")
        world.database.create_collection("b", other.database.spec("b"))
    world.service = Service(world.database)
    assert committed(world, "a")
    assert world.ask("get_collection", collection="b")["vectors_count"] == 0
    assert entries(world) == 0


def test_an_entry_without_all_pieces_was_never_decided(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_PIECE", 100)
    state = world.ask("current_version", collection="a")["version_number"]
    parts = [
        journal.Part("a", "uid", state + 1, [Batch([str(n) for n in range(50)], [{"id": str(n)} for n in range(50)])])
    ]
    journal.write(world.database, parts)
    assert entries(world) > 5
    [record, *_] = world.database.scroll(JOURNAL, ScrollRequest(limit=1)).records
    world.database.write(JOURNAL, [Delete((record.id,))])
    assert [parts for _, parts in journal.entries(world.database)] == [[]]
    world.service = Service(world.database)
    assert outcomes(world) == {False}
    assert entries(world) == 0


def test_the_journal_keeps_changes_as_they_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_PIECE", 64)
    rows = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    sparse = SparseVector(np.array([1, 9], np.uint32), np.array([0.5, -1], np.float32))
    some = Batch(
        ["x", "y", "z"],
        [{"id": "x", "metadata": {"k": 1}}, {"id": "y"}, {"id": "z"}],
        DenseColumn(rows, np.array([0, 2])),
        [None, sparse, None],
    )
    whole = Batch(["x", "y"], [{"id": "x"}, {"id": "y"}], DenseColumn(rows))
    name = journal.write(
        world.database, [journal.Part("a", "u", 7, [some, Removal(["ä", "x"]), whole]), journal.Part("b", "v", 8, [])]
    )
    [(found, [first, second])] = journal.entries(world.database)
    assert found == name
    assert (first.collection, first.uid, first.number) == ("a", "u", 7)
    assert (second.collection, second.uid, second.number, list(second.changes)) == ("b", "v", 8, [])
    again, removal, full = first.changes
    assert isinstance(again, Batch)
    assert isinstance(full, Batch)
    assert removal == Removal(["ä", "x"])
    assert (again.ids, again.payloads) == (some.ids, some.payloads)
    assert again.dense is not None
    assert full.dense is not None
    assert again.dense.positions is not None
    np.testing.assert_array_equal(again.dense.rows, rows)
    np.testing.assert_array_equal(again.dense.positions, [0, 2])
    assert full.dense.positions is None
    np.testing.assert_array_equal(full.dense.rows, rows)
    assert again.sparse is not None
    assert [value is not None for value in again.sparse] == [False, True, False]
    assert isinstance(again.sparse[1], SparseVector)
    np.testing.assert_array_equal(again.sparse[1].indices, sparse.indices)
    np.testing.assert_array_equal(again.sparse[1].values, sparse.values)
    assert full.sparse is None
    journal.remove(world.database, name)
    assert list(journal.entries(world.database)) == []


# Readers


def test_readers_wait_for_recovery() -> None:
    world = World("memory", "a")
    world.service.call("create_collection", creation("b"))
    world.ask("commit_together", transactions=stage(world, ("a", "b"), 1))
    made = stage(world, ("a", "b"), 2)
    with pytest.MonkeyPatch.context() as patch:
        Fault(world, 3, "before", DeadError(), patch)
        with pytest.raises(DeadError):
            world.ask("commit_together", transactions=made)
    seen: list[list[float]] = []

    def read() -> None:
        seen.extend(world.ask("get_vector", collection=name, id="old")["dense_values"] for name in ("a", "b"))

    reader = threading.Thread(target=read)

    def meanwhile() -> None:
        if threading.current_thread() is threading.main_thread() and not reader.ident:
            reader.start()
            reader.join(0.3)

    world.service = Service(Interfering(world.database, meanwhile, 1000))  # type: ignore[arg-type]
    world.ask("get_collection")
    reader.join()
    assert seen == [[2.0] * 3, [2.0] * 3]
    world.close()


@pytest.mark.parametrize("kind", ["memory", "remote"])
def test_who_sees_one_part_sees_all(kind: str) -> None:
    world = World(kind, "a")
    world.service.call("create_collection", creation("b"))
    done = threading.Event()
    wrong: list[tuple[float, float]] = []

    def number(name: str) -> float:
        return float(world.ask("get_vector", collection=name, id="old")["dense_values"][0])

    def read(first: str, second: str) -> None:
        while not done.is_set():
            seen, later = number(first), number(second)
            if later < seen:
                wrong.append((seen, later))

    world.ask("commit_together", transactions=stage(world, ("a", "b"), 1))
    readers = [threading.Thread(target=read, args=names) for names in (("a", "b"), ("b", "a"))]
    for reader in readers:
        reader.start()
    for value in range(2, 40):
        world.ask("commit_together", transactions=stage(world, ("a", "b"), value))
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong
    world.close()


def test_commits_of_shared_collections_do_not_wait_for_each_other_for_ever() -> None:
    world = World("memory", "a")
    for name in ("b", "c"):
        world.service.call("create_collection", creation(name))
    groups = [("a", "b"), ("b", "c"), ("c", "a")]
    failures: list[BaseException] = []

    def run(names: tuple[str, ...]) -> None:
        for value in range(15):
            while True:
                try:
                    made = stage(world, names, value)
                    break
                except CosdataError:
                    for name in names:
                        _abort(world, name)
            try:
                world.ask("commit_together", transactions=made[::-1])
            except NotFoundError:
                continue  # another thread aborted it
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=run, args=(names,)) for names in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not failures
    world.close()


def _abort(world: World, name: str) -> None:
    """End whatever transaction a collection has."""
    context = world.service._context
    uid = world.service._state({"collection": name}).settings.uid
    transaction = context.transactions.open_of(uid)
    if transaction is not None:
        try:
            world.ask("abort", collection=name, transaction_id=transaction.id)
        except NotFoundError:
            return
