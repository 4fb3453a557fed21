"""Our client sends what the official one sends, request by request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import wire_calls
from recorder import Recorder, recording
from wire_calls import Call
from wire_replies import first, first_message
from wire_sides import PROTOCOLS, Sides, sides

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
        same = theirs.requests == mine.requests
        return "declared to differ, but does not" if same else mine.error or ""
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


OPTIONS: dict[str, dict[str, Any]] = {
    "api_key": {"api_key": "secret"},
    "headers": {"headers": {"X-Custom": "a", "api-key": "other"}},
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
