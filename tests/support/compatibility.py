"""Calls every public name of the official client on ours, in four modes, and says how the answers compare.

``CASES`` is the declaration; ``cells`` runs it; ``page`` writes it down. What an answer is compared with: what the
official local mode answers to the same call, or, where that refuses, an expectation.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_client
from qdrant_client import grpc
from qdrant_client import models as m
from serving import served

from quiverdb.errors import UnsupportedError
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient

FACTS = Path(__file__).parent.parent / "qdrant" / "facts_methods.json"
PLAIN_NAMES = ("DEFAULT_BATCH_SIZE", "grpc_collections", "grpc_points", "http", "init_options")
REMOTE = ("remote REST", "remote gRPC")
SERVERS = ("server REST", "server gRPC")
MODES = ("memory", "disk", "async memory", "async disk", *REMOTE, *SERVERS)

Ask = Callable[[Any], Any]

EXACT, MISSING = "exact", "missing"
LOCAL, EXPECTED = "official local mode", "expectation"


@dataclass(frozen=True)
class Case:
    """How to call a method, and what may differ.

    ``expect`` judges the answer where the local mode is no measure. ``differs`` tells an intended difference of the
    answer, ``differs_async`` one between the asynchronous clients that the answer does not show. ``elsewhere`` tells
    why the name means nothing here; ``remote`` judges the answer where it does, in front of a server. ``alone`` marks
    what clients do without a server.
    """

    ask: Ask
    expect: Callable[[Any], bool] | None = None
    differs: str = ""
    differs_async: str = ""
    elsewhere: str = ""
    alone: bool = False
    remote: Callable[[Any], bool] | None = None


# --- what is called

NAME = "things"
VECTOR = [0.1, 0.9, 0.3, 0.2]
SPARSE = m.SparseVector(indices=[1, 4], values=[1.0, 0.5])
NEW = m.PointStruct(id=100, vector={"d": VECTOR, "s": SPARSE}, payload={"n": 100})
DENSE = m.VectorParams(size=4, distance=m.Distance.COSINE)
LOW = m.Filter(must=[m.FieldCondition(key="n", range=m.Range(lt=4))])


def prepare(client: Any, name: str = NAME) -> None:
    numbers = np.random.default_rng(5)
    client.create_collection(name, {"d": DENSE}, sparse_vectors_config={"s": m.SparseVectorParams()})
    points = [
        m.PointStruct(
            id=n,
            vector={
                "d": numbers.random(4).tolist(),
                "s": m.SparseVector(indices=[n % 5, 7], values=[1.0 + n, 0.25]),
            },
            payload={"n": n, "k": "abc"[n % 3], "t": "red fox" if n % 2 else "blue sky"},
        )
        for n in range(12)
    ]
    client.upsert(name, points)


def points_of(client: Any, name: str = NAME) -> Any:
    return client.scroll(name, limit=200, with_vectors=True)[0]


def then(change: Ask, look: Ask = points_of) -> Ask:
    """Ask for what a change answers, and for what is there afterwards."""
    return lambda client: (change(client), look(client))


def indexed(key: str, kind: m.PayloadSchemaType, ask: Ask) -> Ask:
    """Ask for what servers answer only from an index."""
    return lambda client: (client.create_payload_index(NAME, key, kind), ask(client))[1]


def described(client: Any, name: str = NAME) -> Any:
    """What the local mode tells of a collection besides constants."""
    info = client.get_collection(name)
    return info.points_count, info.config.params.vectors, info.config.params.sparse_vectors, info.config.metadata


def is_described(answer: Any) -> bool:
    return bool(answer.name) and answer.size > 0


def snapshot_cycle(make: str, listed: str, delete: str, *where: Any) -> dict[str, Case]:
    """Cases for the three methods of a kind of snapshot."""

    def made(client: Any) -> Any:
        return getattr(client, make)(*where)

    def names(client: Any) -> list[str]:
        return [snapshot.name for snapshot in getattr(client, listed)(*where)]

    def deleted(client: Any) -> Any:
        name = made(client).name
        return name in names(client), getattr(client, delete)(*where, name), name in names(client)

    return {
        make: Case(made, is_described),
        listed: Case(lambda client: made(client).name in names(client), lambda answer: bool(answer)),
        delete: Case(deleted, lambda answer: answer == (True, True, False)),
    }


def recovered(make: str, recover: str, *where: Any) -> Ask:
    def ask(client: Any) -> Any:
        before, snapshot = points_of(client), getattr(client, make)(NAME, *where)
        client.delete(NAME, list(range(6)))
        return getattr(client, recover)(NAME, *where, snapshot.name), points_of(client) == before

    return ask


def sharded(look: Ask) -> Ask:
    def ask(client: Any) -> Any:
        client.create_collection("sharded", DENSE, sharding_method=m.ShardingMethod.CUSTOM)
        client.create_shard_key("sharded", "a")
        return look(client)

    return ask


def shard_keys(client: Any) -> list[Any]:
    return [description.key for description in client.list_shard_keys("sharded").shard_keys]


def migrated(client: Any) -> Any:
    """Copy all collections to a client of the same kind."""
    target = client.another()
    try:
        client.migrate(target.inner)
        return points_of(target) == points_of(client)
    finally:
        target.close()


def closed(client: Any) -> Any:
    other = client.another()
    other.close()
    try:
        other.get_collections()
    except RuntimeError as error:
        return "closed" in str(error)
    return False


def upload(client: Any) -> Any:
    client.upload_points(NAME, [NEW], wait=True)


def aliased(client: Any) -> Any:
    made = m.CreateAlias(collection_name=NAME, alias_name="alias")
    return client.update_collection_aliases([m.CreateAliasOperation(create_alias=made)])


def renewed(client: Any) -> Any:
    return client.recreate_collection(NAME, DENSE)


RRF = m.FusionQuery(fusion=m.Fusion.RRF)
BRANCHES = [m.Prefetch(query=VECTOR, using="d", limit=5), m.Prefetch(query=SPARSE, using="s", limit=5)]
SET = m.SetPayloadOperation(set_payload=m.SetPayload(payload={"a": 1}, points=[2]))
REMOVE = m.DeleteOperation(delete=m.PointIdsList(points=[1]))
ONE_NODE = "a cluster of more than one node is needed; refused as a server alone refuses it"
LISTED = "models that need no download are listed too"
ALONE = "what the official client does without asking a server"
DIRECT = "answers come from the local database; there is no raw client"

CASES: dict[str, Case] = {
    "DEFAULT_BATCH_SIZE": Case(lambda c: c.DEFAULT_BATCH_SIZE, alone=True),
    "batch_update_points": Case(then(lambda c: c.batch_update_points(NAME, [SET, REMOVE]))),
    "clear_payload": Case(then(lambda c: c.clear_payload(NAME, LOW))),
    "close": Case(closed, alone=True),
    "cluster_collection_update": Case(
        lambda c: c.cluster_collection_update(NAME, m.DropReplicaOperation(drop_replica={"shard_id": 0, "peer_id": 1})),
        elsewhere=ONE_NODE,
    ),
    "cluster_status": Case(lambda c: c.cluster_status().status, lambda answer: answer == "disabled"),
    "cluster_telemetry": Case(lambda c: c.cluster_telemetry().collections, lambda answer: NAME in answer),
    "collection_cluster_info": Case(
        lambda c: c.collection_cluster_info(NAME).local_shards, lambda answer: answer[0].points_count == 12
    ),
    "collection_exists": Case(lambda c: (c.collection_exists(NAME), c.collection_exists("nothing"))),
    "count": Case(lambda c: (c.count(NAME), c.count(NAME, LOW))),
    "create_collection": Case(
        then(lambda c: c.create_collection("new", DENSE, metadata={"a": 1}), lambda c: described(c, "new"))
    ),
    "create_payload_index": Case(then(lambda c: c.create_payload_index(NAME, "n", m.PayloadSchemaType.INTEGER))),
    "create_shard_key": Case(sharded(shard_keys), lambda answer: answer == ["a"]),
    "create_vector_name": Case(
        then(
            lambda c: c.create_vector_name(
                NAME, "e", m.DenseVectorNameConfig(dense=m.DenseVectorConfig(size=2, distance=m.Distance.DOT))
            ),
            lambda c: sorted(c.get_collection(NAME).config.params.vectors),
        )
    ),
    "delete": Case(then(lambda c: c.delete(NAME, m.FilterSelector(filter=LOW)))),
    "delete_collection": Case(then(lambda c: c.delete_collection(NAME), lambda c: c.collection_exists(NAME))),
    "delete_payload": Case(then(lambda c: c.delete_payload(NAME, ["k"], [1, 2]))),
    "delete_payload_index": Case(then(lambda c: c.delete_payload_index(NAME, "n"))),
    "delete_shard_key": Case(
        sharded(then(lambda c: c.delete_shard_key("sharded", "a"), shard_keys)), lambda answer: answer == (True, [])
    ),
    "delete_vector_name": Case(then(lambda c: c.delete_vector_name(NAME, "s"))),
    "delete_vectors": Case(then(lambda c: c.delete_vectors(NAME, ["d"], [1, 2]))),
    "facet": Case(indexed("k", m.PayloadSchemaType.KEYWORD, lambda c: c.facet(NAME, "k"))),
    "get_aliases": Case(then(aliased, lambda c: c.get_aliases())),
    "get_collection": Case(described),
    "get_collection_aliases": Case(then(aliased, lambda c: c.get_collection_aliases(NAME))),
    "get_collections": Case(lambda c: c.get_collections()),
    "get_embedding_size": Case(
        lambda c: c.get_embedding_size("no such model"),
        differs_async="to be awaited; officially a plain function",
        alone=True,
    ),
    "get_optimizations": Case(lambda c: c.get_optimizations(NAME).running, lambda answer: isinstance(answer, list)),
    "grpc_collections": Case(
        lambda c: c.grpc_collections.List(grpc.ListCollectionsRequest()).collections,
        elsewhere=DIRECT,
        alone=True,
        remote=lambda answer: [found.name for found in answer] == [NAME],
    ),
    "grpc_points": Case(
        lambda c: c.grpc_points.Count(grpc.CountPoints(collection_name=NAME)).result.count,
        elsewhere=DIRECT,
        alone=True,
        remote=lambda answer: answer == 12,
    ),
    "http": Case(
        lambda c: c.http.collections_api.get_collections().result.collections,
        elsewhere=DIRECT,
        alone=True,
        remote=lambda answer: [found.name for found in answer] == [NAME],
    ),
    "info": Case(lambda c: c.info().version),
    "init_options": Case(lambda c: sorted(c.init_options), alone=True),
    "list_image_models": Case(lambda c: c.list_image_models(), alone=True),
    "list_late_interaction_multimodal_models": Case(lambda c: c.list_late_interaction_multimodal_models(), alone=True),
    "list_late_interaction_text_models": Case(lambda c: c.list_late_interaction_text_models(), alone=True),
    "list_shard_keys": Case(sharded(shard_keys), lambda answer: answer == ["a"]),
    "list_sparse_models": Case(lambda c: c.list_sparse_models(), differs=LISTED, alone=True),
    "list_text_models": Case(lambda c: c.list_text_models(), differs=LISTED, alone=True),
    "migrate": Case(migrated, lambda same: same),
    "overwrite_payload": Case(then(lambda c: c.overwrite_payload(NAME, {"a": 1}, [1, 2]))),
    "query_batch_points": Case(
        lambda c: c.query_batch_points(NAME, [m.QueryRequest(query=VECTOR, using="d", limit=3, with_payload=True)] * 2)
    ),
    "query_points": Case(
        lambda c: (
            c.query_points(NAME, VECTOR, using="d", query_filter=LOW, with_vectors=True),
            c.query_points(NAME, RRF, prefetch=BRANCHES, limit=3),
        )
    ),
    "query_points_groups": Case(lambda c: c.query_points_groups(NAME, "k", VECTOR, using="d", group_size=2)),
    "recover_current_peer": Case(lambda c: c.recover_current_peer(), elsewhere=ONE_NODE),
    "recover_shard_snapshot": Case(
        recovered("create_shard_snapshot", "recover_shard_snapshot", 0), lambda answer: answer == (True, True)
    ),
    "recover_snapshot": Case(recovered("create_snapshot", "recover_snapshot"), lambda answer: answer == (True, True)),
    "recreate_collection": Case(then(renewed, described)),
    "remove_peer": Case(lambda c: c.remove_peer(1), elsewhere=ONE_NODE),
    "retrieve": Case(lambda c: c.retrieve(NAME, [5, 1, 77], with_vectors=["s"])),
    "scroll": Case(
        indexed(
            "n",
            m.PayloadSchemaType.INTEGER,
            lambda c: (c.scroll(NAME, LOW, limit=3), c.scroll(NAME, order_by="n", limit=5)),
        )
    ),
    "search_matrix_offsets": Case(lambda c: c.search_matrix_offsets(NAME, using="d", sample=12, limit=2)),
    "search_matrix_pairs": Case(lambda c: c.search_matrix_pairs(NAME, using="d", sample=12, limit=2)),
    "set_payload": Case(then(lambda c: c.set_payload(NAME, {"a": {"b": 1}, "k": None}, LOW))),
    "update_collection": Case(then(lambda c: c.update_collection(NAME, metadata={"a": 1}), described)),
    "update_collection_aliases": Case(then(aliased, lambda c: c.count("alias"))),
    "update_vectors": Case(then(lambda c: c.update_vectors(NAME, [m.PointVectors(id=1, vector={"d": VECTOR})]))),
    "upload_collection": Case(then(lambda c: c.upload_collection(NAME, [{"d": VECTOR}], [{"a": 1}], [100], wait=True))),
    "upload_points": Case(then(upload)),
    "upsert": Case(then(lambda c: c.upsert(NAME, [NEW]))),
    **snapshot_cycle("create_snapshot", "list_snapshots", "delete_snapshot", NAME),
    **snapshot_cycle("create_shard_snapshot", "list_shard_snapshots", "delete_shard_snapshot", NAME, 0),
    **snapshot_cycle("create_full_snapshot", "list_full_snapshots", "delete_full_snapshot"),
}


def names() -> list[str]:
    """The public names of the official client."""
    return sorted({*json.loads(FACTS.read_text()), *PLAIN_NAMES})


# --- how it is called


class Direct:
    """A synchronous client of a database in memory, on disk, or behind a server of its own."""

    def __init__(self, kind: Any, where: str = "memory") -> None:
        self.kind, self.where = kind, where
        self.opened = ExitStack()
        self.folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory()))
        self.inner = kind(**self._options())

    def _options(self) -> dict[str, Any]:
        if self.where == "memory":
            return {"location": ":memory:"}
        if self.where == "disk":
            return {"path": str(self.folder / "db")}
        server = self.opened.enter_context(served(self.folder))
        return {"url": server.url, "grpc_port": server.grpc_port or 0, "prefer_grpc": self.where == "gRPC"}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def another(self) -> Any:
        """An empty client of the same kind."""
        return type(self)(self.kind, self.where)

    def close(self) -> None:
        with self.opened:
            self.close_client()

    def close_client(self) -> None:
        self.inner.close()


class Awaited(Direct):
    """An asynchronous client whose answers are awaited at once."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        return (lambda *args, **kwargs: awaited(value, args, kwargs)) if callable(value) else value

    def close_client(self) -> None:
        asyncio.run(self.inner.close())


