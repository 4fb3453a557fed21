"""A client warns of a server that it may not go with, and of one that does not answer."""

from __future__ import annotations

import json
import warnings
from threading import Thread
from typing import Any

import pytest
from qdrant_client.common import version_check
from tests.support.small_servers import HttpServer, unused_port

from quiverdb.remote.compatibility import check, is_compatible, parse_version, server_version
from quiverdb.remote.connect import check_version
from quiverdb.remote.protocol import TransportError
from quiverdb.remote.settings import resolve
from quiverdb.wire.http_message import Reply, Request

VERSIONS = [None, "", "1", "1.20", "1.20.0", "1.21.3", "1.19.0", "1.18.9", "2.20.0", "1.x.0", "1.20.0-dev", "a.b.c"]


@pytest.mark.parametrize("client", VERSIONS)
def test_the_rule_is_the_official_one(client: str | None) -> None:
    for server in VERSIONS:
        assert is_compatible(client, server) == version_check.is_compatible(client, server), server


def test_a_version_has_two_numbers() -> None:
    assert parse_version("1.20.0") == (1, 20, ["0"])
    with pytest.raises(ValueError, match="looks like"):
        parse_version("1")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"version": 3}', b"not JSON"])
def test_servers_that_tell_no_version(body: bytes) -> None:
    assert server_version(lambda request: Reply(200, "OK", {}, body)) is None


def test_a_version_comes_with_success_only() -> None:
    body = json.dumps({"version": "1.20.0"}).encode()
    assert server_version(lambda request: Reply(200, "OK", {}, body)) == "1.20.0"
    assert server_version(lambda request: Reply(403, "Forbidden", {}, body)) is None


def test_what_goes_together_is_not_worth_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(lambda request: Reply(200, "OK", {}, b'{"version": "1.19.1"}'), "1.20.0")


@pytest.mark.parametrize("version", ["1.17.0", "2.0.0"])
def test_a_server_of_another_time(version: str) -> None:
    with pytest.warns(UserWarning, match=f"1.20.0.*{version}.*check_compatibility=False"):
        check(lambda request: Reply(200, "OK", {}, json.dumps({"version": version}).encode()), "1.20.0")


def test_a_server_that_does_not_answer() -> None:
    def ask(request: Request) -> Reply:
        raise TransportError("gone")

    with pytest.warns(UserWarning, match="Failed to obtain"):
        check(ask, "1.20.0")


def finished(thread: Thread | None) -> None:
    assert thread is not None
    thread.join(10)


async def token() -> str:
    return "t"


@pytest.mark.parametrize("options", [{}, {"auth_token_provider": token}, {"auth_token_provider": lambda: "t"}])
@pytest.mark.filterwarnings("ignore:Auth token provider")
def test_the_question_is_asked_in_the_background(options: Any) -> None:
    with HttpServer(lambda seen: (200, {}, b'{"version": "0.9.0"}')) as server:
        settings = resolve(f"{server.url}/prefix", headers={"x-mine": "1"}, **options)
        with pytest.warns(UserWarning, match="0.9.0"):
            finished(check_version(settings, "1.20.0"))
        (seen,) = server.seen
    assert (seen.method, seen.target, seen.headers["x-mine"]) == ("GET", "/prefix/", "1")


def test_nobody_waits_for_a_server_that_is_not_there() -> None:
    with pytest.warns(UserWarning, match="Failed to obtain"):
        finished(check_version(resolve(f"http://127.0.0.1:{unused_port()}"), "1.20.0"))
