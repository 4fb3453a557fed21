"""The remote database itself: requests, closing, and what it cannot do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback import Gateway

from quiverdb.database import AliasChange, ScrollRequest
from quiverdb.errors import (
    AlreadyExistsError,
    ClosedError,
    InvalidInputError,
    LimitError,
    NotFoundError,
    UnsupportedError,
)
from quiverdb.model.collection import (
    CollectionPatch,
    CollectionSpec,
    Distance,
    FieldIndex,
    FieldType,
    HnswSpec,
    SparseVectorSpec,
    StrictMode,
    VectorSpec,
)
from quiverdb.model.filter import Filter, GeoPoint, GeoRadius, HasId, MatchValue, Range
from quiverdb.model.point import DenseColumn, Points, SparseVector
from quiverdb.model.query import GroupQuery, Nearest, Query, Select
from quiverdb.model.write import (
    CreateFieldIndex,
    CreateVector,
    Delete,
    DeleteVector,
    OverwritePayload,
    SetPayload,
    Upsert,
    WriteOperation,
)

SPEC = CollectionSpec({"": VectorSpec(2, Distance.DOT)}, metadata={"a": 1})
WHOLE = Upsert(Points([1, 2, 3], {"": DenseColumn(np.eye(3, 2, dtype="f4"))}, [{"n": 1}, {"n": 2.5}, None]))


@pytest.fixture
def database() -> Iterator[Gateway]:
    with Gateway() as made:
        made.create_collection("docs", SPEC)
        yield made


def asked(database: Gateway, operations: list[WriteOperation]) -> list[str]:
    """Return the operations that a write asks a server for."""
    database.loopback.asked.clear()
    results = database.write("docs", operations)
    assert len(results) == len(operations)
    return database.loopback.asked


def test_catalogue(database: Gateway) -> None:
    database.create_collection("a", SPEC)
    with pytest.raises(AlreadyExistsError) as taken:
        database.create_collection("a", SPEC)
    assert (taken.value.kind, taken.value.name) == ("collection", "a")
    assert database.collection_names() == ["a", "docs"]
    assert database.delete_collection("a") is True
    assert database.delete_collection("a") is False
    with pytest.raises(NotFoundError) as missing:
        database.info("a")
    assert (missing.value.kind, missing.value.name) == ("collection", "a")
    database.update_aliases([AliasChange("now", "docs"), AliasChange("later", rename="now")])
    assert database.aliases() == {"later": "docs"}
    assert database.has_collection("later")
    assert not database.has_collection("now")


def test_one_operation_is_a_request_of_its_own(database: Gateway) -> None:
    assert asked(database, [WHOLE]) == ["upsert"]
    assert asked(database, [Delete((1,))]) == ["delete"]
    assert database.count("docs") == 2


def test_several_operations_on_points_are_one_request(database: Gateway) -> None:
    assert asked(database, [WHOLE, SetPayload((1,), {"a": 1}), Delete((2,))]) == ["batch_update_points"]
    assert database.retrieve("docs", [3, 1])[1].payload == {"n": 1, "a": 1}


def test_operations_on_schemas_keep_their_place(database: Gateway) -> None:
    index = CreateFieldIndex("n", FieldIndex(FieldType.INTEGER, bare=True))
    assert asked(database, [WHOLE, Delete((1,)), index, CreateVector("s", SparseVectorSpec()), Delete((2,))]) == [
        "batch_update_points",
        "create_payload_index",
        "create_vector_name",
        "delete",
    ]
    info = database.info("docs")
    assert info.payload_schema["n"].index == FieldIndex(FieldType.INTEGER, bare=True)
    assert info.spec.sparse_vectors == {"s": SparseVectorSpec()}
    assert asked(database, [DeleteVector("s")]) == ["delete_vector_name"]


def test_a_payload_is_overwritten_below_a_key_in_a_batch_of_one(database: Gateway) -> None:
    database.write("docs", [WHOLE, SetPayload((1,), {"deep": {"a": 1}})])
    assert asked(database, [OverwritePayload((1,), {"b": 2}, "deep")]) == ["batch_update_points"]
    with Gateway() as other:
        other.engine.create_collection("docs", SPEC)
        other.engine.write("docs", [WHOLE, SetPayload((1,), {"deep": {"a": 1}})])
        other.engine.write("docs", [OverwritePayload((1,), {"b": 2}, "deep")])
        want = other.engine.retrieve("docs", [1])[0].payload
    assert database.retrieve("docs", [1])[0].payload == want


def test_no_operation_asks_for_nothing(database: Gateway) -> None:
    assert asked(database, []) == []


@pytest.mark.parametrize("wait", [True, False])
def test_waiting(database: Gateway, wait: bool) -> None:
    (result,) = database.write("docs", [WHOLE], wait=wait)
    assert result.status == ("completed" if wait else "acknowledged")


def test_records_come_in_the_order_asked(database: Gateway) -> None:
    database.write("docs", [WHOLE])
    backwards: list[Any] = [3, 77, 1, 3, 2]
    assert [record.id for record in database.retrieve("docs", backwards)] == [3, 1, 2]

    class Sorted:
        """Answer in an order of its own, as a cluster does."""

        def call(self, operation: str, arguments: Any) -> Any:
            return sorted(database.loopback.call(operation, arguments), key=lambda record: record["id"])

    database._caller = Sorted()  # type: ignore[assignment]
    assert [record.id for record in database.retrieve("docs", backwards)] == [3, 1, 2]
    database._caller = database.loopback


def test_vectors_are_arrays_of_floats(database: Gateway) -> None:
    sparse = SparseVector(np.array([3, 9], "u4"), np.array([0.5, 0.1], "f4"))
    database.write("docs", [CreateVector("s", SparseVectorSpec())])
    database.write("docs", [Upsert(Points([1], {"": DenseColumn(np.ones((1, 2), "f4")), "s": [sparse]}))])
    (record,) = database.retrieve("docs", [1], with_vectors=True)
    assert record.vectors is not None
    dense, found = record.vectors[""], record.vectors["s"]
    assert isinstance(dense, np.ndarray)
    assert dense.dtype == np.float32
    assert isinstance(found, SparseVector)
    assert found.values.tolist() == sparse.values.tolist()
    assert (found.indices.dtype, found.values.dtype) == (np.uint32, np.float32)


@pytest.mark.parametrize("name", ["lt", "lte", "gt", "gte"])
@pytest.mark.parametrize("bound", [math.inf, -math.inf])
@pytest.mark.parametrize("other", [{}, {"gte": 2.0}, {"lt": 2.0}])
def test_infinite_bounds_mean_what_they_say(database: Gateway, name: str, bound: float, other: dict[str, Any]) -> None:
    database.write("docs", [WHOLE, SetPayload((3,), {"n": "text"})])
    chosen = Filter(must=(Range("n", **{**other, name: bound}),))
    assert database.count("docs", chosen) == database.engine.count("docs", chosen)


def test_infinite_numbers_elsewhere(database: Gateway) -> None:
    database.write("docs", [WHOLE, SetPayload((3,), {"place": {"lon": 1.0, "lat": 2.0}})])
    near = Filter(must=(GeoRadius("place", GeoPoint(50.0, 50.0), math.inf),))
    assert database.count("docs", near) == database.engine.count("docs", near) == 1
    for threshold in (math.inf, -math.inf):
        query = [Query(Nearest(np.ones(2, "f4")), score_threshold=threshold)]
        got, want = ([hit.id for hit in found.query("docs", query)[0]] for found in (database, database.engine))
        assert got == want
        assert len(got) == (0 if threshold > 0 else 3)


def test_limits_on_timeouts(database: Gateway) -> None:
    database.check_timeout("docs", 100)
    database.update_collection("docs", CollectionPatch(strict_mode=StrictMode(enabled=True, max_timeout=5)))
    database.check_timeout("docs", 5)
    with pytest.raises(LimitError) as caught:
        database.check_timeout("docs", 6)
    assert caught.value.limit == "max_timeout"
    database.update_collection("docs", CollectionPatch(strict_mode=StrictMode(enabled=False)))
    database.check_timeout("docs", 6)


def test_the_number_of_a_node(database: Gateway) -> None:
    assert database.peer() == database.engine.peer()
    database.delete_collection("docs")
    assert database.peer() == 0

    class Clustered:
        def call(self, operation: str, arguments: Any) -> Any:
            return {"status": "enabled", "peer_id": 42}

    database._caller = Clustered()  # type: ignore[assignment]
    assert database.peer() == 42
    database._caller = database.loopback


def test_snapshots(tmp_path: Path) -> None:
    with Gateway(str(tmp_path)) as database:
        database.create_collection("docs", SPEC)
        database.write("docs", [WHOLE])
        made = database.create_snapshot("docs")
        assert made is not None
        assert made.path == f"/collections/docs/snapshots/{made.name}"
        assert [found.name for found in database.snapshots("docs")] == [made.name]
        database.write("docs", [Delete((1, 2))])
        database.recover_snapshot("docs", made.name, checksum=made.checksum)
        assert database.count("docs") == 3
        with pytest.raises(InvalidInputError):
            database.recover_snapshot("docs", made.name, checksum="0" * 64)
        database.delete_snapshot("docs", made.name)
        with pytest.raises(NotFoundError) as missing:
            database.delete_snapshot("docs", made.name)
        assert (missing.value.kind, missing.value.name) == ("snapshot", made.name)


LATER = VectorSpec(2, Distance.DOT, hnsw=HnswSpec(m=4))


@pytest.mark.parametrize(
    "ask",
    [
        lambda database: database.recover_snapshot(None, "file:///a"),
        lambda database: database.recover_snapshot("docs", Path("a.snapshot")),
        lambda database: database.recover_snapshot("docs", "/tmp/a.snapshot"),
        lambda database: database.write("docs", [CreateVector("v", LATER)]),
        lambda database: database.write("docs", [CreateVector("s", SparseVectorSpec(on_disk=True))]),
        lambda database: database.create_collection("new", CollectionSpec({}, read_fan_out_factor=2)),
        lambda database: database.scroll("docs", ScrollRequest(with_payload=Select(("a",), ("b",)))),
        lambda database: database.query("docs", [Query(prefetch=(Query(offset=1),))]),
        lambda database: database.query("docs", [Query(prefetch=(Query(shard_keys=("a",)),))]),
        lambda database: database.query_groups("docs", GroupQuery(Query(offset=1), "n")),
    ],
)
def test_what_a_server_cannot_be_asked(database: Gateway, ask: Any) -> None:
    with pytest.raises(UnsupportedError) as caught:
        ask(database)
    assert caught.value.feature
    assert caught.value.backend


def test_closing(database: Gateway) -> None:
    assert repr(database) == "<RemoteDatabase qdrant://loopback>"
    database.close()
    database.close()
    assert database.loopback.closed == 1
    assert repr(database) == "<RemoteDatabase qdrant://loopback closed>"
    with pytest.raises(ClosedError, match="loopback"):
        database.count("docs")


def test_wrong_names_do_not_reach_the_server(database: Gateway) -> None:
    database.loopback.asked.clear()
    for name in ("", "..", "a\ud800"):
        with pytest.raises(InvalidInputError):
            database.count(name)


def test_names_with_odd_characters(database: Gateway) -> None:
    name = "a b&#%ü"
    database.create_collection(name, SPEC)
    database.write(name, [WHOLE])
    assert database.count(name, Filter(must=(HasId((1, 2)), MatchValue("n", 1)))) == 1
