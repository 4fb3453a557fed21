"""Our client raises what the official one raises when a server refuses, or answers what nobody understands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import wire_calls
from recorder import HttpRefusal, RpcRefusal, recording
from wire_sides import Sides, sides

from quiverdb.qdrant.http.exceptions import UnexpectedResponse


class Script:
    """How the server refuses next."""

    def __init__(self) -> None:
        self.refusal: Any = None

    def refuse(self, _: str) -> Any:
        raise self.refusal


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def over_rest(script: Script) -> Iterator[Sides]:
    with recording(script.refuse, script.refuse) as recorder, sides(recorder, "rest") as made:
        yield made


@pytest.fixture(scope="module")
def over_grpc(script: Script) -> Iterator[Sides]:
    with recording(script.refuse, script.refuse) as recorder, sides(recorder, "grpc") as made:
        yield made


CALLS = {call.method: call for call in reversed(wire_calls.every())}
METHODS = ["query_points", "upsert", "get_collection", "info", "create_collection"]


def raised(client: Any, method: str) -> Any:
    try:
        getattr(client, method)(**CALLS[method].arguments)
    except Exception as error:
        return error
    return None


def told(text: str) -> bytes:
    return json.dumps({"status": {"error": text}, "time": 0.0}).encode()


REFUSALS = {
    **{
        f"{status}": HttpRefusal(status, told(f"Wrong: {status} ü"), {"content-type": "application/json"})
        for status in (400, 403, 404, 405, 408, 409, 422, 500, 507)
    },
    "text": HttpRefusal(401, b"Must provide an API key", {"content-type": "text/plain"}),
    "empty": HttpRefusal(400, b""),
    "unknown status": HttpRefusal(460, told("x")),
    "no JSON": HttpRefusal(400, b"<html>"),
    "too many": HttpRefusal(429, told("Rate limiting exceeded"), {"Retry-After": "7"}),
    "too many, nobody knows how long": HttpRefusal(429, told("Rate limiting exceeded")),
}


def shown(error: Any) -> dict[str, Any]:
    about = {name: getattr(error, name, None) for name in ("status_code", "reason_phrase", "content", "retry_after_s")}
    return {**about, "message": getattr(error, "message", None), "text": str(error), "class": type(error).__name__}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("method", METHODS)
def test_both_raise_the_same(script: Script, over_rest: Sides, name: str, method: str) -> None:
    script.refusal = REFUSALS[name]
    ours, theirs = raised(over_rest.ours, method), raised(over_rest.official, method)
    assert shown(ours) == shown(theirs)
    if isinstance(ours, UnexpectedResponse):
        assert ours.headers.get("content-type") == theirs.headers.get("content-type")


NONSENSE = {
    "no JSON": b"<html>",
    "nothing": b"",
    "other fields": b'{"a": 1}',
    "a list": b"[]",
    "wrong result": b'{"result": {"points": 5, "status": 7}, "status": "ok", "time": 0.0}',
}


@pytest.mark.parametrize("name", NONSENSE)
@pytest.mark.parametrize("method", ["query_points", "upsert", "get_collection"])
def test_an_answer_that_is_none(script: Script, over_rest: Sides, name: str, method: str) -> None:
    """The official client fails for some of these with errors of whatever went wrong."""
    script.refusal = HttpRefusal(200, NONSENSE[name], {"content-type": "application/json"})
    assert raised(over_rest.official, method) is not None
    assert type(raised(over_rest.ours, method)).__name__ == "ResponseHandlingException"


CODES = [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED)]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
@pytest.mark.parametrize("method", METHODS)
def test_both_raise_the_same_over_grpc(script: Script, over_grpc: Sides, code: grpc.StatusCode, method: str) -> None:
    script.refusal = RpcRefusal(code, "Wrong ü")
    ours, theirs = raised(over_grpc.ours, method), raised(over_grpc.official, method)
    assert isinstance(ours, grpc.RpcError)
    assert (ours.code(), ours.details()) == (theirs.code(), theirs.details()) == (code, "Wrong ü")


@pytest.mark.parametrize("method", METHODS)
def test_both_tell_when_to_ask_again_over_grpc(script: Script, over_grpc: Sides, method: str) -> None:
    script.refusal = RpcRefusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "Rate limiting exceeded", {"retry-after": "7"})
    ours, theirs = raised(over_grpc.ours, method), raised(over_grpc.official, method)
    assert shown(ours) == shown(theirs)
    assert ours.retry_after_s == 7
