"""What is asked of a remote database is what the database behind the server is asked, and so are the answers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Loopback
from model_strategies import (
    alias_changes,
    answers,
    collection_infos,
    collection_patches,
    collection_specs,
    difference,
    facets,
    group_queries,
    matrices,
    queries,
    scrolls,
    writes,
)
from strategies import IDS, RELAXED, filters

from quiverdb.database import ScrollRequest
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.query import Query, Select
from quiverdb.model.result import Page, WriteResult
from quiverdb.model.snapshot import Snapshot
from quiverdb.model.write import CreateFieldIndex
from quiverdb.qdrant.response.collections import collection_info
from quiverdb.remote.database import RemoteDatabase

NAME = "docs"
Protocol = Literal["rest", "grpc"]
BOTH = pytest.mark.parametrize("protocol", ["rest", "grpc"])


class Recorder:
    """Stand for a database: keep what it is asked and answer what it is told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Any:
        def record(*arguments: Any, **options: Any) -> Any:
            self.asked.append((method, arguments, options))
            return self.answer(*arguments) if callable(self.answer) else self.answer

        return record

    def close(self) -> None:
        pass


def asked(
    method: str, *arguments: Any, answer: Any = None, protocol: Protocol = "rest", **options: Any
) -> tuple[list[Any], Any]:
    """Ask a remote database, and return what the one behind it was asked, and the answer."""
    recorder = Recorder(answer)
    database = RemoteDatabase(Loopback(recorder, protocol))
    found = getattr(database, method)(*arguments, **options)
    return recorder.asked, found


def check(method: str, *arguments: Any, answer: Any = None, protocol: Protocol = "rest", **options: Any) -> None:
    """Ask for something and compare what arrives with it."""
    calls, found = asked(method, *arguments, answer=answer, protocol=protocol, **options)
    ((name, given, others),) = calls
    assert name == method
    assert not difference(given, arguments)
    assert not difference(others, options)
    if not callable(answer):
        assert not difference(found, answer)


@BOTH
@settings(RELAXED, max_examples=40)
@given(st.lists(queries(), min_size=1, max_size=2), answers["hits"])
def test_queries(protocol: Protocol, given: list[Query], hits: list[Any]) -> None:
    calls, found = asked("query", NAME, given, answer=[hits] * len(given), protocol=protocol)
    ((_, (_, arrived), _),) = calls
    assert not difference(arrived, given)
    assert not difference(found, [as_asked(hits, query) for query in given])


def as_asked(points: Any, request: Any) -> Any:
    """Return points whose payloads and vectors, where they have none, are empty or ``None`` by what was asked for."""
    payload = None if request.with_payload is False else {}
    vectors = None if request.with_vectors is False else {}
    return [
        msgspec.structs.replace(point, payload=point.payload or payload, vectors=point.vectors or vectors)
        for point in points
    ]


@BOTH
@settings(RELAXED, max_examples=40)
@given(group_queries(), answers["groups"])
def test_groups(protocol: Protocol, given: Any, groups: Any) -> None:
    calls, found = asked("query_groups", NAME, given, answer=groups, protocol=protocol)
    ((_, (_, arrived), _),) = calls
    assert not difference(arrived, given)
    lookups = ScrollRequest(with_payload=given.lookup_with_payload, with_vectors=given.lookup_with_vectors)
    for got, group in zip(found, groups, strict=True):
        assert got.id == group.id
        assert not difference(got.hits, as_asked(group.hits, given.query))
        assert not difference([got.lookup], as_asked([group.lookup], lookups) if group.lookup else [None])


@BOTH
@RELAXED
@given(facets(), answers["facet"])
def test_facets(protocol: Protocol, given: Any, hits: Any) -> None:
    check("facet", NAME, given, answer=hits, protocol=protocol)


@BOTH
@RELAXED
@given(matrices(), answers["matrix"])
def test_matrices(protocol: Protocol, given: Any, matrix: Any) -> None:
    check("matrix", NAME, given, answer=matrix, protocol=protocol)


@BOTH
@RELAXED
@given(scrolls(), answers["page"])
def test_scrolls(protocol: Protocol, given: Any, page: Any) -> None:
    calls, found = asked("scroll", NAME, given, answer=page, protocol=protocol)
    ((_, (_, arrived), _),) = calls
    assert not difference(arrived, given)
    assert not difference(found, Page(as_asked(page.records, given), page.next))


@BOTH
@RELAXED
@given(st.lists(writes(), min_size=1, max_size=3), st.booleans(), answers["write"])
def test_writes(protocol: Protocol, given: list[Any], wait: bool, result: WriteResult) -> None:
    calls, found = asked(
        "write", NAME, given, wait=wait, answer=lambda _, operations: [result] * len(operations), protocol=protocol
    )
    arrived = [operation for _, (_, operations), _ in calls for operation in operations]
    assert not difference(arrived, given)
    assert {name for name, *_ in calls} == {"write"}
    assert all(options == {"wait": wait} for *_, options in calls)
    assert not difference(found, [result] * len(given))


