"""The operations of a Qdrant server: one row each says how a client's method travels over REST and gRPC.

An operation is called like the method of ``QdrantClient`` that asks for it, and its arguments like the method's
parameters. The same row serves both ends: a client writes requests by it, a server reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = ["LEGACY", "OPERATIONS", "Access", "Method", "Operation"]

Access: TypeAlias = Literal["read", "write", "manage"]
"""Look at points, change points, or change collections and the server itself."""

Method: TypeAlias = Literal["GET", "PUT", "POST", "PATCH", "DELETE"]

_NONE: Mapping[str, Any] = MappingProxyType({})


class Operation(msgspec.Struct, frozen=True):
    """Say how the arguments of a method travel, and what comes back.

    >>> OPERATIONS["count"].path
    '/collections/{collection_name}/points/count'
    """

    name: str
    method: Method
    path: str
    """Arguments stand in braces."""
    body: Mapping[str, str] = _NONE
    """The field of the JSON body that each argument goes to.

    ``a|b`` stands for two fields of which a request has one, by what the argument is: ``points|filter`` for a choice of
    points and ``points|batch`` for points to store. ``*`` is the body itself.
    """
    query: tuple[str, ...] = ()
    """Arguments in the query string. A trailing underscore, which only Python needs, is left out there."""
    result: str = "bool"
    """The model of the result; ``Record[]`` is a list of records."""
    taken: tuple[str, ...] = ()
    """The fields of the result that the method returns, if not all of it."""
    bare: bool = False
    """Whether the body of a REST answer is the result itself, with nothing around it."""
    access: Access = "read"
    rpc: str | None = None
    """Service and method, as in ``Points/Query``; their messages hold what the path, query and body do."""
    left_out: Mapping[str, Any] = _NONE
    """What a server takes arguments to be that a request leaves out, where the method's default differs."""


_COLLECTION = "/collections/{collection_name}"
_POINTS = f"{_COLLECTION}/points"
_SNAPSHOT_NAME = "/{snapshot_name}"
_READ = ("consistency", "timeout")
_WRITE = ("wait", "ordering", "timeout")
_UNAWAITED = {"wait": False}
_SHARD = {"shard_key_selector": "shard_key"}

_SEARCH = {
    "query": "query",
    "using": "using",
    "prefetch": "prefetch",
    "query_filter": "filter",
    "search_params": "params",
    "limit": "limit",
    "with_payload": "with_payload",
    "with_vectors": "with_vector",
    "score_threshold": "score_threshold",
    "lookup_from": "lookup_from",
    **_SHARD,
}
_MATRIX = {"query_filter": "filter", "limit": "limit", "sample": "sample", "using": "using", **_SHARD}
_COLLECTION_SETTINGS = {
    "vectors_config": "vectors",
    "sparse_vectors_config": "sparse_vectors",
    "hnsw_config": "hnsw_config",
    "optimizers_config": "optimizers_config",
    "quantization_config": "quantization_config",
    "strict_mode_config": "strict_mode_config",
    "metadata": "metadata",
}
_RECOVERY = {"location": "location", "api_key": "api_key", "checksum": "checksum", "priority": "priority"}


def _read(name: str, path: str, body: Mapping[str, str], result: str, rpc: str, **other: Any) -> Operation:
    return Operation(name, "POST", path, body, _READ, result, rpc=rpc, **other)


def _change(
    name: str,
    method: Method,
    path: str,
    body: Mapping[str, str],
    rpc: str,
    result: str = "UpdateResult",
    access: Access = "write",
) -> Operation:
    return Operation(
        name,
        method,
        path,
        body,
        _WRITE,
        result,
        access=access,
        rpc=rpc,
        left_out=_UNAWAITED,
    )


