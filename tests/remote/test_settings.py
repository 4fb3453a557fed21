"""Arguments of a client mean what they mean to the official one."""

from __future__ import annotations

import warnings
from typing import Any
from unittest.mock import MagicMock, patch

import grpc
import httpx
import pytest
from qdrant_client.qdrant_remote import QdrantRemote

from quiverdb.errors import InvalidInputError
from quiverdb.remote.headers import USER_AGENT
from quiverdb.remote.pool import Limits
from quiverdb.remote.settings import resolve


def official(**arguments: Any) -> QdrantRemote:
    with warnings.catch_warnings(), patch("qdrant_client.qdrant_remote.SyncApis", MagicMock()):  # makes TLS contexts
        warnings.simplefilter("ignore")
        return QdrantRemote(check_compatibility=False, **arguments)


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in dict(headers).items() if name.lower() != "user-agent"}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"api_key": "k"},
        {"api_key": "k", "https": False},
        {"headers": {"X-A": "1", "x-b": "2"}},
        {"headers": {"api-key": "old"}, "api_key": "new"},
        {"headers": {"X-A": "1"}, "metadata": {"x-a": "0", "x-m": "3"}},
        {"headers": {"User-Agent": "mine"}},
        {"timeout": 1},
        {"timeout": 0.5},
        {"timeout": 30.2},
        {"pool_size": 7},
        {"pool_size": 0},
    ],
)
def test_headers_timeout_and_pool(arguments: dict[str, Any]) -> None:
    theirs, ours = official(**arguments), resolve(**arguments)
    assert lowered(ours.headers) == lowered(theirs._rest_headers)
    assert lowered(ours.metadata) == lowered(theirs._grpc_headers)
    assert ours.timeout == theirs._timeout
    assert ours.channels == theirs._get_grpc_pool_size()


def test_the_user_agent_tells_the_truth() -> None:
    settings = resolve()
    assert dict(settings.headers)["user-agent"] == USER_AGENT == settings.grpc_options["grpc.primary_user_agent"]
    assert USER_AGENT.startswith("quiverdb/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "http://h", "api_key": "k"}, "Api key is used with an insecure connection"),
        ({"api_key": "k", "https": False}, "Api key is used with an insecure connection"),
        ({"auth_token_provider": str}, "Auth token provider is used with an insecure connection"),
        ({"url": "https://h", "headers": {"Api-Key": "a"}, "api_key": "k"}, "`api-key` in headers"),
        ({"headers": {"user-agent": "me"}}, "`User-Agent` in headers"),
        ({"grpc_options": {"grpc.primary_user_agent": "me"}}, "primary_user_agent"),
    ],
)
def test_warnings(arguments: dict[str, Any], message: str) -> None:
    with pytest.warns(UserWarning, match=message) as caught:
        resolve(**arguments)
    assert len(caught) == 1


@pytest.mark.parametrize("arguments", [{"api_key": "k"}, {"url": "https://h", "auth_token_provider": str}])
def test_secrets_over_tls_need_no_warning(arguments: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"pool_size": 3, "limits": httpx.Limits()}, ValueError),
        ({"auth_token_provider": "token"}, ValueError),
        ({"grpc_compression": "gzip"}, TypeError),
        ({"grpc_compression": grpc.Compression.Deflate}, ValueError),
    ],
)
def test_what_the_official_client_refuses_too(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        official(**arguments)
    with pytest.raises(error):
        resolve(**arguments)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_has_to_be_a_time(timeout: float) -> None:
    with pytest.raises(InvalidInputError, match="timeout"):
        resolve(timeout=timeout)


def test_limits_are_taken_from_those_of_httpx() -> None:
    limits = httpx.Limits(max_connections=7, max_keepalive_connections=3, keepalive_expiry=None)
    assert resolve(limits=limits).limits == Limits(7, 3, None)


def test_compression_is_handed_on() -> None:
    assert resolve(grpc_compression=grpc.Compression.Gzip).grpc_compression is grpc.Compression.Gzip


def test_options_beside_a_ready_client_would_be_lost() -> None:
    with httpx.Client() as client, pytest.raises(InvalidInputError, match="trust_env"):
        resolve(http_client=client, trust_env=False)


def test_keys_are_not_shown() -> None:
    settings = resolve("https://h", api_key="s3cret", headers={"authorization": "s3cret"})
    assert repr(settings) == "<Settings of https://h:6333>"