@pytest.mark.parametrize(
    "index",
    [
        FieldIndex(FieldType.KEYWORD, prefix=False),
        FieldIndex(FieldType.TEXT, scoring=False),
        FieldIndex(FieldType.TEXT),
    ],
)
def test_options_that_are_off(index: FieldIndex) -> None:
    done = WriteResult(0, "completed")
    calls, _ = asked("write", NAME, [CreateFieldIndex("a", index)], answer=[done])
    assert calls == [("write", (NAME, [CreateFieldIndex("a", index)]), {"wait": True})]


@BOTH
@RELAXED
@given(st.lists(st.sampled_from(IDS), unique=True), answers["records"], answers["shards"])
def test_retrieving(protocol: Protocol, ids: list[Any], found: list[Any], shards: Any) -> None:
    found = [msgspec.structs.replace(record, id=id) for id, record in zip(ids, found, strict=False)]
    found = as_asked(found, ScrollRequest(with_vectors=True))
    check("retrieve", NAME, ids, Select(("a",)), ("image",), shard_keys=shards, answer=found, protocol=protocol)


@BOTH
@RELAXED
@given(st.none() | filters(), st.booleans(), answers["shards"])
def test_counting(protocol: Protocol, filter: Any, exact: bool, shards: Any) -> None:
    check("count", NAME, filter, exact=exact, shard_keys=shards, answer=7, protocol=protocol)


@BOTH
@RELAXED
@given(collection_specs())
def test_creating_collections(protocol: Protocol, spec: Any) -> None:
    check("create_collection", NAME, spec, protocol=protocol)


@BOTH
@RELAXED
@given(collection_patches())
def test_updating_collections(protocol: Protocol, patch: Any) -> None:
    check("update_collection", NAME, patch, protocol=protocol)


@RELAXED
@given(collection_infos())
def test_reports_of_collections(info: Any) -> None:
    """Settings that were not given come back with the values that the API promises, and everything else as it is."""
    _, found = asked("info", NAME, answer=info)
    assert collection_info(found) == collection_info(info)
    assert not difference(found.payload_schema, info.payload_schema)
    for name in ("vectors", "sparse_vectors", "quantization", "strict_mode", "metadata", "payload_memory"):
        assert not difference(getattr(found.spec, name), getattr(info.spec, name))
    _, again = asked("info", NAME, answer=found)
    assert not difference(again, found)


@BOTH
@RELAXED
@given(st.lists(alias_changes(), max_size=3))
def test_changing_aliases(protocol: Protocol, changes: list[Any]) -> None:
    check("update_aliases", changes, protocol=protocol)


@BOTH
@RELAXED
@given(answers["aliases"])
def test_aliases(protocol: Protocol, aliases: Any) -> None:
    check("aliases", answer=aliases, protocol=protocol)


@RELAXED
@given(answers["work"])
def test_background_work(report: Any) -> None:
    _, found = asked("work", NAME, answer=report)
    for part in ("running", "completed"):
        assert not difference(getattr(found, part), getattr(report, part))
    assert [(work.kind, work.points) for work in found.queued] == [(work.kind, work.points) for work in report.queued]
    assert (found.segment, found.points) == (report.segment, report.points)


@pytest.mark.parametrize(
    ("owner", "folder"),
    [
        ({"collection": None}, "/snapshots"),
        ({"collection": NAME}, "/collections/docs/snapshots"),
        ({"collection": NAME, "shard": 0}, "/collections/docs/shards/0/snapshots"),
    ],
)
def test_snapshots(owner: dict[str, Any], folder: str) -> None:
    kept = Snapshot("a b.snapshot", 1_700_000_000.0, 10, "abc", f"{folder}/a b.snapshot")
    calls, found = asked("create_snapshot", **owner, answer=kept)
    assert found == kept
    assert calls[0][2].pop("wait") is True
    calls, found = asked("snapshots", **owner, answer=[kept])
    assert found == [kept]
    calls, found = asked("create_snapshot", **owner, wait=False, answer=None)
    assert found is None
    assert calls[0][2].pop("wait") is False
    shard = {"shard": owner["shard"]} if "shard" in owner else {}
    calls, _ = asked("delete_snapshot", owner["collection"], "a b.snapshot", **shard)
    assert calls == [("delete_snapshot", (owner["collection"], "a b.snapshot"), shard)]


def test_recovery() -> None:
    calls: list[tuple[str, Any]] = []

    class Kept:
        def call(self, operation: str, arguments: Any) -> bool:
            calls.append((operation, arguments))
            return True

        def close(self) -> None:
            pass

    database = RemoteDatabase(Kept())
    database.recover_snapshot(NAME, "file:///a", checksum="ab", wait=False)
    database.recover_snapshot(NAME, "a.snapshot", shard=0)
    place: dict[str, Any] = {"collection_name": NAME}
    assert calls == [
        ("recover_snapshot", {**place, "location": "file:///a", "checksum": "ab", "wait": False}),
        ("recover_shard_snapshot", {**place, "shard_id": 0, "location": "a.snapshot", "wait": True}),
    ]


@pytest.mark.parametrize("key", [7, "7"])
def test_shard_keys(key: Any) -> None:
    check("create_shard_key", NAME, key)
    check("delete_shard_key", NAME, key)
    check("shard_keys", NAME, answer=[key, "a"])


@pytest.mark.parametrize("there", [True, False])
def test_existence(there: bool) -> None:
    check("has_collection", NAME, answer=there)
    check("delete_collection", NAME, answer=there)
    check("collection_names", answer=["a", "b"])
