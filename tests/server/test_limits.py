"""What is too much in a request, compared with obvious ways to count it."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.errors import RefusedError
from quiverdb.server import limits
from quiverdb.server.limits import BodySize, check_batch, check_depth
from quiverdb.server.settings import Service


def refused(check: Any, *arguments: Any) -> tuple[int, str] | None:
    try:
        check(*arguments)
    except RefusedError as error:
        return error.status, str(error)
    return None


@pytest.mark.parametrize(("announced", "passes"), [("0", True), ("10", True), ("010", True), ("11", False)])
def test_announced_sizes(announced: str, passes: bool) -> None:
    found = refused(BodySize, 10, announced)
    told = "Payload error: JSON payload (11 bytes) is larger than allowed (limit: 10 bytes)."
    assert found == (None if passes else (413, told))


@pytest.mark.parametrize("announced", ["-1", "1.0", "abc", "", " 5", "5 5", "٣", "1e3", "0x10", "+5", "²"])
def test_sizes_that_are_no_numbers(announced: str) -> None:
    found = refused(BodySize, 10, announced)
    assert found is not None
    assert found[0] == 400


def test_a_size_with_a_million_digits_costs_nothing() -> None:
    start = time.perf_counter()
    found = refused(BodySize, 10, "9" * 1_000_000)
    assert found is not None
    assert found[0] == 413
    assert len(found[1]) < 200
    assert time.perf_counter() - start < 0.2


@given(st.lists(st.binary(max_size=8)), st.integers(0, 40), st.one_of(st.none(), st.integers(0, 5)))
def test_bodies_are_refused_as_soon_as_they_are_too_large(parts: list[bytes], limit: int, less: int | None) -> None:
    size = BodySize(limit, None if less is None else str(min(less, limit)))  # what is announced may be a lie
    total = 0
    for part in parts:
        total += len(part)
        found = refused(size.add, part)
        assert (found is not None) == (total > limit)
        if found:
            assert found == (413, f"Payload error: JSON payload has exceeded limit ({limit} bytes).")
            return


def depth(body: bytes) -> int:
    """Follow the bytes one by one."""
    deepest = level = 0
    in_string = escaped = False
    for byte in body:
        letter = chr(byte)
        if escaped and letter in '"\\':
            escaped = False
            continue
        escaped = letter == "\\"  # outside of strings too, where JSON ends anyway
        if letter == '"':
            in_string = not in_string
        elif not in_string and letter in "[{":
            level += 1
            deepest = max(deepest, level)
        elif not in_string and letter in "]}":
            level -= 1
    return deepest


def found_depth(body: bytes) -> int:
    for limit in range(len(body) + 1):
        if refused(check_depth, body, limit) is None:
            return limit
    raise AssertionError(body)


TEXTS = st.lists(st.sampled_from([b"[", b"{", b"]", b"}", b'"', b"\\", b"|", b"a", b"\xff", b"\x02", b"["])).map(
    b"".join
)


@given(TEXTS, st.sampled_from([1, 2, 3, 7, 1 << 16]))
def test_depth_is_that_of_the_obvious_scan(body: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_BLOCK", block)
        assert found_depth(body) == depth(body)


JSON = st.recursive(
    st.one_of(st.text(alphabet='[]{}"\\a\u2028'), st.integers(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(alphabet='{["\\'), inner, max_size=3)),
)


def levels(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(levels, value), default=0) if isinstance(value, list) else 0


@given(JSON, st.booleans(), st.sampled_from([5, 64, 1 << 16]))
def test_depth_of_json_is_that_of_what_it_stands_for(value: Any, ascii_only: bool, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_BLOCK", block)
        assert found_depth(json.dumps(value, ensure_ascii=ascii_only).encode()) == levels(value)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"[{" * 100_000 + b"}]" * 100_000,
        b'["' + b"]" * 200_000 + b'",' + b"[" * 129,
        b'["' + b"\\\\" * 40_000 + b'",' + b"[" * 129,
        b'["' + b'\\"' * 40_000 + b']",' + b"[" * 129,
        b"[" + b"[]," * 50_000 + b"[" * 129,
    ],
)
def test_bombs_are_refused(body: bytes) -> None:
    found = refused(check_depth, body, 128)
    assert found is not None
    assert found[0] == 400
    assert "recursion limit exceeded" in found[1]


@pytest.mark.parametrize(
    "body", [b"", b"[" * 128, b"[]" * 100_000, b'["' + b"[" * 200_000, b'["\\"' + b"[" * 1000 + b'"]', b"]" * 1000]
)
def test_what_is_flat_passes(body: bytes) -> None:
    assert refused(check_depth, body, 128) is None


@pytest.mark.parametrize("unit", [b"[]", b"\\", b'"', b'\\"', b"a", b'["a"],', b"|"])
def test_the_scan_takes_linear_time(unit: bytes) -> None:
    body = unit * ((4 << 20) // len(unit))
    start = time.perf_counter()
    check_depth(body, 1 << 30)
    assert time.perf_counter() - start < 3  # a tenth of it on a quiet machine


def test_what_passes_can_be_decoded() -> None:
    body = b"[" * 128 + b"]" * 128
    check_depth(body, 128)
    assert levels(msgspec.json.decode(body)) == 128


SMALL = Service(max_batch_points=3, max_batch_requests=2)
FOUR = [1, 2, 3, 4]


class Columns(msgspec.Struct):
    ids: list[int]


@pytest.mark.parametrize(
    "arguments",
    [
        {"points": FOUR},
        {"points": tuple(FOUR)},
        {"points": {"ids": FOUR, "vectors": []}},
        {"points": {"points": FOUR}},
        {"points": Columns(FOUR)},
        {"points_selector": FOUR},
        {"points_selector": {"points": FOUR}},
        {"ids": FOUR},
        {"batch": {"ids": FOUR}},
        {"update_operations": [{"upsert": {"points": FOUR}}]},
        {"update_operations": [{"upsert": {"points": [1, 2]}}, {"delete": {"points": [3, 4]}}]},
        {"operations": [{"upsert": {"batch": {"ids": FOUR}}}]},
    ],
)
def test_points_are_counted_wherever_they_stand(arguments: dict[str, Any]) -> None:
    assert refused(check_batch, arguments, SMALL) == (
        422,
        "Validation error in body: [points: 4 given, at most 3 allowed]",
    )
    assert refused(check_batch, arguments, Service(max_batch_points=4)) is None
    assert refused(check_batch, arguments, Service(max_batch_points=None)) is None


@pytest.mark.parametrize("name", ["requests", "searches", "update_operations", "operations"])
def test_requests_are_counted(name: str) -> None:
    assert refused(check_batch, {name: [{}] * 2}, SMALL) is None
    assert refused(check_batch, {name: [{}] * 3}, SMALL) == (
        422,
        f"Validation error in body: [{name}: 3 given, at most 2 allowed]",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"points": None},
        {"points": "many"},
        {"points": {"filter": {}}},
        {"points": {"ids": "abcd"}},
        {"update_operations": ["x", {"upsert": None}]},
        {"requests": None},
        {"query": [0.5] * 100, "limit": 1000},
    ],
)
def test_what_holds_no_points_passes(arguments: dict[str, Any]) -> None:
    assert refused(check_batch, arguments, SMALL) is None
