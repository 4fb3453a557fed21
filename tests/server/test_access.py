"""What callers may do, compared with an obvious evaluator and with a table of who gets through at Qdrant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.errors import RefusedError
from quiverdb.server.access import FULL, NEEDS, Access, collections_named, is_open
from quiverdb.wire.operations import LEGACY, OPERATIONS

LEVELS = {
    "m": FULL,
    "r": Access("r"),
    "R": Access(None, {"docs": "r"}),
    "W": Access(None, {"docs": "rw"}),
    "P": Access(None, {"docs": "prw"}),
}
"""Global tokens by small letters, those for one collection by large ones."""

PASSES = {
    "mrRWP": """info healthz livez readyz get_collections get_aliases telemetry cluster_telemetry get_issues openapi
        reflection get_collection collection_exists get_optimizations collection_cluster_info get_collection_aliases
        list_shard_keys retrieve get_point scroll count facet query_points query_batch_points query_points_groups search
        search_batch search_groups recommend recommend_batch recommend_groups discover discover_batch
        search_matrix_pairs search_matrix_offsets""",
    "mrRW": "list_snapshots download_snapshot list_shard_snapshots download_shard_snapshot",
    "mWP": """upsert batch_update_points delete update_vectors delete_vectors set_payload overwrite_payload
        delete_payload clear_payload""",
    "mW": """create_payload_index delete_payload_index create_vector_name delete_vector_name create_snapshot
        delete_snapshot create_shard_snapshot delete_shard_snapshot stream_shard_snapshot""",
    "mr": "cluster_status metrics list_full_snapshots download_full_snapshot get_quotas",
    "m": """create_collection update_collection delete_collection recreate_collection update_collection_aliases
        create_shard_key delete_shard_key cluster_collection_update recover_snapshot upload_snapshot
        recover_shard_snapshot upload_shard_snapshot create_full_snapshot delete_full_snapshot recover_current_peer
        remove_peer clear_issues update_quotas""",
}
FOR_ALL = """info healthz livez readyz get_collections get_aliases telemetry cluster_telemetry get_issues openapi
    reflection"""
WHO = {operation: levels for levels, operations in PASSES.items() for operation in operations.split()}


def passes(access: Access, operation: str, collection: str | None, request: object = None) -> bool:
    refused = refusal(access, operation, collection, request)
    if refused is None:
        return True
    assert (refused.status, refused.plain) == (403, False)
    assert str(refused).startswith("Forbidden: ")
    return False


def refusal(access: Access, operation: str, collection: str | None, request: object) -> RefusedError | None:
    try:
        access.require(operation, collection, request)
    except RefusedError as error:
        return error
    return None


def obvious(access: Access, operation: str, collection: str, lookups: set[str]) -> bool:
    """Answer by the table above alone."""
    who = WHO[operation]
    if access.everywhere is not None:
        return access.everywhere in who
    if operation in FOR_ALL.split():
        return True
    granted = access.grants.get(collection)
    if granted is None or {"r": "R", "rw": "W", "prw": "P"}[granted] not in who:
        return False
    looks_up = operation.startswith(("query_", "search", "recommend", "discover")) and "matrix" not in operation
    return not looks_up or all(name in access.grants for name in lookups)


def test_every_operation_has_needs() -> None:
    assert OPERATIONS.keys() | LEGACY.keys() <= NEEDS.keys()
    assert WHO.keys() == NEEDS.keys()


@pytest.mark.parametrize("operation", sorted(NEEDS))
def test_the_same_tokens_pass_as_at_qdrant(operation: str) -> None:
    found = "".join(letter for letter, access in LEVELS.items() if passes(access, operation, "docs"))
    assert found == WHO[operation]


NAMES = st.sampled_from(["docs", "other", "third", "Docs", ""])
GRANTS = st.dictionaries(NAMES, st.sampled_from(["r", "rw", "prw"]))
ACCESSES = st.one_of(st.sampled_from([Access("m"), Access("r")]), GRANTS.map(lambda grants: Access(None, grants)))


@given(ACCESSES, st.sampled_from(sorted(NEEDS)), NAMES, st.sets(NAMES, max_size=3), st.randoms(use_true_random=False))
def test_access_is_what_the_obvious_evaluator_says(
    access: Access, operation: str, collection: str, lookups: set[str], random: Any
) -> None:
    request: dict[str, Any] = {"query": [0.5, 1], "filter": {"must": []}}
    for name in sorted(lookups):  # somewhere in a request
        request = random.choice(
            [
                {"lookup_from": {"collection": name}, "prefetch": request},
                {"lookup_from": {"collection": name, "vector": "v"}, "prefetch": [{"limit": 3}, request]},
                {"with_lookup": name, "requests": [request]},
                {"with_lookup": {"collection": name, "with_payload": True}, "prefetch": {"prefetch": (request,)}},
                {"searches": [{"lookup_from": {"collection": name}}, request]},
            ]
        )
    assert passes(access, operation, collection, request) == obvious(access, operation, collection, lookups)


def test_no_collection_is_none_that_was_granted() -> None:
    for operation, need in NEEDS.items():
        if need.scope == "collection":
            assert not passes(LEVELS["W"], operation, None)


def test_an_unknown_operation_is_a_mistake_for_everybody() -> None:
    for access in LEVELS.values():
        with pytest.raises(KeyError):
            access.require("no_such_operation", "docs")


@pytest.mark.parametrize(
    ("level", "operation", "collection", "told"),
    [
        ("r", "upsert", "docs", "Global manage access is required"),
        ("r", "create_collection", "docs", "Global manage access is required"),
        ("W", "create_collection", "docs", "Global access is required"),
        ("R", "metrics", None, "Global access is required"),
        ("R", "scroll", None, "Global access is required"),
        ("R", "upsert", "docs", "Write access to collection docs is required"),
        ("R", "scroll", "other", "Access to collection other is required"),
        ("P", "create_payload_index", "docs", "Only points access is allowed for collection docs"),
        ("P", "list_snapshots", "docs", "Only points access is allowed for collection docs"),
    ],
)
def test_refusals_are_worded_as_at_qdrant(level: str, operation: str, collection: str | None, told: str) -> None:
    with pytest.raises(RefusedError) as caught:
        LEVELS[level].require(operation, collection)
    assert str(caught.value) == f"Forbidden: {told}"


def test_lists_show_what_the_caller_may_see() -> None:
    assert LEVELS["r"].visible(["a", "docs"]) == ["a", "docs"]
    assert LEVELS["P"].visible(["a", "docs", "docs2"]) == ["docs"]
    assert Access(None, {}).visible(["a"]) == []


def test_open_operations_need_nobody() -> None:
    assert {name for name in NEEDS if is_open(name)} == {"info", "healthz", "livez", "readyz"}


def test_lookups_are_found_without_recursion() -> None:
    request: Any = {"lookup_from": {"collection": "deep"}}
    for _ in range(10_000):
        request = {"prefetch": [request]}
    assert list(collections_named(request)) == ["deep"]


def test_vectors_and_texts_are_no_collections() -> None:
    request = {"query": [0.1] * 1000, "using": "lookup_from", "lookup_from": None, "with_lookup": {"collection": None}}
    assert list(collections_named(request)) == []