def awaited(method: Any, args: Any, kwargs: Any) -> Any:
    async def call() -> Any:
        return await method(*args, **kwargs)

    return asyncio.run(call())


KINDS: Mapping[str, tuple[type[Direct], Any, str]] = {
    "memory": (Direct, QdrantClient, "memory"),
    "disk": (Direct, QdrantClient, "disk"),
    "async memory": (Awaited, AsyncQdrantClient, "memory"),
    "async disk": (Awaited, AsyncQdrantClient, "disk"),
    "remote REST": (Direct, QdrantClient, "REST"),
    "remote gRPC": (Direct, QdrantClient, "gRPC"),
    "server REST": (Direct, qdrant_client.QdrantClient, "REST"),
    "server gRPC": (Direct, qdrant_client.QdrantClient, "gRPC"),
    "official": (Direct, qdrant_client.QdrantClient, "memory"),
}


@contextmanager
def opened(mode: str) -> Iterator[Any]:
    wrapper, kind, where = KINDS[mode]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = wrapper(kind, where)
        try:
            yield client
        finally:
            client.close()


# --- how answers compare

CONSTANT = {"version", "operation_id"}
"""What the local mode has as constants in place of a server's numbers."""


def shown(part: Any) -> Any:
    """Return an answer as plain data of no package."""
    if hasattr(part, "model_dump"):
        part = part.model_dump(mode="json")
    if isinstance(part, dict):
        return {key: shown(value) for key, value in part.items() if value is not None and key not in CONSTANT}
    if isinstance(part, list | tuple):
        return [shown(item) for item in part]
    return round(part, 4) if isinstance(part, float) else part


