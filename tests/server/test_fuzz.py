"""Requests that are almost right, over REST and gRPC: none harms the server, and none that is refused changes anything.

``QUIVERDB_EXAMPLES`` sets how many of each kind are tried.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages_changed import message_changed
from mutations import bytes_changed, changed, written
from onslaught import JSON, Asked, asked, fill, state
from serving import Served, served

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "40"))
ONLY_THEN = frozenset((501, 503))
"""What the server may say of itself: that it lacks something, not that something broke."""
CODES = frozenset((
    "OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "UNIMPLEMENTED", "PERMISSION_DENIED",
    "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED",
))  # fmt: skip
PATIENCE = 10.0
"""Seconds: whatever is asked here is answered at once, or hangs."""
WEIRD = (
    "", "-1", "0", "x", "9" * 5000, "\0", "99999999999999999999", "true", "1e5", "NaN", "\u0663", "all", "²", "ü" * 99,
)  # fmt: skip
STEPS = (
    "..", "%2e%2e", "%00", "x" * 300, "%F0%9F%98%80", "a%2Fb", "..%2f..%2fetc", "-1", "9" * 5000, "%ff", "{}", "%20",
    "%5c..%5c", "",
)  # fmt: skip
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**32).map(random.Random)


@dataclass
class Attacked:
    """A server on a folder, what it holds, and what it said."""

    server: Served
    http: httpx.Client
    channel: grpc.Channel
    expected: str = ""

    def refill(self) -> None:
        fill(self.http)
        self.expected = state(self.http)

    def check(self, *, refused: bool, partly: bool) -> None:
        """A refused request has changed nothing, unless it names points of which some are missing (``partly``)."""
        assert self.server.process.poll() is None, "the server ended"
        assert "Traceback" not in self.server.log.read_text(), self.server.log.read_text()
        if state(self.http) != self.expected:
            was, self.expected = self.expected, ""
            self.refill()
            assert not refused or partly, f"a request that was refused changed what was:\n{was}"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    with served(folder, data=folder / "data") as server:
        with (
            httpx.Client(base_url=server.url, timeout=PATIENCE) as http,
            grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        ):
            attacked = Attacked(server, http, channel)
            attacked.refill()
            yield attacked
        assert server.stop() == 0
    with served(folder, data=folder / "data") as server, httpx.Client(base_url=server.url) as http:
        assert state(http) == attacked.expected, "opened again, it holds something else"


def over_rest(attacked: Attacked, one: Asked, path: str, query: Any, body: bytes | None) -> None:
    answer = attacked.http.request(one.operation.method, path, params=query, content=body, headers=JSON)
    assert answer.status_code < 500 or answer.status_code in ONLY_THEN, answer.text
    if answer.status_code >= 400 and answer.content:
        assert answer.json().keys() == {"status", "time"}
        assert answer.json()["status"]["error"]
    elif answer.status_code == 200:
        json.loads(answer.content, parse_constant=pytest.fail)
    if one.operation.access != "read":
        partly = answer.status_code == 404 and one.operation.access == "write"
        attacked.check(refused=answer.status_code >= 400, partly=partly)


WITH_BODY = [one for one in asked() if one.body is not None]
OVER_GRPC = [one for one in asked() if one.message is not None]


@fuzzed
@given(one=st.sampled_from(WITH_BODY), seed=seeds, times=st.integers(1, 4))
def test_json_that_is_almost_right(attacked: Attacked, one: Asked, seed: random.Random, times: int) -> None:
    over_rest(attacked, one, one.path, one.query, written(changed(json.loads(one.body or b""), seed, times)))


@fuzzed
@given(one=st.sampled_from(WITH_BODY), seed=seeds)
def test_bodies_with_other_bytes(attacked: Attacked, one: Asked, seed: random.Random) -> None:
    over_rest(attacked, one, one.path, one.query, bytes_changed(one.body or b"", seed))


@fuzzed
@given(
    one=st.sampled_from(asked()),
    name=st.sampled_from(["timeout", "wait", "consistency", "ordering", "x", "\0", "force"]),
    text=st.sampled_from(WEIRD),
)
def test_queries_that_make_no_sense(attacked: Attacked, one: Asked, name: str, text: str) -> None:
    over_rest(attacked, one, one.path, {**dict(one.query), name: text}, one.body)


@fuzzed
@given(one=st.sampled_from(asked()), step=st.sampled_from(STEPS), data=st.data())
def test_paths_that_lead_nowhere(attacked: Attacked, one: Asked, step: str, data: st.DataObject) -> None:
    steps = one.path.split("/")
    steps[data.draw(st.integers(1, len(steps) - 1))] = step
    over_rest(attacked, one, "/".join(steps), one.query, one.body)


def over_grpc(attacked: Attacked, one: Asked, message: bytes) -> None:
    code, details = "OK", ""
    try:
        attacked.channel.unary_unary(f"/qdrant.{one.operation.rpc}")(message, timeout=PATIENCE)
    except grpc.RpcError as error:
        code, details = error.code().name, str(error.details())
    assert code in CODES, details
    assert "metadata size" not in details, details
    if one.operation.access != "read":
        attacked.check(refused=code != "OK", partly=code == "NOT_FOUND" and one.operation.access == "write")


@fuzzed
@given(one=st.sampled_from(OVER_GRPC), seed=seeds, times=st.integers(1, 4))
def test_messages_that_are_almost_right(attacked: Attacked, one: Asked, seed: random.Random, times: int) -> None:
    over_grpc(attacked, one, message_changed(one.operation, one.message or b"", seed, times))


@fuzzed
@given(one=st.sampled_from(OVER_GRPC), seed=seeds)
def test_messages_with_other_bytes(attacked: Attacked, one: Asked, seed: random.Random) -> None:
    over_grpc(attacked, one, bytes_changed(one.message or b"", seed))


def test_what_was_asked_right_is_answered(attacked: Attacked) -> None:
    """The requests that the others are made of are right themselves, so that they reach the depths of the server."""
    good = 0
    for one in asked()[::20]:
        answer = attacked.http.request(
            one.operation.method, one.path, params=dict(one.query), content=one.body, headers=JSON
        )
        good += answer.status_code == 200
        if one.operation.access != "read":
            attacked.check(refused=answer.status_code != 200, partly=False)
    assert good > len(asked()[::20]) * 0.6
