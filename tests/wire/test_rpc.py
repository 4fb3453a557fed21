"""Operations over gRPC: the messages of the official client, and what it makes of the replies."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
import pytest
from examples import Examples
from official_examples import SPECIAL, bare, without_old_threads
from qdrant_client import grpc as official
from qdrant_client.http.models import models as rest
from qdrant_client.qdrant_remote import QdrantRemote

from quiverdb.errors import InvalidInputError, UnsupportedError
from quiverdb.qdrant import QdrantClient
from quiverdb.qdrant.response.plain import answer
from quiverdb.wire import rpc
from quiverdb.wire.messages import SERVICES, message
from quiverdb.wire.operations import LEGACY, OPERATIONS, Operation

SEEDS = range(8)
FEWEST = 3
OVER_GRPC = sorted(name for name, operation in OPERATIONS.items() if operation.rpc is not None)

KINDS: dict[str, Any] = {
    "collection_name": str,
    "consistency": rest.ReadConsistency | None,
    "exact": bool,
    "group_by": str,
    "group_size": int,
    "ids": list[rest.ExtendedPointId],
    "key": str,
    "keys": list[str],
    "limit": int,
    "lookup_from": rest.LookupLocation | None,
    "offset": int | None,
    "order_by": rest.OrderByInterface | None,
    "ordering": rest.WriteOrdering | None,
    "payload": dict[str, Any],
    "points": list[rest.PointStruct],
    "points_selector": rest.PointsSelector,
    "prefetch": list[rest.Prefetch] | None,
    "query": rest.Query | None,
    "requests": list[rest.QueryRequest],
    "sample": int,
    "score_threshold": float | None,
    "search_params": rest.SearchParams | None,
    "shard_key_selector": rest.ShardKeySelector | None,
    "timeout": int | None,
    "update_mode": rest.UpdateMode | None,
    "update_operations": list[rest.UpdateOperation],
    "using": str | None,
    "vectors": list[str],
    "wait": bool,
    "with_lookup": rest.WithLookupInterface | None,
    "with_payload": rest.WithPayloadInterface,
    "with_vectors": bool | list[str],
    # collections
    "change_aliases_operations": list[rest.AliasOperations],
    "cluster_operation": rest.ClusterOperations,
    "collection_params": rest.CollectionParamsDiff | None,
    "field_name": str,
    "field_schema": rest.PayloadFieldSchema,
    "hnsw_config": rest.HnswConfigDiff | None,
    "id_tracker": rest.IdTrackerParams | None,
    "initial_state": rest.ReplicaState | None,
    "metadata": dict[str, Any] | None,
    "on_disk_payload": bool | None,
    "optimizers_config": rest.OptimizersConfigDiff | None,
    "placement": list[int] | None,
    "quantization_config": rest.QuantizationConfig | None,
    "replication_factor": int | None,
    "shard_key": rest.ShardKey,
    "shard_number": int | None,
    "sharding_method": rest.ShardingMethod | None,
    "shards_number": int | None,
    "snapshot_name": str,
    "sparse_vectors_config": dict[str, rest.SparseVectorParams] | None,
    "strict_mode_config": rest.StrictModeConfig | None,
    "vector_name": str,
    "vector_name_config": rest.VectorNameConfig,
    "vectors_config": rest.VectorsConfig,
    "wal_config": rest.WalConfigDiff | None,
    **{f"{what}_filter": rest.Filter | None for what in ("count", "facet", "query", "scroll", "update")},
}
"""What arguments are made of."""

CHOICE = list[rest.ExtendedPointId] | rest.Filter
OTHER_KINDS: dict[tuple[str, str], Any] = {
    ("scroll", "offset"): rest.ExtendedPointId | None,
    ("update_vectors", "points"): list[rest.PointVectors],
    ("create_collection", "payload"): rest.PayloadStorageParams | None,
    ("update_collection", "vectors_config"): dict[str, rest.VectorParamsDiff] | None,
    ("update_collection", "quantization_config"): rest.QuantizationConfigDiff | None,
    **{(name, "points"): CHOICE for name in ("delete_vectors", "set_payload", "overwrite_payload", "delete_payload")},
}

NOT_SENT = {"cluster_operation": (rest.StartReshardingOperation, rest.AbortReshardingOperation)}
"""What gRPC lacks."""


def arguments_for(operation: Operation, seed: int) -> dict[str, Any]:
    """Return arguments as a program gives them, complete."""
    examples = Examples(seed, SPECIAL)
    arguments = {}
    for name, parameter in inspect.signature(getattr(QdrantClient, operation.name)).parameters.items():
        kind = OTHER_KINDS.get((operation.name, name)) or KINDS.get(name)
        if kind is not None:
            arguments[name] = examples.make(kind)
            while isinstance(arguments[name], NOT_SENT.get(name, ())):
                arguments[name] = examples.make(kind)
        elif parameter.default is not inspect.Parameter.empty:
            arguments[name] = parameter.default
    arguments.pop("self", None)
    return {name: value for name, value in arguments.items() if name in asked(operation)}


def asked(operation: Operation) -> set[str]:
    return {*operation.body, *operation.query, *rpc.rest.path_arguments(operation.path)}


class Recorder:
    """Stand for the server: keep requests, return one reply."""

    reply: Any = None

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def __getattr__(self, method: str) -> Any:
        def call(request: Any, **options: Any) -> Any:
            self.requests.append(request)
            return self.reply

        return call


class Recorded(QdrantRemote):
    """The official client in front of a recorder."""

    def __init__(self) -> None:
        super().__init__(prefer_grpc=True, check_compatibility=False)
        self.recorder = Recorder()

    grpc_points = grpc_collections = grpc_snapshots = grpc_root = property(lambda self: self.recorder)


@cache
def recorded() -> Recorded:
    return Recorded()


def result_kind(result: str) -> Any:
    if result.endswith("[]"):
        return list[result_kind(result[:-2])]  # type: ignore[misc]
    return bool if result == "bool" else getattr(rest, result)


def some_reply(operation: Operation, seed: int) -> Any:
    """Return an official reply of an operation."""
    result = Examples(seed, SPECIAL).make(result_kind(operation.result))
    name = rpc.messages_of(operation).reply.DESCRIPTOR.name
    return getattr(official, name).FromString(rpc.reply_message(operation, result, 0.25).SerializeToString())


def exchange(operation: Operation, seed: int) -> tuple[dict[str, Any], Any, Any, Any] | None:
    """Return arguments, and the official request, reply and result; ``None`` if the official client refuses."""
    arguments = arguments_for(operation, seed)
    recorder = recorded().recorder
    recorder.reply = some_reply(operation, seed)
    method = getattr(recorded(), operation.name)
    hints = inspect.signature(method).parameters
    try:
        result = method(**{name: value for name, value in arguments.items() if name in hints})
    except (ValueError, AttributeError, AssertionError):
        return None
    return arguments, recorder.requests[-1], recorder.reply, result


@pytest.mark.parametrize("name", OVER_GRPC)
def test_requests_and_results_are_the_official_ones(name: str) -> None:
    operation = OPERATIONS[name]
    compared = 0
    for seed in SEEDS:
        made = exchange(operation, seed)
        if made is None:
            continue
        arguments, request, reply, result = made
        ours = rpc.request_message(operation, arguments)
        assert ours == type(ours).FromString(without_old_threads(request).SerializeToString())
        plain = rpc.result_of(operation, rpc.messages_of(operation).reply.FromString(reply.SerializeToString()))
        assert bare(answer(operation, plain)) == bare(result)
        compared += 1
    assert compared >= FEWEST


def same(ours: Any, theirs: Any) -> bool:
    """Compare arguments, in which vectors may be arrays of 32-bit floats."""
    if isinstance(ours, np.ndarray):
        return np.array_equal(ours, np.asarray(theirs, dtype=np.float32))
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(item, theirs[key]) for key, item in ours.items())
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


@pytest.mark.parametrize("name", OVER_GRPC)
def test_a_server_reads_what_a_client_asked_for(name: str) -> None:
    operation = OPERATIONS[name]
    for seed in SEEDS:
        message = rpc.request_message(operation, arguments_for(operation, seed))
        arguments = rpc.arguments_of(operation, message)
        assert arguments.keys() <= asked(operation)
        again = rpc.request_message(operation, arguments)
        assert same(rpc.arguments_of(operation, again), arguments)
        if "wait" not in operation.left_out or message.HasField("wait"):
            assert again == message


def test_every_procedure_has_an_operation() -> None:
    procedures = {
        f"{service}/{method}" for service, methods in SERVICES.items() if "." not in service for method in methods
    }
    assert set(rpc.BY_RPC) == procedures


def test_what_requests_leave_out_is_what_servers_take_it_for() -> None:
    asked = message("QueryPoints")(collection_name="docs")
    assert rpc.arguments_of(OPERATIONS["query_points"], asked) == {"collection_name": "docs", "with_payload": False}


def test_shard_keys_in_selectors_reach_the_message() -> None:
    selector = rest.PointIdsList(points=[1], shard_key="a")
    asked = rpc.request_message(OPERATIONS["delete"], {"collection_name": "docs", "points_selector": selector})
    assert asked.shard_key_selector.shard_keys[0].keyword == "a"


OLD_ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "search": [
        {"query_vector": [0.5, 1.0], "limit": 3, "with_payload": True},
        {"query_vector": {"name": "a", "vector": [0.5]}, "limit": 3, "with_payload": ["x"], "offset": 2},
        {"query_vector": {"indices": [7], "values": [0.5]}, "limit": 3, "with_payload": False},
        {"query_vector": {"name": "s", "vector": {"indices": [7], "values": [0.5]}}, "limit": 3, "with_payload": True},
    ],
    "search_groups": [
        {"query_vector": [0.5], "limit": 3, "group_by": "city", "group_size": 2, "with_payload": True, "consistency": 2}
    ],
    "recommend": [
        {
            "positive": [1, "00000000-0000-0000-0000-000000000001", [0.5, 1.0]],
            "negative": [{"indices": [3], "values": [1.0]}],
            "strategy": "best_score",
            "limit": 3,
            "with_payload": True,
            "query_filter": {"must": [{"key": "a", "match": {"value": 1}}]},
            "using": "v",
            "lookup_from": {"collection": "other", "vector": "w"},
        }
    ],
    "recommend_groups": [
        {"positive": [1], "negative": [], "limit": 3, "group_by": "a", "group_size": 1, "with_payload": True}
    ],
    "discover": [
        {"target": 5, "context": [{"positive": 1, "negative": [0.5]}], "limit": 3, "with_payload": True},
        {"target": [0.5], "limit": 3, "with_payload": True, "search_params": {"exact": True}, "timeout": 4},
    ],
    "search_batch": [
        {"requests": [{"vector": [0.5], "limit": 2}, {"vector": {"name": "a", "vector": [1.0]}, "limit": 1}]}
    ],
    "recommend_batch": [{"requests": [{"positive": [1], "negative": [[0.5]], "limit": 2}]}],
    "discover_batch": [{"requests": [{"target": 1, "limit": 2}]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given"), [(name, given) for name, several in OLD_ARGUMENTS.items() for given in several]
)
def test_procedures_of_former_years_are_read(name: str, given: dict[str, Any]) -> None:
    operation = LEGACY[name]
    arguments = {"collection_name": "docs", **given}
    found = rpc.arguments_of(operation, rpc.request_message(operation, arguments))
    assert same(found, arguments)
    assert set(found) <= set(inspect.signature(getattr(QdrantClient, name)).parameters)


def test_all_procedures_of_former_years_were_tried() -> None:
    assert OLD_ARGUMENTS.keys() == LEGACY.keys()


def test_messages_of_older_clients_are_read() -> None:
    asked = official.SearchPoints(
        collection_name="docs",
        vector=[0.5, 1],
        vector_name="image",
        limit=3,
        with_payload=official.WithPayloadSelector(enable=True),
        filter=official.Filter(must=[official.Condition(has_id=official.HasIdCondition(has_id=[{"num": 1}]))]),
    )
    ours = message("SearchPoints").FromString(asked.SerializeToString())
    assert same(
        rpc.arguments_of(LEGACY["search"], ours),
        {
            "collection_name": "docs",
            "query_vector": {"name": "image", "vector": [0.5, 1]},
            "limit": 3,
            "with_payload": True,
            "query_filter": {"must": [{"has_id": [1]}]},
        },
    )


def test_several_results_of_old_searches() -> None:
    points = [[{"id": 1, "version": 0, "score": 0.5}], []]
    reply = rpc.reply_message(LEGACY["search_batch"], points, 0.5)
    assert reply.time == 0.5
    assert rpc.result_of(LEGACY["search_batch"], reply) == points


def test_vectors_of_results_come_as_arrays_when_asked() -> None:
    operation = OPERATIONS["query_points"]
    reply = rpc.reply_message(operation, {"points": [{"id": 1, "version": 0, "score": 0.5, "vector": [0.5]}]}, 0.0)
    assert rpc.result_of(operation, reply)["points"][0]["vector"] == [0.5]
    assert isinstance(rpc.result_of(operation, reply, arrays=True)["points"][0]["vector"], np.ndarray)


def test_a_reply_counts_its_seconds() -> None:
    assert rpc.reply_message(OPERATIONS["collection_exists"], {"exists": True}, 1.5).time == 1.5
    assert not hasattr(rpc.reply_message(OPERATIONS["info"], {"title": "t", "version": "1"}, 1.5), "time")


def test_operations_that_grpc_lacks_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="REST"):
        rpc.request_message(OPERATIONS["cluster_status"], {})


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(InvalidInputError, match=r"filter\.must\[0\]"):
        rpc.request_message(OPERATIONS["count"], {"collection_name": "docs", "count_filter": {"must": [5]}})
    with pytest.raises(InvalidInputError, match="no field 'nonsense'"):
        rpc.request_message(OPERATIONS["query_batch_points"], {"collection_name": "c", "requests": [{"nonsense": 1}]})