_QUERIES = (
    _read(
        "query_points",
        f"{_POINTS}/query",
        {**_SEARCH, "offset": "offset"},
        "QueryResponse",
        "Points/Query",
        left_out={"with_payload": False},
    ),
    _read(
        "query_batch_points",
        f"{_POINTS}/query/batch",
        {"requests": "searches"},
        "QueryResponse[]",
        "Points/QueryBatch",
    ),
    _read(
        "query_points_groups",
        f"{_POINTS}/query/groups",
        {**_SEARCH, "group_by": "group_by", "group_size": "group_size", "with_lookup": "with_lookup"},
        "GroupsResult",
        "Points/QueryGroups",
        left_out={"with_payload": False},
    ),
    _read(
        "search_matrix_pairs",
        f"{_POINTS}/search/matrix/pairs",
        _MATRIX,
        "SearchMatrixPairsResponse",
        "Points/SearchMatrixPairs",
    ),
    _read(
        "search_matrix_offsets",
        f"{_POINTS}/search/matrix/offsets",
        _MATRIX,
        "SearchMatrixOffsetsResponse",
        "Points/SearchMatrixOffsets",
    ),
)

_READS = (
    _read(
        "retrieve",
        _POINTS,
        {"ids": "ids", "with_payload": "with_payload", "with_vectors": "with_vector", **_SHARD},
        "Record[]",
        "Points/Get",
    ),
    _read(
        "scroll",
        f"{_POINTS}/scroll",
        {
            "scroll_filter": "filter",
            "limit": "limit",
            "order_by": "order_by",
            "offset": "offset",
            "with_payload": "with_payload",
            "with_vectors": "with_vector",
            **_SHARD,
        },
        "ScrollResult",
        "Points/Scroll",
        taken=("points", "next_page_offset"),
    ),
    _read(
        "count",
        f"{_POINTS}/count",
        {"count_filter": "filter", "exact": "exact", **_SHARD},
        "CountResult",
        "Points/Count",
    ),
    _read(
        "facet",
        f"{_COLLECTION}/facet",
        {"key": "key", "facet_filter": "filter", "limit": "limit", "exact": "exact", **_SHARD},
        "FacetResponse",
        "Points/Facet",
    ),
)

_WRITES = (
    _change(
        "upsert",
        "PUT",
        _POINTS,
        {"points": "points|batch", "update_filter": "update_filter", "update_mode": "update_mode", **_SHARD},
        "Points/Upsert",
    ),
    _change(
        "update_vectors",
        "PUT",
        f"{_POINTS}/vectors",
        {"points": "points", "update_filter": "update_filter", **_SHARD},
        "Points/UpdateVectors",
    ),
    _change(
        "delete_vectors",
        "POST",
        f"{_POINTS}/vectors/delete",
        {"vectors": "vector", "points": "points|filter", **_SHARD},
        "Points/DeleteVectors",
    ),
    _change(
        "delete",
        "POST",
        f"{_POINTS}/delete",
        {"points_selector": "points|filter", **_SHARD},
        "Points/Delete",
    ),
    _change(
        "set_payload",
        "POST",
        f"{_POINTS}/payload",
        {"payload": "payload", "points": "points|filter", "key": "key", **_SHARD},
        "Points/SetPayload",
    ),
    _change(
        "overwrite_payload",
        "PUT",
        f"{_POINTS}/payload",
        {"payload": "payload", "points": "points|filter", **_SHARD},
        "Points/OverwritePayload",
    ),
    _change(
        "delete_payload",
        "POST",
        f"{_POINTS}/payload/delete",
        {"keys": "keys", "points": "points|filter", **_SHARD},
        "Points/DeletePayload",
    ),
    _change(
        "clear_payload",
        "POST",
        f"{_POINTS}/payload/clear",
        {"points_selector": "points|filter", **_SHARD},
        "Points/ClearPayload",
    ),
    _change(
        "batch_update_points",
        "POST",
        f"{_POINTS}/batch",
        {"update_operations": "operations"},
        "Points/UpdateBatch",
        "UpdateResult[]",
    ),
)

