"""What is asked of a remote database is what the database behind the server is asked, and so are the answers."""

from __future__ import annotations

from typing import Any

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
    facets,
    group_queries,
    matrices,
    queries,
    same,
    scrolls,
    writes,
)
from strategies import IDS, RELAXED, filters

from quiverdb.database import ScrollRequest
from quiverdb.model.query import Query, Select
from quiverdb.model.result import Page, WriteResult
from quiverdb.model.snapshot import Snapshot
from quiverdb.qdrant.response.collections import collection_info
from quiverdb.remote.database import RemoteDatabase

NAME = "docs"


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


def asked(method: str, *arguments: Any, answer: Any = None, **options: Any) -> tuple[list[Any], Any]:
    """Ask a remote database, and return what the one behind it was asked, and the answer."""
    recorder = Recorder(answer)
    database = RemoteDatabase(Loopback(recorder))
    found = getattr(database, method)(*arguments, **options)
    return recorder.asked, found


def check(method: str, *arguments: Any, answer: Any = None, **options: Any) -> None:
    """Ask for something and compare what arrives with it."""
    calls, found = asked(method, *arguments, answer=answer, **options)
    ((name, given, others),) = calls
    assert name == method
    assert same(given, arguments), (given, arguments)
    assert same(others, options)
    if not callable(answer):
        assert same(found, answer), (found, answer)


@settings(RELAXED, max_examples=60)
@given(st.lists(queries(), min_size=1, max_size=2), answers["hits"])
def test_queries(given: list[Query], hits: list[Any]) -> None:
    calls, found = asked("query", NAME, given, answer=[hits] * len(given))
    ((_, (_, arrived), _),) = calls
    assert same(arrived, given), (arrived, given)
    assert same(found, [as_asked(hits, query) for query in given])


def as_asked(points: Any, request: Any) -> Any:
    """Return points whose payloads and vectors, where they have none, are empty or ``None`` by what was asked for."""
    payload = None if request.with_payload is False else {}
    vectors = None if request.with_vectors is False else {}
    return [
        msgspec.structs.replace(point, payload=point.payload or payload, vectors=point.vectors or vectors)
        for point in points
    ]


@settings(RELAXED, max_examples=60)
@given(group_queries(), answers["groups"])
def test_groups(given: Any, groups: Any) -> None:
    calls, found = asked("query_groups", NAME, given, answer=groups)
    ((_, (_, arrived), _),) = calls
    assert same(arrived, given), (arrived, given)
    lookups = ScrollRequest(with_payload=given.lookup_with_payload, with_vectors=given.lookup_with_vectors)
    for got, group in zip(found, groups, strict=True):
        assert got.id == group.id
        assert same(got.hits, as_asked(group.hits, given.query))
        assert same([got.lookup], as_asked([group.lookup], lookups) if group.lookup else [None])


@RELAXED
@given(facets(), answers["facet"])
def test_facets(given: Any, hits: Any) -> None:
    check("facet", NAME, given, answer=hits)


@RELAXED
@given(matrices(), answers["matrix"])
def test_matrices(given: Any, matrix: Any) -> None:
    check("matrix", NAME, given, answer=matrix)


@RELAXED
@given(scrolls(), answers["page"])
def test_scrolls(given: Any, page: Any) -> None:
    calls, found = asked("scroll", NAME, given, answer=page)
    ((_, (_, arrived), _),) = calls
    assert same(arrived, given), (arrived, given)
    assert same(found, Page(as_asked(page.records, given), page.next))


@RELAXED
@given(st.lists(writes(), min_size=1, max_size=3), st.booleans(), answers["write"])
def test_writes(given: list[Any], wait: bool, result: WriteResult) -> None:
    calls, found = asked("write", NAME, given, wait=wait, answer=lambda _, operations: [result] * len(operations))
    arrived = [operation for _, (_, operations), _ in calls for operation in operations]
    assert same(arrived, given), (arrived, given)
    assert {name for name, *_ in calls} == {"write"}
    assert all(options == {"wait": wait} for *_, options in calls)
    assert same(found, [result] * len(given))


@RELAXED
@given(st.lists(st.sampled_from(IDS), unique=True), answers["records"], answers["shards"])
def test_retrieving(ids: list[Any], found: list[Any], shards: Any) -> None:
    found = [msgspec.structs.replace(record, id=id) for id, record in zip(ids, found, strict=False)]
    found = as_asked(found, ScrollRequest(with_vectors=True))
    check("retrieve", NAME, ids, Select(("a",)), ("image",), shard_keys=shards, answer=found)


@RELAXED
@given(st.none() | filters(), st.booleans(), answers["shards"])
def test_counting(filter: Any, exact: bool, shards: Any) -> None:
    check("count", NAME, filter, exact=exact, shard_keys=shards, answer=7)


@RELAXED
@given(collection_specs())
def test_creating_collections(spec: Any) -> None:
    check("create_collection", NAME, spec)


@RELAXED
@given(collection_patches())
def test_updating_collections(patch: Any) -> None:
    check("update_collection", NAME, patch)


@RELAXED
@given(collection_infos())
def test_reports_of_collections(info: Any) -> None:
    """Settings that were not given come back with the values that the API promises, and everything else as it is."""
    _, found = asked("info", NAME, answer=info)
    assert collection_info(found) == collection_info(info)
    assert same(found.payload_schema, info.payload_schema)
    for name in ("vectors", "sparse_vectors", "quantization", "strict_mode", "metadata", "payload_memory"):
        assert same(getattr(found.spec, name), getattr(info.spec, name)), name
    _, again = asked("info", NAME, answer=found)
    assert same(again, found)


@RELAXED
@given(st.lists(alias_changes(), max_size=3))
def test_changing_aliases(changes: list[Any]) -> None:
    check("update_aliases", changes)


@RELAXED
@given(answers["aliases"])
def test_aliases(aliases: Any) -> None:
    check("aliases", answer=aliases)


@RELAXED
@given(answers["work"])
def test_background_work(report: Any) -> None:
    _, found = asked("work", NAME, answer=report)
    for part in ("running", "completed"):
        assert same(getattr(found, part), getattr(report, part))
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
