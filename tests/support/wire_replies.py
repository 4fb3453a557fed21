"""What a server may answer, operation by operation, as plain data with everything in it that there can be.

``result_of`` gives one as REST does; ``message_of`` writes it as a gRPC message, with the official conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter
from qdrant_client import grpc
from qdrant_client import models as m
from qdrant_client.conversions.conversion import RestToGrpc as To
from wire_calls import PAYLOAD

from quiverdb.wire.operations import OPERATIONS

U = "550e8400-e29b-41d4-a716-446655440000"
SPARSE = {"indices": [1, 7], "values": [0.5, 2.0]}
NAMED = {"d": [0.5, -0.25], "s": SPARSE, "m": [[0.5, 0.25], [1.0, -2.0]], "": [1.0]}

POINTS: list[dict[str, Any]] = [
    {"id": 1, "version": 3, "score": 0.75},
    {"id": U, "version": 2**53, "score": -1.5, "payload": PAYLOAD, "vector": [0.5, 0.25], "shard_key": "a"},
    {"id": 2**64 - 1, "version": 0, "score": 0.0, "payload": {}, "vector": [[0.5], [0.25]], "shard_key": 5},
    {"id": 3, "version": 1, "score": 1.0, "vector": NAMED, "order_value": 2.5},
    {"id": 4, "version": 1, "score": 1.0, "vector": {}, "order_value": 7},
    {"id": 5, "version": 1, "score": 1.0, "vector": {"s": {"indices": [], "values": []}}},
]
RECORDS = [{name: value for name, value in point.items() if name not in ("version", "score")} for point in POINTS]
GROUPS: list[dict[str, Any]] = [
    {"id": "a", "hits": POINTS[:2], "lookup": RECORDS[1]},
    {"id": 5, "hits": POINTS[2:]},
    {"id": -5, "hits": []},
]

MEMORY = {"on_disk": True, "memory": "cold"}
HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0, "payload_m": 4}
SCALAR = {"scalar": {"type": "int8", "quantile": 0.5, "always_ram": True, "memory": "pinned"}}
BINARY = {"binary": {"always_ram": False, "encoding": "two_bits", "query_encoding": "scalar4bits"}}
STRICT = {
    "enabled": True,
    "max_query_limit": 1,
    "max_timeout": 2,
    "unindexed_filtering_retrieve": False,
    "search_max_oversampling": 1.5,
    "multivector_config": {"m": {"max_vectors": 3}},
    "sparse_config": {"s": {"max_length": 4}},
    "read_rate_limit": 7,
    "max_points_count": 10,
}
LEAN = {
    "status": "green",
    "optimizer_status": "ok",
    "indexed_vectors_count": 0,
    "points_count": 3,
    "segments_count": 1,
    "config": {
        "params": {"vectors": {"size": 4, "distance": "Cosine"}, "shard_number": 1},
        "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
        "optimizer_config": {"default_segment_number": 0, "flush_interval_sec": 5, "deleted_threshold": 0.25},
        "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
    },
    "payload_schema": {},
}
RICH = {
    "status": "yellow",
    "optimizer_status": {"error": "no space left"},
    "warnings": [{"message": "careful"}],
    "indexed_vectors_count": 2**40,
    "points_count": 5,
    "segments_count": 8,
    "update_queue": {"length": 3, "deferred_points": 4},
    "created_at": "2024-01-02T03:04:05Z",
    "config": {
        "params": {
            "vectors": {
                "d": {
                    "size": 4,
                    "distance": "Dot",
                    "hnsw_config": {"m": 8, **MEMORY},
                    "quantization_config": BINARY,
                    "datatype": "float16",
                    **MEMORY,
                },
                "m": {"size": 2, "distance": "Euclid", "multivector_config": {"comparator": "max_sim"}},
            },
            "sparse_vectors": {
                "s": {},
                "i": {"index": {"full_scan_threshold": 5, "datatype": "uint8", **MEMORY}, "modifier": "idf"},
            },
            "shard_number": 2,
            "sharding_method": "custom",
            "replication_factor": 2,
            "write_consistency_factor": 1,
            "read_fan_out_factor": 3,
            "read_fan_out_delay_ms": 4,
            "on_disk_payload": True,
            "payload": {"memory": "cold"},
            "id_tracker": {"memory": "cached"},
        },
        "hnsw_config": HNSW | MEMORY | {"inline_storage": True},
        "optimizer_config": {
            "deleted_threshold": 0.25,
            "vacuum_min_vector_number": 1000,
            "default_segment_number": 2,
            "max_segment_size": 5,
            "memmap_threshold": 6,
            "indexing_threshold": 7,
            "flush_interval_sec": 8,
            "max_optimization_threads": 9,
            "prevent_unoptimized": True,
        },
        "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 1, "wal_retain_closed": 2},
        "quantization_config": SCALAR,
        "strict_mode_config": STRICT,
        "metadata": PAYLOAD,
    },
    "payload_schema": {
        "k": {"data_type": "keyword", "points": 3},
        "i": {"data_type": "integer", "points": 0, "params": {"type": "integer", "lookup": True, "range": False}},
        "t": {
            "data_type": "text",
            "points": 2,
            "params": {
                "type": "text",
                "tokenizer": "word",
                "lowercase": True,
                "stopwords": {"languages": ["english"], "custom": ["x"]},
                "stemmer": {"type": "snowball", "language": "english"},
                **MEMORY,
            },
        },
        "g": {"data_type": "geo", "points": 2, "params": {"type": "geo"}},
        "u": {"data_type": "uuid", "points": 2, "params": {"type": "uuid", "is_tenant": True}},
    },
}

TRANSFER = {"shard_id": 1, "to_shard_id": 2, "from": 3, "to": 4, "sync": True, "method": "snapshot", "comment": "busy"}
RESHARDING = {"direction": "up", "shard_id": 2, "peer_id": 3, "shard_key": "a"}
CLUSTER_INFO: list[dict[str, Any]] = [
    {"peer_id": 1, "shard_count": 1, "local_shards": [], "remote_shards": [], "shard_transfers": []},
    {
        "peer_id": 2**63 + 1,
        "shard_count": 2,
        "local_shards": [
            {"shard_id": 0, "points_count": 5, "state": "Active"},
            {"shard_id": 1, "shard_key": "a", "points_count": 2**40, "state": "PartialSnapshot"},
        ],
        "remote_shards": [{"shard_id": 0, "shard_key": 5, "peer_id": 9, "state": "Dead"}],
        "shard_transfers": [TRANSFER, {"shard_id": 1, "from": 3, "to": 4, "sync": False}],
        "resharding_operations": [RESHARDING],
    },
]
WHEN = "2024-01-02T03:04:05Z"
STATUSES: list[dict[str, Any]] = [
    {"status": "disabled"},
    {
        "status": "enabled",
        "peer_id": 1,
        "peers": {"1": {"uri": "http://a:6335/"}},
        "raft_info": {
            "term": 1,
            "commit": 2,
            "pending_operations": 0,
            "leader": 1,
            "role": "Leader",
            "is_voter": True,
        },
        "consensus_thread_status": {"consensus_thread_status": "working", "last_update": WHEN},
        "message_send_failures": {"http://b": {"count": 1, "latest_error": "x", "latest_error_timestamp": WHEN}},
    },
]
PROGRESS = {"name": "build", "started_at": WHEN, "duration_sec": 1.5, "done": 3, "total": 4, "children": []}
SEGMENT = {"uuid": U, "points_count": 5}
WORK = {"uuid": U, "optimizer": "indexing", "segments": [SEGMENT], "progress": PROGRESS}
SUMMARY = {"queued_optimizations": 1, "queued_segments": 2, "queued_points": 3, "idle_segments": 4}
SNAPSHOT = {"name": "a.snapshot", "creation_time": "2024-01-02T03:04:05", "size": 2**40, "checksum": "abc"}

RESULTS: Mapping[str, list[Any]] = {
    "bool": [True, False],
    "UpdateResult": [
        {"operation_id": 7, "status": "completed"},
        {"operation_id": 2**40, "status": "acknowledged"},
        {"status": "wait_timeout"},
    ],
    "UpdateResult[]": [[], [{"operation_id": 7, "status": "completed"}, {"status": "acknowledged"}]],
    "QueryResponse": [{"points": POINTS}, {"points": []}],
    "QueryResponse[]": [[{"points": POINTS[:1]}, {"points": []}], []],
    "GroupsResult": [{"groups": GROUPS}, {"groups": []}],
    "Record[]": [RECORDS, []],
    "ScrollResult": [
        {"points": RECORDS, "next_page_offset": 7},
        {"points": [], "next_page_offset": None},
        {"points": RECORDS[:1], "next_page_offset": U},
    ],
    "CountResult": [{"count": 5}, {"count": 0}],
    "FacetResponse": [
        {"hits": [{"value": value, "count": 2} for value in ("a", 5, -5, True, False)]},
        {"hits": []},
    ],
    "SearchMatrixPairsResponse": [{"pairs": [{"a": 1, "b": U, "score": 0.5}]}, {"pairs": []}],
    "SearchMatrixOffsetsResponse": [
        {"offsets_row": [0, 1], "offsets_col": [1, 0], "scores": [0.5, 0.25], "ids": [1, U]},
        {"offsets_row": [], "offsets_col": [], "scores": [], "ids": []},
    ],
    "CollectionInfo": [LEAN, RICH],
    "CollectionsResponse": [{"collections": [{"name": "a"}, {"name": "b"}]}, {"collections": []}],
    "CollectionExistence": [{"exists": True}, {"exists": False}],
    "CollectionsAliasesResponse": [
        {"aliases": [{"alias_name": "a", "collection_name": "things"}]},
        {"aliases": []},
    ],
    "ShardKeysResponse": [{"shard_keys": [{"key": "a"}, {"key": 5}]}, {"shard_keys": []}],
    "CollectionClusterInfo": CLUSTER_INFO,
    "ClusterStatus": STATUSES,
    "DistributedTelemetryData": [
        {"collections": {}},
        {
            "collections": {"things": {"id": "things", "reshardings": [RESHARDING], "shard_transfers": [TRANSFER]}},
            "cluster": {
                "enabled": True,
                "number_of_peers": 1,
                "peers": {"1": {"uri": "http://a:6335/", "responsive": True}},
            },
        },
    ],
    "OptimizationsResponse": [
        {"summary": SUMMARY, "running": []},
        {
            "summary": SUMMARY,
            "running": [WORK | {"status": "optimizing"}],
            "queued": [{"optimizer": "merge", "segments": [SEGMENT]}],
            "completed": [WORK | {"status": {"error": "x"}}, WORK | {"status": {"cancelled": "y"}}],
            "idle_segments": [SEGMENT],
        },
    ],
    "SnapshotDescription": [SNAPSHOT, {**SNAPSHOT, "checksum": None}],
    "SnapshotDescription[]": [[SNAPSHOT], []],
    "VersionInfo": [
        {"title": "qdrant - vector search engine", "version": "1.20.0", "commit": "0" * 40},
        {"title": "x", "version": "1.20.0"},
    ],
}  # fmt: skip
"""By what the operations say that their result is."""


def results(operation: str) -> list[Any]:
    """Return what a server may answer to an operation."""
    return RESULTS[OPERATIONS[operation].result]


def first(operation: str) -> Any:
    """Return a plausible answer to an operation."""
    return results(operation)[0]


# --- over gRPC


def read(model: Any, value: Any) -> Any:
    return TypeAdapter(model).validate_python(value)


def scored(points: list[Any]) -> list[Any]:
    return [To.convert_scored_point(read(m.ScoredPoint, point)) for point in points]


def records(points: list[Any]) -> list[Any]:
    """Convert records; the official conversion needs a payload."""
    return [To.convert_record(read(m.Record, {"payload": {}, **point})) for point in points]


def groups(value: Any) -> Any:
    return To.convert_groups_result(read(m.GroupsResult, value))


def update(value: Any) -> Any:
    return To.convert_update_result(read(m.UpdateResult, value))


def scroll(value: Any) -> Any:
    page = value["next_page_offset"]
    following = None if page is None else To.convert_extended_point_id(page)
    return grpc.ScrollResponse(next_page_offset=following, result=records(value["points"]))


def aliases(value: Any) -> Any:
    found = [To.convert_alias_description(read(m.AliasDescription, alias)) for alias in value["aliases"]]
    return grpc.ListAliasesResponse(aliases=found)


def matrix(value: Any) -> Any:
    if "pairs" in value:
        pairs = To.convert_search_matrix_pairs(read(m.SearchMatrixPairsResponse, value))
        return grpc.SearchMatrixPairsResponse(result=pairs)
    offsets = To.convert_search_matrix_offsets(read(m.SearchMatrixOffsetsResponse, value))
    return grpc.SearchMatrixOffsetsResponse(result=offsets)


def snapshot(value: Any) -> Any:
    return To.convert_snapshot_description(read(m.SnapshotDescription, value))


def shard_keys(value: Any) -> Any:
    keys = [grpc.ShardKeyDescription(key=To.convert_shard_key(key["key"])) for key in value["shard_keys"]]
    return grpc.ListShardKeysResponse(shard_keys=keys)


MESSAGES: Mapping[str, Callable[[Any], Any]] = {
    "UpdateResult": lambda value: grpc.PointsOperationResponse(result=update(value)),
    "UpdateResult[]": lambda value: grpc.UpdateBatchResponse(result=[update(item) for item in value]),
    "QueryResponse": lambda value: grpc.QueryResponse(result=scored(value["points"])),
    "QueryResponse[]": lambda value: grpc.QueryBatchResponse(
        result=[grpc.BatchResult(result=scored(item["points"])) for item in value]
    ),
    "GroupsResult": lambda value: grpc.QueryGroupsResponse(result=groups(value)),
    "Record[]": lambda value: grpc.GetResponse(result=records(value)),
    "ScrollResult": scroll,
    "CountResult": lambda value: grpc.CountResponse(result=grpc.CountResult(count=value["count"])),
    "FacetResponse": lambda value: grpc.FacetResponse(
        hits=[To.convert_facet_value_hit(read(m.FacetValueHit, hit)) for hit in value["hits"]]
    ),
    "SearchMatrixPairsResponse": matrix,
    "SearchMatrixOffsetsResponse": matrix,
    "CollectionInfo": lambda value: grpc.GetCollectionInfoResponse(
        result=To.convert_collection_info(read(m.CollectionInfo, value))
    ),
    "CollectionsResponse": lambda value: grpc.ListCollectionsResponse(
        collections=[grpc.CollectionDescription(name=item["name"]) for item in value["collections"]]
    ),
    "CollectionExistence": lambda value: grpc.CollectionExistsResponse(
        result=grpc.CollectionExists(exists=value["exists"])
    ),
    "CollectionsAliasesResponse": aliases,
    "ShardKeysResponse": shard_keys,
    "CollectionClusterInfo": lambda value: To.convert_collection_cluster_info(read(m.CollectionClusterInfo, value)),
    "SnapshotDescription": lambda value: grpc.CreateSnapshotResponse(snapshot_description=snapshot(value)),
    "SnapshotDescription[]": lambda value: grpc.ListSnapshotsResponse(
        snapshot_descriptions=[snapshot(item) for item in value]
    ),
    "VersionInfo": lambda value: grpc.HealthCheckReply(**value),
}
CHANGED: Mapping[str, Callable[[bool], Any]] = {
    "Collections": lambda value: grpc.CollectionOperationResponse(result=value),  # every such message has it there
    "Snapshots": lambda value: grpc.DeleteSnapshotResponse(),
}


def message_of(operation: str, value: Any) -> bytes:
    """Return an answer to an operation as it travels over gRPC."""
    row = OPERATIONS[operation]
    assert row.rpc is not None, f"{operation} does not travel over gRPC"
    write = CHANGED[row.rpc.split("/")[0]] if row.result == "bool" else MESSAGES[row.result]
    return bytes(write(value).SerializeToString())


def operation_of(rpc: str) -> str:
    """Return the operation that a gRPC method serves."""
    return next(name for name, row in OPERATIONS.items() if row.rpc == rpc)


def first_message(rpc: str) -> bytes:
    """Return a plausible reply of a gRPC method."""
    name = operation_of(rpc)
    return message_of(name, first(name))