_COLLECTIONS = (
    Operation(
        "create_collection",
        "PUT",
        _COLLECTION,
        {
            **_COLLECTION_SETTINGS,
            "shard_number": "shard_number",
            "sharding_method": "sharding_method",
            "replication_factor": "replication_factor",
            "write_consistency_factor": "write_consistency_factor",
            "on_disk_payload": "on_disk_payload",
            "wal_config": "wal_config",
            "payload": "payload",
            "id_tracker": "id_tracker",
        },
        ("timeout",),
        access="manage",
        rpc="Collections/Create",
    ),
    Operation(
        "update_collection",
        "PATCH",
        _COLLECTION,
        {**_COLLECTION_SETTINGS, "collection_params": "params"},
        ("timeout",),
        access="manage",
        rpc="Collections/Update",
    ),
    Operation(
        "delete_collection", "DELETE", _COLLECTION, query=("timeout",), access="manage", rpc="Collections/Delete"
    ),
    Operation("get_collection", "GET", _COLLECTION, result="CollectionInfo", rpc="Collections/Get"),
    Operation("get_collections", "GET", "/collections", result="CollectionsResponse", rpc="Collections/List"),
    Operation(
        "collection_exists",
        "GET",
        f"{_COLLECTION}/exists",
        result="CollectionExistence",
        taken=("exists",),
        rpc="Collections/CollectionExists",
    ),
    Operation(
        "update_collection_aliases",
        "POST",
        "/collections/aliases",
        {"change_aliases_operations": "actions"},
        ("timeout",),
        access="manage",
        rpc="Collections/UpdateAliases",
    ),
    Operation(
        "get_collection_aliases",
        "GET",
        f"{_COLLECTION}/aliases",
        result="CollectionsAliasesResponse",
        rpc="Collections/ListCollectionAliases",
    ),
    Operation("get_aliases", "GET", "/aliases", result="CollectionsAliasesResponse", rpc="Collections/ListAliases"),
    _change(
        "create_vector_name",
        "PUT",
        f"{_COLLECTION}/vectors/{{vector_name}}",
        {"vector_name_config": "*"},
        "Points/CreateVectorName",
        access="manage",
    ),
    _change(
        "delete_vector_name",
        "DELETE",
        f"{_COLLECTION}/vectors/{{vector_name}}",
        {},
        "Points/DeleteVectorName",
        access="manage",
    ),
    _change(
        "create_payload_index",
        "PUT",
        f"{_COLLECTION}/index",
        {"field_name": "field_name", "field_schema": "field_schema"},
        "Points/CreateFieldIndex",
    ),
    _change(
        "delete_payload_index",
        "DELETE",
        f"{_COLLECTION}/index/{{field_name}}",
        {},
        "Points/DeleteFieldIndex",
    ),
    Operation(
        "get_optimizations",
        "GET",
        f"{_COLLECTION}/optimizations",
        query=("with_", "completed_limit"),
        result="OptimizationsResponse",
    ),
)

_SHARDS = (
    Operation(
        "create_shard_key",
        "PUT",
        f"{_COLLECTION}/shards",
        {
            "shard_key": "shard_key",
            "shards_number": "shards_number",
            "replication_factor": "replication_factor",
            "placement": "placement",
            "initial_state": "initial_state",
        },
        ("timeout",),
        access="manage",
        rpc="Collections/CreateShardKey",
    ),
    Operation(
        "delete_shard_key",
        "POST",
        f"{_COLLECTION}/shards/delete",
        {"shard_key": "shard_key"},
        ("timeout",),
        access="manage",
        rpc="Collections/DeleteShardKey",
    ),
    Operation(
        "list_shard_keys",
        "GET",
        f"{_COLLECTION}/shards",
        result="ShardKeysResponse",
        rpc="Collections/ListShardKeys",
    ),
    Operation(
        "collection_cluster_info",
        "GET",
        f"{_COLLECTION}/cluster",
        result="CollectionClusterInfo",
        rpc="Collections/CollectionClusterInfo",
    ),
    Operation(
        "cluster_collection_update",
        "POST",
        f"{_COLLECTION}/cluster",
        {"cluster_operation": "*"},
        ("timeout",),
        access="manage",
        rpc="Collections/UpdateCollectionClusterSetup",
    ),
    Operation("cluster_status", "GET", "/cluster", result="ClusterStatus", access="manage"),
    Operation(
        "cluster_telemetry",
        "GET",
        "/cluster/telemetry",
        query=("details_level", "timeout"),
        result="DistributedTelemetryData",
        access="manage",
    ),
    Operation("recover_current_peer", "POST", "/cluster/recover", access="manage"),
    Operation("remove_peer", "DELETE", "/cluster/peer/{peer_id}", query=("timeout", "force"), access="manage"),
)