@dataclass(frozen=True)
class Answer:
    value: Any = None
    error: Exception | None = None

    def equals(self, other: Answer) -> bool:
        """Tell whether the values are equal, or this error is of the other's class."""
        if self.error is not None or other.error is not None:
            return other.error is not None and isinstance(self.error, type(other.error))
        return bool(shown(self.value) == shown(other.value))

    def __str__(self) -> str:
        return repr(self.error) if self.error else str(shown(self.value))


def answer(client: Any, case: Case) -> Answer:
    """Prepare a collection anew and ask."""
    for collection in client.get_collections().collections:
        client.delete_collection(collection.name)
    prepare(client)
    try:
        return Answer(case.ask(client))
    except Exception as error:
        return Answer(error=error)


@cache
def official() -> dict[str, Answer]:
    """What the official local mode answers to each case."""
    with opened("official") as client:
        return {name: answer(client, case) for name, case in CASES.items()}


def refuses(error: Exception | None) -> bool:
    """Tell whether an error, of any client, says that there is no such thing here."""
    code = getattr(error, "code", None)
    status = code().name if callable(code) else getattr(error, "status_code", None)
    return isinstance(error, UnsupportedError) or status in (405, "UNIMPLEMENTED", "FAILED_PRECONDITION")


def cell(name: str, case: Case, mode: str, client: Any) -> str:
    """Call one name in one mode; raises ``AssertionError`` for a difference that nobody declared, or that is gone."""
    if not hasattr(KINDS[mode][1], name):
        return MISSING
    if case.alone and mode in SERVERS:
        return f"not applicable: {ALONE}"
    got, want = answer(client, case), official()[name]
    if case.remote is not None and mode in REMOTE:
        assert got.error is None, f"{name}, {mode}: {got}"
        assert case.remote(got.value), f"{name}, {mode}: {got}"
        return EXACT
    if case.elsewhere:
        assert refuses(got.error), f"{name}, {mode}: {got}"
        return f"not applicable: {case.elsewhere}"
    if case.expect is not None:
        assert got.error is None, f"{name}, {mode}: {got}"
        assert case.expect(got.value), f"{name}, {mode}: {got}"
        return EXACT
    assert got.equals(want) != bool(case.differs), f"{name}, {mode}: {got}\ninstead of {want}"
    declared = case.differs or (case.differs_async if mode.startswith("async") else "")
    return f"differs: {declared}" if declared else EXACT


