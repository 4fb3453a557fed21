"""Our client makes of a server's answers what the official one makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import wire_calls
from recorder import recording
from wire_replies import message_of, operation_of, results
from wire_sides import PROTOCOLS, Sides, made_of, sides

from quiverdb.wire.operations import OPERATIONS


class Script:
    """What the server answers next."""

    def __init__(self) -> None:
        self.result: Any = None

    def answer(self, operation: str) -> Any:
        return self.result

    def message(self, rpc: str) -> bytes:
        return message_of(operation_of(rpc), self.result)


@pytest.fixture(scope="module", params=PROTOCOLS)
def scripted(request: pytest.FixtureRequest) -> Iterator[tuple[Script, Sides]]:
    script = Script()
    with recording(script.answer, script.message) as recorder, sides(recorder, request.param) as made:
        yield script, made


CALLS = {call.method: call for call in reversed(wire_calls.every()) if not call.cloud}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_both_return_the_same(scripted: tuple[Script, Sides], operation: str) -> None:
    script, clients = scripted
    call = CALLS[operation]
    for script.result in results(operation):
        theirs = made_of(getattr(clients.official, operation)(**call.arguments))
        mine = made_of(getattr(clients.ours, operation)(**call.arguments))
        assert mine == theirs, script.result
