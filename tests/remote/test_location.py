"""Locations of servers."""

from __future__ import annotations

from typing import Any

import pytest

from quiverdb.errors import InvalidInputError
from quiverdb.remote.location import is_remote, read_location


@pytest.mark.parametrize(
    ("location", "url", "shown", "options"),
    [
        ("qdrant://localhost", "http://localhost", "qdrant://localhost", {}),
        ("qdrant://localhost:7000/", "http://localhost:7000", "qdrant://localhost:7000", {}),
        ("QDRANTS://h:1/a/b/", "https://h:1/a/b", "qdrants://h:1/a/b", {}),
        ("qdrant://[::1]:7000", "http://[::1]:7000", "qdrant://[::1]:7000", {}),
        ("https://h?api_key=a%26b%3D%2B", "https://h", "https://h", {"api_key": "a&b=+"}),
        ("http://h?prefer_grpc&grpc_port=7001", "http://h", "http://h", {"prefer_grpc": True, "grpc_port": 7001}),
        ("qdrant://h?prefer_grpc=False&timeout=2.5", "http://h", "qdrant://h", {"prefer_grpc": False, "timeout": 2.5}),
        ("qdrant://h?pool_size=2", "http://h", "qdrant://h", {"pool_size": 2}),
    ],
)
def test_locations(location: str, url: str, shown: str, options: dict[str, Any]) -> None:
    assert is_remote(location)
    assert read_location(location) == (url, shown, options)


@pytest.mark.parametrize("location", [":memory:", "folder", "/a/b", "file:///a", "C:\\a", "a://b", "qdrant:/a", ""])
def test_folders(location: str) -> None:
    assert not is_remote(location)


@pytest.mark.parametrize(
    ("location", "field"),
    [
        ("qdrant://", "location"),
        ("qdrant:///folder", "location"),
        ("qdrant://key@host", "location"),
        ("qdrant://h:99999", "location"),
        ("qdrant://h:port", "location"),
        ("qdrant://[::1", "location"),
        ("qdrant://h?grpc", "grpc"),
        ("qdrant://h?timeout=soon", "timeout"),
        ("qdrant://h?prefer_grpc=maybe", "prefer_grpc"),
        ("qdrant://h?grpc_port=", "grpc_port"),
    ],
)
def test_wrong_locations(location: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_location(location)
    assert caught.value.field == field


def test_complaints_tell_no_secrets() -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_location("qdrant://h:port?api_key=secret")
    assert "secret" not in str(caught.value)
