"""Transactions of the client: when they begin and end, and what a server is sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
from cosdata_recorder import Recorder, async_recorded, recorded, turns

from quiverdb.cosdata import (
    Client,
    Collection,
    ConflictError,
    ConnectionFailedError,
    JointTransaction,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    Transaction,
    ValidationError,
    _transactions,
)
from quiverdb.cosdata._batches import MOST_BYTES, batches
from quiverdb.errors import ClosedError

FIRST = {"collection": "docs", "transaction_id": "0x00000001"}
VECTOR = {"id": "a", "values": [1.0, 2.0]}
COMMIT_FAILS = ServerError("the disk is full")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(recorder: Recorder) -> Iterator[Client]:
    with recorded(recorder) as client:
        yield client


@pytest.fixture
def docs(client: Client) -> Collection:
    return Collection(client, "docs")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(_transactions, "pause", waited.append)
    return waited


def many(count: int, **other: Any) -> list[dict[str, Any]]:
    return [{"id": number, "values": [1.0, 2.0], **other} for number in range(count)]


# --- one collection


def test_each_change_is_sent_at_once(recorder: Recorder, docs: Collection) -> None:
    txn = docs.create_transaction()
    txn.upsert_vector(VECTOR)
    txn.delete_vector(7).add_vector(8, [1.0], document_id="d", metadata={"n": 1}).upsert(VECTOR).commit()
    pieces = {"id": "8", "dense_values": [1.0], "document_id": "d", "metadata": {"n": 1}}
    assert recorder.calls == [
        ("create_transaction", {"collection": "docs"}),
        ("upsert_in_transaction", {**FIRST, "vectors": [VECTOR]}),
        ("delete_in_transaction", {**FIRST, "id": "7"}),
        ("add_to_transaction", {**FIRST, "vector": pieces}),
        ("upsert_in_transaction", {**FIRST, "vectors": [VECTOR]}),
        ("commit", FIRST),
    ]


def test_a_new_vector_is_only_stored_if_there_is_none(recorder: Recorder, docs: Collection) -> None:
    with docs.transaction() as txn:
        txn.create_vector(VECTOR)
        recorder.answers["vector_exists"] = True
        with pytest.raises(ConflictError, match="already exists: a"):
            txn.create_vector(VECTOR)
    assert recorder.operations.count("upsert_in_transaction") == 1


BEGIN: list[Callable[[Client], Any]] = [
    lambda client: Collection(client, "docs").transaction(),
    lambda client: Collection(client, "docs").create_transaction(),
    lambda client: client.transactions.create("docs"),
    lambda client: client.transactions.transaction("docs"),
    lambda client: Collection(client, "docs").create_index().transaction(),
    lambda client: Collection(client, "docs").create_index().create_transaction(),
    lambda client: Transaction(Collection(client, "docs")),
]


@pytest.mark.parametrize("begin", BEGIN)
def test_a_block_ends_with_a_commit(recorder: Recorder, client: Client, begin: Callable[[Client], Any]) -> None:
    with begin(client) as txn:
        txn.upsert_vector(VECTOR)
        assert txn.transaction_id == "0x00000001"
    assert recorder.operations[-3:] == ["create_transaction", "upsert_in_transaction", "commit"]


@pytest.mark.parametrize("begin", [*BEGIN, lambda client: client.transactions.create().upsert("docs", VECTOR)])
@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
@pytest.mark.parametrize("abort_fails", [False, True])
def test_a_block_that_fails_ends_with_an_abort_that_hides_nothing(
    recorder: Recorder,
    client: Client,
    begin: Callable[[Client], Any],
    failure: BaseException,
    abort_fails: bool,
) -> None:
    recorder.answers["abort"] = ServerError("abort failed") if abort_fails else None
    with pytest.raises(type(failure)) as caught, begin(client):
        raise failure
    assert caught.value is failure
    assert recorder.calls[-1] == ("abort", FIRST)
    assert "commit" not in recorder.operations
    assert client._open.all() == []


@pytest.mark.parametrize("begin", [BEGIN[0], lambda client: client.transactions.create().upsert("docs", VECTOR)])
@pytest.mark.parametrize("abort", [None, ServerError("abort failed")])
@pytest.mark.parametrize("failure", [COMMIT_FAILS, KeyboardInterrupt()])
def test_a_commit_that_fails_is_what_is_told(
    recorder: Recorder, client: Client, begin: Callable[[Client], Any], abort: Any, failure: BaseException
) -> None:
    recorder.answers |= {"commit": failure, "abort": abort}
    with pytest.raises(type(failure)) as caught, begin(client):
        pass
    assert caught.value is failure
    assert recorder.operations[-2:] == ["commit", "abort"]


@pytest.mark.parametrize("begin", [BEGIN[0], lambda client: client.transactions.create().upsert("docs", VECTOR)])
@pytest.mark.parametrize("end", ["commit", "abort"])
def test_a_transaction_that_ended_is_never_asked_about_again(
    recorder: Recorder, client: Client, begin: Callable[[Client], Any], end: str
) -> None:
    """Some servers drop the transaction that is open when they are told to end another one."""
    with begin(client) as txn:
        getattr(txn, end)()
    asked = len(recorder.calls)
    name = [] if isinstance(txn, Transaction) else ["docs"]
    for again in (txn.commit, txn.abort, lambda: txn.upsert(*name, [VECTOR])):
        with pytest.raises(NotFoundError, match=r"Transaction Not Found! .* before: begin a new one"):
            again()
    assert len(recorder.calls) == asked
    assert recorder.operations[-1] == end


def test_a_commit_that_failed_may_be_tried_again(recorder: Recorder, docs: Collection) -> None:
    recorder.answers["commit"] = turns(ConnectionFailedError("no route"), None)
    txn = docs.create_transaction()
    with pytest.raises(ConnectionFailedError):
        txn.commit()
    txn.commit()
    assert recorder.operations.count("commit") == 2


def test_callbacks_get_a_transaction(recorder: Recorder, docs: Collection) -> None:
    index = docs.create_index()
    assert index.transaction(lambda txn: txn.upsert(VECTOR).transaction_id) == "0x00000001"
    assert recorder.operations[-1] == "commit"
    with pytest.raises(ZeroDivisionError):
        index.transaction(lambda txn: 1 // 0)
    assert recorder.operations[-1] == "abort"


def test_closing_aborts_what_is_open(recorder: Recorder) -> None:
    with recorded(recorder) as client:
        kept = client.transactions.create().upsert("docs", VECTOR)
        Collection(client, "docs").create_transaction()
    assert recorder.operations[-2:] == ["abort", "abort"]
    assert recorder.closed == 1
    client.close()
    assert recorder.closed == 1
    with pytest.raises(NotFoundError):
        kept.commit()
    with pytest.raises(ClosedError, match="make a new one"):
        client.list_collections()


# --- status


def test_status_is_that_of_any_transaction(recorder: Recorder, docs: Collection) -> None:
    txn = docs.create_transaction()
    txn.get_status()
    txn.get_status(collection_name="other", transaction_id="0x00000009")
    assert recorder.calls[-2:] == [
        ("transaction_status", FIRST),
        ("transaction_status", {"collection": "other", "transaction_id": "0x00000009"}),
    ]


def test_polling_tells_the_last_status(recorder: Recorder, docs: Collection, pauses: list[float]) -> None:
    begun, done = {"status": "indexing_in_progress"}, {"status": "complete"}
    recorder.answers["transaction_status"] = turns(begun, begun, done)
    txn = docs.create_transaction()
    assert txn.poll_completion(max_attempts=2, sleep_interval=3.0) == ("indexing_in_progress", False)
    assert pauses == [3.0]
    assert txn.poll_completion(transaction_id="0x00000009") == ("complete", True)
    assert txn.poll_completion("indexing_in_progress", max_attempts=1) == ("complete", False)
    recorder.answers["transaction_status"] = NotFoundError("Transaction Not Found!", status=400)
    with pytest.raises(NotFoundError):
        txn.poll_completion()


def test_waiting_for_the_index(recorder: Recorder, client: Client, docs: Collection, pauses: list[float]) -> None:
    begun, done = {"status": "indexing_in_progress"}, {"status": "complete"}
    recorder.answers["transaction_status"] = turns(*[begun] * 9, done)
    with docs.transaction(wait=True):
        pass
    assert recorder.operations[-11:] == ["commit", *["transaction_status"] * 10]
    assert pauses == sorted(pauses)
    assert max(pauses) == 1.0
    txn = client.transactions.create().upsert("docs", VECTOR).upsert("other", VECTOR)
    txn.commit(wait=True)
    assert recorder.operations[-3:] == ["commit_together", "transaction_status", "transaction_status"]


def test_waiting_has_an_end(
    recorder: Recorder, docs: Collection, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transactions, "_PATIENCE", 0.0)
    recorder.answers["transaction_status"] = {"status": "indexing_in_progress"}
    with pytest.raises(RequestTimeoutError, match="was committed, but is not indexed"), docs.transaction(wait=True):
        pass
    assert "abort" not in recorder.operations


# --- several collections


def test_transactions_begin_with_the_first_change(recorder: Recorder, client: Client) -> None:
    with client.transactions.create() as txn:
        assert isinstance(txn, JointTransaction)
        assert recorder.calls == []
        txn.upsert("docs", [VECTOR]).upsert(collection_name="other", vectors=many(2)).delete("docs", 3)
    second = {"collection": "other", "transaction_id": "0x00000002"}
    assert recorder.calls == [
        ("create_transaction", {"collection": "docs"}),
        ("upsert_in_transaction", {**FIRST, "vectors": [VECTOR]}),
        ("create_transaction", {"collection": "other"}),
        ("upsert_in_transaction", {**second, "vectors": many(2)}),
        ("delete_in_transaction", {**FIRST, "id": "3"}),
        ("commit_together", {"transactions": [FIRST, second]}),
    ]


def test_one_collection_is_committed_alone(recorder: Recorder, client: Client) -> None:
    with client.transactions.create() as txn:
        txn.upsert("docs", [VECTOR])
    assert recorder.calls[-1] == ("commit", FIRST)


def test_nothing_is_sent_for_no_changes(recorder: Recorder, client: Client) -> None:
    with client.transactions.create():
        pass
    assert recorder.calls == []


def test_all_parts_are_aborted_even_if_one_cannot_be(recorder: Recorder, client: Client) -> None:
    recorder.answers["abort"] = turns(ServerError("first"), ServerError("second"), None)
    txn = client.transactions.create().upsert("a", VECTOR).upsert("b", VECTOR).upsert("c", VECTOR)
    with pytest.raises(ServerError, match="first"):
        txn.abort()
    assert recorder.operations[-3:] == ["abort"] * 3


def test_at_most_200_vectors(recorder: Recorder, client: Client) -> None:
    with client.transactions.create() as txn:
        txn.upsert("docs", many(150))
        with pytest.raises(
            ValidationError, match=r"200 vectors at most, and this would make 201.*batch_upsert_vectors"
        ):
            txn.upsert("other", many(51))
        txn.upsert("docs", iter(many(50)))
    assert recorder.operations == ["create_transaction", "upsert_in_transaction", "upsert_in_transaction", "commit"]


def test_what_a_server_refused_does_not_count(recorder: Recorder, client: Client) -> None:
    with client.transactions.create() as txn:
        recorder.answers["upsert_in_transaction"] = turns(ValidationError("wrong"), None)
        with pytest.raises(ValidationError, match="wrong"):
            txn.upsert("docs", many(200))
        txn.upsert("docs", many(200))


# --- by id


def test_transactions_end_by_their_ids(recorder: Recorder, client: Client, docs: Collection) -> None:
    first = client.transactions.create().upsert("docs", VECTOR).upsert("other", VECTOR)
    answer = client.transactions.commit(transaction_id=first.transaction_id)
    assert answer == {"transaction_id": first.transaction_id, "collections": ["docs", "other"]}
    second = docs.create_transaction()
    client.transactions.abort(second.transaction_id)
    assert recorder.calls[-1] == ("abort", {**FIRST, "transaction_id": "0x00000003"})
    for gone in (first.transaction_id, second.transaction_id, "0x00000077"):
        with pytest.raises(NotFoundError, match="Transaction Not Found!"):
            client.transactions.commit(gone)
    with pytest.raises(NotFoundError):
        second.upsert_vector(VECTOR)
    assert recorder.operations.count("commit") + recorder.operations.count("abort") == 1


def test_transactions_of_other_clients_end_by_id_and_collection(recorder: Recorder, client: Client) -> None:
    assert client.transactions.commit("0x00000077", "docs")["collections"] == ["docs"]
    client.transactions.abort("0x00000078", collection_name="docs")
    assert recorder.calls == [
        ("commit", {"collection": "docs", "transaction_id": "0x00000077"}),
        ("abort", {"collection": "docs", "transaction_id": "0x00000078"}),
    ]


def test_equal_ids_of_several_collections_are_told_apart(recorder: Recorder, client: Client) -> None:
    recorder.answers["create_transaction"] = {"transaction_id": "0x00000005"}
    for name in ("docs", "other"):
        client.transactions.create(name)
    with pytest.raises(ValidationError, match="give the name"):
        client.transactions.commit("0x00000005")
    client.transactions.commit("0x00000005", "other")
    client.transactions.commit("0x00000005")
    assert [arguments["collection"] for operation, arguments in recorder.calls[-2:]] == ["other", "docs"]


# --- many vectors


def test_parts_have_so_many_vectors(recorder: Recorder, docs: Collection) -> None:
    vectors = many(450)
    with docs.transaction() as txn:
        txn.batch_upsert_vectors(vectors, max_workers=1)
        txn.batch_size = 300
        txn.upsert(iter(vectors))
        txn.batch_upsert_vectors([])
    sent = [arguments["vectors"] for operation, arguments in recorder.calls if operation == "upsert_in_transaction"]
    assert [len(part) for part in sent] == [200, 200, 50, 300, 150]
    assert [*chain(*sent[:3])] == [*chain(*sent[3:])] == vectors


def test_an_embedded_database_gets_everything_as_it_is() -> None:
    recorder = Recorder()
    vectors = [{"id": number, "values": row} for number, row in enumerate(np.ones((450, 2)))]
    with recorded(recorder, embedded=True) as client, Collection(client, "docs").transaction() as txn:
        txn.batch_upsert_vectors(vectors)
    assert recorder.calls[1][1]["vectors"] is vectors


def test_parts_have_so_many_bytes() -> None:
    row = np.full(100_000, -1.2345678901234567e-100)
    vectors = [{"id": str(number), "dense_values": row, "text": "é" * 1000} for number in range(10)]
    parts = list(batches(vectors, 200))
    sizes = [len(json.dumps([{**one, "dense_values": one["dense_values"].tolist()} for one in part])) for part in parts]
    assert max(sizes) < 8 * 1024 * 1024
    assert min(sizes[:-1]) > MOST_BYTES * 0.6
    assert [one for part in parts for one in part] == vectors
    alone = [{"id": "a", "dense_values": np.ones(400_000)}] * 2
    assert [len(part) for part in batches(alone, 200)] == [1, 1]


def test_what_json_cannot_hold_is_left_to_whoever_writes_it() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    odd = [{"id": 1, "metadata": {"n": "\ud800"}}, {"id": 2, 3: 4}, {"id": 3, "metadata": deep}]
    assert list(batches(odd, 2)) == [odd[:2], odd[2:]]


def test_parts_are_sent_by_several_threads(recorder: Recorder, docs: Collection) -> None:
    meeting = threading.Barrier(4, timeout=20)
    recorder.answers["upsert_in_transaction"] = lambda _: meeting.wait() and None
    with docs.transaction() as txn:
        txn.batch_upsert_vectors(many(800), max_workers=4)
    assert recorder.operations.count("upsert_in_transaction") == 4


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    "failure",
    [ServerError("busy"), ConnectionFailedError("reset"), RequestTimeoutError("slow"), ValidationError("", status=429)],
)
def test_what_may_pass_is_tried_again(
    recorder: Recorder, docs: Collection, pauses: list[float], workers: int, failure: Exception
) -> None:
    recorder.answers["upsert_in_transaction"] = turns(failure, failure, None)
    with docs.transaction() as txn:
        txn.batch_upsert_vectors(many(3), max_workers=workers)
    assert recorder.operations.count("upsert_in_transaction") == 3
    assert pauses == [0.25, 0.5]


def test_tries_come_to_an_end(recorder: Recorder, docs: Collection, pauses: list[float]) -> None:
    recorder.answers["upsert_in_transaction"] = ServerError("busy")
    with pytest.raises(ServerError, match="busy"), docs.transaction() as txn:
        txn.batch_upsert_vectors(many(3), max_retries=4)
    assert recorder.operations.count("upsert_in_transaction") == 4
    assert pauses == [0.25, 0.5, 1.0]
    assert recorder.operations[-1] == "abort"


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_wrong_is_not_sent_again(
    recorder: Recorder, docs: Collection, pauses: list[float], workers: int
) -> None:
    wrong = ValidationError("Expected dimension of dense vector to be 2, found 3")
    recorder.answers["upsert_in_transaction"] = wrong
    with pytest.raises(ValidationError) as caught, docs.transaction() as txn:
        txn.batch_upsert_vectors(many(5000), max_workers=workers)
    assert caught.value is wrong
    assert recorder.operations.count("upsert_in_transaction") <= 3
    assert pauses == []


# --- asynchronous


def test_asynchronous_transactions_begin_when_awaited_or_entered() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with async_recorded(recorder) as client:
            begun = await client.transactions.create("docs")
            assert begun.transaction_id == "0x00000001"
            await begun.abort()
            async with client.transactions.create("docs") as txn:
                assert txn.transaction_id == "0x00000002"
                await txn.batch_upsert_vectors(many(450), max_workers=2)
            async with client.transactions.create() as joint:
                await joint.upsert("docs", VECTOR)
            lazily = client.transactions.create("docs")
            await lazily.upsert_vector(VECTOR)
            await client.transactions.commit(lazily.transaction_id)

    asyncio.run(main())
    assert recorder.operations == [
        *("create_transaction", "abort"),
        *("create_transaction", *["upsert_in_transaction"] * 3, "commit"),
        *("create_transaction", "upsert_in_transaction", "commit") * 2,
    ]


def test_a_cancelled_block_is_aborted() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with async_recorded(recorder) as client:

            async def work() -> None:
                async with client.transactions.create("docs"):
                    await asyncio.sleep(60)

            task = asyncio.create_task(work())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert recorder.operations == ["create_transaction", "abort"]

    asyncio.run(main())


def test_asynchronous_callbacks() -> None:
    recorder = Recorder()

    async def store(txn: Any) -> str:
        return str((await txn.upsert(VECTOR)).transaction_id)

    async def main() -> None:
        async with async_recorded(recorder) as client:
            index = await (await client.get_collection("docs")).create_index()
            assert await index.transaction(store) == "0x00000001"
            assert await index.transaction(lambda txn: txn.transaction_id) == "0x00000002"

    asyncio.run(main())
    assert recorder.operations[-2:] == ["create_transaction", "commit"]


def test_asynchronous_parts_fail_together() -> None:
    recorder = Recorder(upsert_in_transaction=ValidationError("wrong"))

    async def main() -> None:
        async with async_recorded(recorder) as client:
            with pytest.raises(ValidationError, match="wrong"):
                async with client.transactions.create("docs") as txn:
                    await txn.batch_upsert_vectors(many(5000), max_workers=2)

    asyncio.run(main())
    assert recorder.operations.count("upsert_in_transaction") <= 2
    assert recorder.operations[-1] == "abort"