@cache
def cells(mode: str) -> dict[str, str]:
    """The cells of one column; a failed comparison is told instead of a verdict."""
    found = {}
    with opened(mode) as client:
        for name in names():
            try:
                found[name] = cell(name, CASES[name], mode, client)
            except AssertionError as error:
                found[name] = f"WRONG {error}"
    return found


PAGE = """\
# Compatibility

Every public name of `QdrantClient` 1.20.0, called in several modes: `QdrantClient(":memory:")`, `QdrantClient(path=…)`,
both with `AsyncQdrantClient`, and in front of `quiverdb serve`: "remote" is our client, "server" the official one.
`python tools/gen_compatibility.py` runs the calls of
`tests/support/compatibility.py` and writes this page; a test fails where it is out of date.

- **exact**: the same answer as from the official local mode, or, where that refuses the call, what a server answers
  ("expectation"). Not compared are `version` and `operation_id`, which count here and are always 0 in the local mode.
- **differs**: how, on purpose.
- **not applicable**: why. The call raises an error that says so.
- **missing**: this release does not have the name.

| name | {modes} | compared with |
|---|{rules}---|
{rows}

{sums}
"""


def page() -> str:
    """Return the page with the results of a run."""
    columns = [cells(mode) for mode in MODES]
    rows = []
    for name in names():
        compared = EXPECTED if CASES[name].expect or CASES[name].elsewhere else LOCAL
        rows.append(f"| `{name}` | {' | '.join(column[name] for column in columns)} | {compared} |")
    verdicts = [column[name].split(":")[0] for column in columns for name in names()]
    counts = {kind: verdicts.count(kind) for kind in dict.fromkeys([EXACT, *sorted(verdicts)])}
    return PAGE.format(
        modes=" | ".join(MODES),
        rules="---|" * len(MODES),
        rows="\n".join(rows),
        sums="Cells: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()) + ".",
    )
