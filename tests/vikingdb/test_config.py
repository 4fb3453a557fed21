"""Settings and options of the seed's runtime modules."""

from __future__ import annotations

import math
from typing import Any

import pytest

from quiverdb.vikingdb.config import ClientConfig, RetryConfig
from quiverdb.vikingdb.request_options import RequestOptions, ensure_request_options
from quiverdb.vikingdb.version import __version__


def test_pauses_grow_up_to_the_longest() -> None:
    steady = RetryConfig(jitter=0.0)
    assert [steady.delay(attempt) for attempt in range(1, 8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert RetryConfig(initial_interval=0.0, jitter=0.0).delay(5) == 0
    assert steady.delay(10**6) == 8.0


def test_pauses_differ_at_random() -> None:
    pauses = [RetryConfig().delay(2) for _ in range(200)]
    assert 0.75 <= min(pauses) < 0.85
    assert 1.15 < max(pauses) <= 1.25
    assert max(RetryConfig().delay(9) for _ in range(200)) == 8.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"max_attempts": 1.5},
        {"initial_interval": -1},
        {"initial_interval": math.nan},
        {"max_interval": 0.1},
        {"max_interval": math.inf},
        {"multiplier": 0.5},
        {"jitter": 1.0},
        {"jitter": -0.1},
    ],
)
def test_pauses_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": ""},
        {"region": ""},
        {"timeout": 0},
        {"timeout": math.inf},
        {"timeout": "5"},
        {"timeout": True},
        {"pool_connections": 0},
        {"pool_maxsize": -1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ClientConfig(**{"endpoint": "http://localhost", **wrong})


def test_options_go_before_what_they_are_merged_with() -> None:
    options = RequestOptions(headers={"a": "1"}, query={"q": "1"})
    assert options.merge_headers({"a": "0", "b": "2"}) == {"a": "1", "b": "2"}
    assert options.merge_headers(None) == {"a": "1"}
    assert options.merge_query({"q": "0"}) == {"q": "1"}
    assert ensure_request_options(options) is options
    assert ensure_request_options(None) == RequestOptions()


def test_there_is_a_version() -> None:
    assert __version__.count(".") == 2
