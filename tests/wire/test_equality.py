"""Our client sends what the official one sends, request by request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import wire_calls
from pair import seeds
from recorder import Recorder, RpcRequest, recording
from wire_calls import Call
from wire_coverage import known, used
from wire_random import random_calls
from wire_replies import first, first_message
from wire_sides import PROTOCOLS, Sides, send, sides

from quiverdb.wire.operations import OPERATIONS

CALLS = wire_calls.every()


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording(first, first_message) as made:
        yield made


@pytest.fixture(scope="module", params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def both(recorder: Recorder, protocol: str) -> Iterator[Sides]:
    with sides(recorder, protocol) as made:
        yield made


@pytest.fixture(scope="module")
def in_cloud(recorder: Recorder, protocol: str) -> Iterator[Sides]:
    with sides(recorder, protocol, cloud_inference=True) as made:
        yield made


def difference(clients: Sides, call: Call, protocol: str) -> str:
    """Tell how the requests for a call differ; empty when they do not."""
    theirs, mine = clients.theirs(call), clients.mine(call)
    if getattr(call, protocol):
        if theirs.error and mine.error:  # refused by both, in their own words
            return ""
        return "declared to differ, but does not" if theirs == mine else mine.error or ""
    if theirs != mine:
        return f"we send {mine}\ninstead of {theirs}"
    others = clients.mine_otherwise(call)
    return next((f"in another form we send {other}\ninstead of {mine}" for other in others if other != mine), "")


METHODS = sorted({call.method for call in CALLS})


@pytest.mark.parametrize("method", METHODS)
def test_both_send_the_same(both: Sides, in_cloud: Sides, protocol: str, method: str) -> None:
    calls = [call for call in CALLS if call.method == method]
    found = {call.name: difference(in_cloud if call.cloud else both, call, protocol) for call in calls}
    wrong = {name: told for name, told in found.items() if told}
    assert not wrong


def test_every_operation_is_called() -> None:
    assert set(METHODS) >= set(OPERATIONS)


UNUSED = {
    "AbortShardTransfer.to_shard_id": "resharding is not asked for over gRPC",
    "CountPoints.read_consistency": "no argument of the official method",
    "MoveShard.to_shard_id": "resharding is not asked for over gRPC",
    "MultiVectorConfig.comparator": "there is one, and it is zero",
    "PointsUpdateOperation.clear_payload_deprecated": "there is a newer field",
    "PointsUpdateOperation.delete_deprecated": "there is a newer field",
    "ReplicateShard.to_shard_id": "resharding is not asked for over gRPC",
    "RestartTransfer.to_shard_id": "resharding is not asked for over gRPC",
    "SparseIndices.data": "of the older form of vectors",
    "StartFrom.datetime": "dates go as timestamps",
    "TextScoringParams.type": "there is one, and it is zero",
    "Vector.data": "of the older form of vectors",
    "Vector.indices": "of the older form of vectors",
    "Vector.vectors_count": "of the older form of vectors",
}
"""Fields that the official client leaves alone."""


def test_every_field_is_sent(recorder: Recorder) -> None:
    with sides(recorder, "grpc") as plainly, sides(recorder, "grpc", cloud_inference=True) as in_cloud:
        recorder.taken()
        for call in CALLS:
            send(in_cloud.official if call.cloud else plainly.official, call)
    messages = [request.message for request in recorder.taken() if isinstance(request, RpcRequest)]
    assert known() - used(messages) == set(UNUSED)


OPTIONS: dict[str, dict[str, Any]] = {
    "api_key": {"api_key": "secret"},
    "headers": {"headers": {"x-custom": "a", "api-key": "other"}},
    "key and header": {"api_key": "secret", "headers": {"api-key": "other"}},
    "metadata": {"metadata": {"x-custom": "b"}},
    "token": {"auth_token_provider": lambda: "token"},
    "prefix": {"prefix": "a/b c"},
    "prefix with slash": {"prefix": "/a"},
    "timeout": {"timeout": 7.5},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("method", ["query_points", "get_collections", "upsert", "info"])
def test_both_send_the_same_for_options_of_the_client(
    recorder: Recorder, protocol: str, name: str, method: str
) -> None:
    call = next(call for call in CALLS if call.method == method)
    with sides(recorder, protocol, **OPTIONS[name]) as both:
        assert both.mine(call) == both.theirs(call)


@pytest.mark.parametrize("method", METHODS)
def test_the_asynchronous_client_sends_the_same(both: Sides, protocol: str, method: str) -> None:
    call = next(call for call in CALLS if call.method == method and not getattr(call, protocol))
    assert both.mine_awaited(call) == both.mine(call)


@pytest.mark.parametrize("seed", seeds(4))
def test_both_send_the_same_for_random_requests(both: Sides, protocol: str, seed: int) -> None:
    calls = random_calls(seed)
    wrong = {call.name: told for call in calls if (told := difference(both, call, protocol))}
    assert not wrong


def deadline(client: Any, recorder: Recorder, method: str, arguments: dict[str, Any]) -> float:
    recorder.taken()
    getattr(client, method)(**arguments)
    (request,) = recorder.taken()
    return round(request.deadline)


@pytest.mark.parametrize("timeout", [None, 1, 30])
def test_reads_wait_as_long_as_they_may_take(recorder: Recorder, timeout: int | None) -> None:
    arguments = {"collection_name": "c", "timeout": timeout}
    with sides(recorder, "grpc") as both:
        ours, theirs = (deadline(client, recorder, "count", arguments) for client in (both.ours, both.official))
    assert ours == theirs == (timeout or 5)


@pytest.mark.parametrize("timeout", [1, 30])
def test_writes_leave_time_for_the_answer_that_they_take_longer(recorder: Recorder, timeout: int) -> None:
    """The official client gives up after its own timeout, however long the server shall wait."""
    arguments = {"collection_name": "c", "points_selector": [1], "timeout": timeout}
    with sides(recorder, "grpc") as both:
        assert deadline(both.ours, recorder, "delete", arguments) > timeout
