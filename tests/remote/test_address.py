"""Addresses are those that the official client would connect to."""

from __future__ import annotations

import itertools
import warnings
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client.qdrant_remote import QdrantRemote

from quiverdb.errors import InvalidInputError
from quiverdb.remote.address import Address, resolve

URLS = (
    None,
    "",
    "localhost",
    "localhost:7000",
    "127.0.0.1:7000",
    "http://localhost",
    "https://localhost:7000",
    "HTTP://Example.COM:80/Some%20path",
    "example.com",
    "example.com:7000",
    "example.com/a",
    "//example.com:7000/a/b",
    "https://user:word@example.com:7000/a?b=c#d",
    "http://[::1]",
    "https://[::1]:7000/a",
    "[::1]:7000",
    "http://example.com:0",
    "http://example.com:",
    "http://example.com/",
    "http://example.com/a/",
    "http://example.com/a b",
    "http://example.com:99999",
    "http://example.com:seven",
    "ftp://example.com",
    "qdrant://example.com:1",
    "http://my_host.local:1",
)
HOSTS = (None, "localhost", "example.com", "[::1]", "http://example.com", "https://example.com")
PREFIXES = (None, "", "a", "/a", "/a/b", "a/", "/")


def official(**arguments: Any) -> tuple[Any, ...] | None:
    """Return what the official client makes of the arguments, or ``None`` if it refuses them."""
    with warnings.catch_warnings(), patch("qdrant_client.qdrant_remote.SyncApis", MagicMock()):  # makes TLS contexts
        warnings.simplefilter("ignore")
        try:
            remote = QdrantRemote(check_compatibility=False, **arguments)
        except ValueError:
            return None
    return remote._scheme, remote._https, remote._host, remote._port, remote._grpc_port, remote.rest_uri.rstrip("/")


def ours(**arguments: Any) -> tuple[Any, ...] | None:
    try:
        address = resolve(**arguments)
    except InvalidInputError:
        return None
    return address.scheme, address.tls, address.host, address.port, address.grpc_port, address.rest_uri


@pytest.mark.parametrize("url", URLS)
def test_urls_mean_what_they_mean_to_the_official_client(url: str | None) -> None:
    for prefix, https, api_key in itertools.product(PREFIXES, (None, True, False), (None, "key")):
        arguments: dict[str, Any] = {"url": url, "prefix": prefix, "https": https, "api_key": api_key}
        assert ours(**arguments) == official(**arguments), arguments


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_mean_what_they_mean_to_the_official_client(host: str | None) -> None:
    for url, port, prefix, https in itertools.product((None, "http://x"), (6333, 443, None), PREFIXES, (None, True)):
        arguments: dict[str, Any] = {"host": host, "url": url, "port": port, "prefix": prefix, "https": https}
        assert ours(**arguments) == official(**arguments), arguments


names = st.from_regex(r"[a-z][a-z0-9-]{0,8}(\.[a-z]{2,3}){1,2}", fullmatch=True)


@given(
    scheme=st.sampled_from(["", "//", "http://", "https://", "HTTPS://"]),
    name=names,
    port=st.none() | st.integers(0, 70_000),
    path=st.from_regex(r"(/[a-z0-9._~-]{0,4}[a-z]){0,3}/?", fullmatch=True),
    https=st.none() | st.booleans(),
    default=st.none() | st.integers(1, 65_535),
)
def test_any_url(scheme: str, name: str, port: int | None, path: str, https: bool | None, default: int | None) -> None:
    url = f"{scheme}{name}{'' if port is None else f':{port}'}{path}"
    assert ours(url=url, https=https, port=default) == official(url=url, https=https, port=default)


def test_an_international_name_is_written_in_ascii() -> None:
    assert resolve("http://bücher.example").host == "xn--bcher-kva.example"


def test_a_name_and_port_need_no_scheme() -> None:
    """The official client reads the name as a scheme."""
    assert resolve("server:7000") == Address("http", "server", 7000, "", 6334)


def test_an_address_of_six_may_stand_without_brackets() -> None:
    address = resolve(host="::1", port=7000)
    assert (address.rest_uri, address.connect_to, address.grpc_target) == (
        "http://[::1]:7000",
        ("::1", 7000),
        "[::1]:6334",
    )


@pytest.mark.parametrize(
    "arguments", [{"url": "http://"}, {"url": "/collections"}, {"host": "example.com:7000"}, {"host": "h/a"}]
)
def test_what_names_no_server_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        resolve(**arguments)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("localhost", True), ("127.0.0.5:1", True), ("[::1]:1", True), ("example.com", False), ("10.0.0.1", False)],
)
def test_loopback(url: str, expected: bool) -> None:
    assert resolve(url).loopback is expected


def test_without_a_port_the_scheme_decides() -> None:
    assert resolve("https://h", port=None).connect_to == ("h", 443)
    assert resolve("http://h", port=None).connect_to == ("h", 80)
    assert resolve("http://h", port=None).authority == "h"


@pytest.mark.parametrize("name", ["port", "grpc_port"])
@pytest.mark.parametrize("port", [0, -1, 65536, 99999, "http", 1.5j])
def test_what_is_no_port(name: str, port: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"{name} must be a number") as caught:
        resolve("localhost", **{name: port})
    assert caught.value.field == name


def test_a_port_may_come_as_a_text_from_the_environment() -> None:
    assert resolve("localhost", port="7000", grpc_port="7001") == resolve("localhost", port=7000, grpc_port=7001)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url", ["ftp://u:s3cret@h", "https://u:s3cret@h:99999", "http://u:s3cret@", "http://u:s3cret@[h"]
)
def test_errors_keep_passwords_secret(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        resolve(url)
    assert "s3cret" not in str(caught.value)


def test_a_prefix_too_many_keeps_passwords_secret() -> None:
    with pytest.raises(InvalidInputError, match="one too many") as caught:
        resolve("http://u:s3cret@h/a", prefix="b")
    assert "s3cret" not in str(caught.value)
