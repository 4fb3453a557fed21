"""Operations that take several requests, as servers lack what others have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cosdata_stub import ABSENT, Asked, said, serving, told

from quiverdb.cosdata.errors import ConnectionFailedError, NotFoundError, ServerError, ValidationError
from quiverdb.errors import UnsupportedError

Open = Callable[..., Any]

C = {"collection": "c"}
SUMMARY = {
    "name": "c",
    "description": "d",
    "dense_vector": {"enabled": True, "dimension": 3},
    "sparse_vector": {"enabled": False},
    "tf_idf_options": {"enabled": False},
    "vectors_count": 5,
    "dimension": 3,
}
VECTOR = {"id": "a", "dense_values": [1.0, 0.5]}
HIT = {"id": "a", "document_id": None, "score": 0.5, "text": None}
DONE = (204, {}, b"")
MANY = [{"collection": name, "transaction_id": f"0x{number:08X}"} for number, name in enumerate("abc")]


def names(asked: list[Asked]) -> list[str]:
    return [each.operation for each in asked]


def test_a_list_of_names_is_completed(open_backend: Open) -> None:
    def details(seen: Any) -> Any:
        name = seen.target.rpartition("/")[2]
        if name == "gone":
            return said("Collection Not Found!", 400)
        return told({**{key: value for key, value in SUMMARY.items() if key != "dimension"}, "name": name})

    listed = [{"name": name, "description": "d"} for name in ("c", "gone", "e")]
    with serving({"list_collections": told(listed), "get_collection": details}) as stub:
        given = open_backend(stub.url).call("list_collections", {})
    assert given == {"collections": [SUMMARY, {**SUMMARY, "name": "e"}]}


def test_a_version_is_looked_up_among_all_where_there_is_no_other_way(open_backend: Open) -> None:
    former = {"hash": 54321, "version_number": 1, "timestamp": 10, "vector_count": 2}
    with serving({"list_versions": told({"versions": [former], "current_hash": 54321})}) as stub:
        backend = open_backend(stub.url)
        for name in (1, "1", 54321, "54321"):
            assert backend.do("get_version", collection="c", version=name)["hash"] == 54321
        with pytest.raises(NotFoundError, match="'2'"):
            backend.do("get_version", collection="c", version=2)


READS: list[tuple[str, dict[str, Any], Any]] = [
    ("get_vector", {"id": "a"}, told(VECTOR)),
    ("find_vectors", {"document_id": "d"}, told([])),
    ("search_dense", {"query_vector": [1.0]}, told({"results": []})),
    ("batch_search_text", {"queries": ["a"]}, told({"responses": []})),
]


@pytest.mark.parametrize(("operation", "arguments", "answer"), READS, ids=[name for name, *_ in READS])
def test_a_former_version_is_not_mistaken_for_the_present(
    operation: str, arguments: dict[str, Any], answer: Any, open_backend: Open
) -> None:
    """Servers that keep no versions do not look at the field, and would answer of the present state."""
    with serving({operation: answer, "current_version": told({"version_number": 3, "vector_count": 1})}) as stub:
        backend = open_backend(stub.url)
        with pytest.raises(UnsupportedError, match="former version"):
            backend.call(operation, {**C, **arguments, "version": 2})
        assert operation not in stub.operations
        backend.call(operation, {**C, **arguments, "version": "3"})
        *_, last = stub.asked
        assert (last.operation, "version" in last.query or "version" in (last.body or {})) == (operation, False)
        assert stub.operations.count("get_version") == 1  # once is enough to know


@pytest.mark.parametrize(("operation", "arguments", "answer"), READS, ids=[name for name, *_ in READS])
def test_a_version_is_read_where_versions_are_kept(
    operation: str, arguments: dict[str, Any], answer: Any, open_backend: Open
) -> None:
    for told_of in (told({"version_number": 2}), said("Version 2 Not Found!", 404)):
        with serving({operation: answer, "get_version": told_of}) as stub:
            backend = open_backend(stub.url)
            for _ in range(2):
                backend.call(operation, {**C, **arguments, "version": 2})
            assert names(stub.asked) == ["get_version", operation, operation]
            last = stub.asked[-1]
            assert str(last.query.get("version") or last.body["version"]) == "2"


def test_transactions_are_committed_at_once_where_a_server_can(open_backend: Open) -> None:
    with serving({"commit_together": DONE}) as stub:
        assert open_backend(stub.url).do("commit_together", transactions=MANY) is None
        [asked] = stub.asked
    assert (asked.operation, asked.body) == ("commit_together", {"transactions": MANY})


def test_transactions_are_committed_in_turn_where_a_server_cannot(open_backend: Open) -> None:
    with serving({"commit": DONE}) as stub:
        assert open_backend(stub.url).do("commit_together", transactions=MANY) is None
        _, *asked = stub.asked
    assert [each.path for each in asked] == [
        f"/vectordb/collections/{each['collection']}/transactions/{each['transaction_id']}/commit" for each in MANY
    ]


@pytest.mark.parametrize("transactions", [MANY[:1], []])
def test_one_transaction_is_committed_as_such(transactions: Any, open_backend: Open) -> None:
    with serving({"commit": DONE}) as stub:
        open_backend(stub.url).do("commit_together", transactions=transactions)
        assert names(stub.asked) == ["commit"] * len(transactions)


def test_what_was_committed_before_an_error_is_told(open_backend: Open) -> None:
    lost = said("Transaction Not Found!", 400)
    with serving({"commit": [DONE, DONE, lost]}) as stub, pytest.raises(NotFoundError) as caught:
        open_backend(stub.url).do("commit_together", transactions=MANY)
    assert str(caught.value) == "Transaction Not Found! (committed before: a, b)"
    assert (caught.value.status, caught.value.body) == (400, "Transaction Not Found!")
    with serving({"commit": lost}) as stub, pytest.raises(NotFoundError, match=r"^Transaction Not Found!$"):
        open_backend(stub.url).do("commit_together", transactions=MANY)


def test_texts_are_searched_by_the_former_route_where_there_is_no_other(open_backend: Open) -> None:
    with serving({"batch-text": told({"responses": [{"results": [HIT]}]})}) as stub:
        given = open_backend(stub.url).do("batch_search_text", collection="c", queries=["a", "b"], top_k=3)
        *_, asked = stub.asked
    assert given == {"responses": [{"results": [HIT]}]}
    assert asked.path == "/vectordb/collections/c/search/batch-text"
    assert asked.body == {"query_texts": ["a", "b"], "top_k": 3, "return_raw_text": False}


@pytest.mark.parametrize("refused", [ConnectionResetError(), ABSENT], ids=["drop", "absent"])
def test_neighbors_are_searched_for_where_a_server_fails_to_tell(refused: Any, open_backend: Open) -> None:
    hits = [{**HIT, "id": name, "score": 1.0} for name in "bacdefghijkl"]
    answers = {"vector_neighbors": refused, "get_vector": told(VECTOR), "search_dense": told({"results": hits[:11]})}
    with serving(answers) as stub:
        near = open_backend(stub.url).do("vector_neighbors", collection="c", id="a")
        assert names(stub.asked) == ["vector_neighbors", "get_vector", "search_dense"]
        assert stub.asked[-1].body["query_vector"] == VECTOR["dense_values"]
        assert stub.asked[-1].body["top_k"] == 11
    assert near == [{"id": name, "score": 1.0} for name in "bcdefghijk"]


def test_neighbors_are_not_told_by_a_server_that_is_gone(open_backend: Open) -> None:
    gone = ConnectionResetError()
    with serving({"vector_neighbors": gone, "get_vector": gone}) as stub, pytest.raises(ConnectionFailedError):
        open_backend(stub.url).do("vector_neighbors", collection="c", id="a")
    with serving({"vector_neighbors": said("no", 500)}) as stub, pytest.raises(ServerError):
        open_backend(stub.url).do("vector_neighbors", collection="c", id="a")


def test_what_has_no_dense_values_has_no_neighbors(open_backend: Open) -> None:
    with serving({"vector_neighbors": ABSENT, "get_vector": told({"id": "7"})}) as stub, pytest.raises(ValidationError):
        open_backend(stub.url).do("vector_neighbors", collection="c", id="7")