def _snapshots(kind: str, owner: str, access: Access, rpc: str | None) -> tuple[Operation, ...]:
    """Return what can be done with the snapshots of an owner: a collection, one shard, or everything."""
    path, wait = f"{owner}/snapshots", ("wait",)
    rpcs = [None] * 3 if rpc is None else [f"Snapshots/{verb}{rpc}" for verb in ("Create", "List", "Delete")]
    return (
        Operation(
            f"create_{kind}snapshot", "POST", path, query=wait, result="SnapshotDescription", access=access, rpc=rpcs[0]
        ),
        Operation(f"list_{kind}snapshots", "GET", path, result="SnapshotDescription[]", access=access, rpc=rpcs[1]),
        Operation(f"delete_{kind}snapshot", "DELETE", path + _SNAPSHOT_NAME, query=wait, access=access, rpc=rpcs[2]),
    )


_SHARD_PATH = f"{_COLLECTION}/shards/{{shard_id}}"
_SNAPSHOTS = (
    *_snapshots("", _COLLECTION, "write", ""),
    *_snapshots("full_", "", "manage", "Full"),
    *_snapshots("shard_", _SHARD_PATH, "write", None),
    Operation("recover_snapshot", "PUT", f"{_COLLECTION}/snapshots/recover", _RECOVERY, ("wait",), access="manage"),
    Operation(
        "recover_shard_snapshot", "PUT", f"{_SHARD_PATH}/snapshots/recover", _RECOVERY, ("wait",), access="manage"
    ),
)

_INFO = Operation("info", "GET", "/", result="VersionInfo", bare=True, rpc="Qdrant/HealthCheck")

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        operation.name: operation
        for operation in (*_QUERIES, *_READS, *_WRITES, *_COLLECTIONS, *_SHARDS, *_SNAPSHOTS, _INFO)
    }
)
"""What today's clients ask for."""

_OLD_SEARCH = {
    "query_filter": "filter",
    "search_params": "params",
    "limit": "limit",
    "with_payload": "with_payload",
    "with_vectors": "with_vector",
    **_SHARD,
}
_OLD_RECOMMEND = {
    **_OLD_SEARCH,
    "positive": "positive",
    "negative": "negative",
    "strategy": "strategy",
    "score_threshold": "score_threshold",
    "using": "using",
    "lookup_from": "lookup_from",
}
_OLD_GROUPS = {"group_by": "group_by", "group_size": "group_size", "with_lookup": "with_lookup"}
_NO_PAYLOAD = {"with_payload": False}


def _old(name: str, rpc: str, body: Mapping[str, str], result: str = "ScoredPoint[]") -> Operation:
    """Return an operation that clients of former years ask for; those with several requests end in ``_batch``."""
    path = f"{_POINTS}/{name.replace('_', '/')}"
    left_out = _NONE if "requests" in body else _NO_PAYLOAD
    return _read(name, path, body, result, f"Points/{rpc}", left_out=left_out)


_BATCH = {"requests": "searches"}
LEGACY: Mapping[str, Operation] = MappingProxyType(
    {
        operation.name: operation
        for operation in (
            _old(
                "search",
                "Search",
                {**_OLD_SEARCH, "query_vector": "vector", "offset": "offset", "score_threshold": "score_threshold"},
            ),
            _old("search_batch", "SearchBatch", _BATCH, "ScoredPoint[][]"),
            _old(
                "search_groups",
                "SearchGroups",
                {**_OLD_SEARCH, **_OLD_GROUPS, "query_vector": "vector", "score_threshold": "score_threshold"},
                "GroupsResult",
            ),
            _old("recommend", "Recommend", {**_OLD_RECOMMEND, "offset": "offset"}),
            _old("recommend_batch", "RecommendBatch", _BATCH, "ScoredPoint[][]"),
            _old("recommend_groups", "RecommendGroups", {**_OLD_RECOMMEND, **_OLD_GROUPS}, "GroupsResult"),
            _old(
                "discover",
                "Discover",
                {
                    **_OLD_SEARCH,
                    "target": "target",
                    "context": "context",
                    "offset": "offset",
                    "using": "using",
                    "lookup_from": "lookup_from",
                },
            ),
            _old("discover_batch", "DiscoverBatch", _BATCH, "ScoredPoint[][]"),
        )
    }
)
"""What only older clients ask for; servers answer it, and new clients ask otherwise."""
