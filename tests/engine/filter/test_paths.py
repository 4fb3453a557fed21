from __future__ import annotations

from typing import Any

import pytest
import qdrant_edge as qe
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import RELAXED

from quiverdb.engine.filter.paths import EACH, elements, parse, quoted, values
from quiverdb.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ('"a.b"', ("a.b",)),
        ('a."b c"[]', ("a", "b c", EACH)),
        ("a[0][].b-c_1", ("a", 0, EACH, "b-c_1")),
        ("日本.नाम", ("日本", "नाम")),
        ('""', ("",)),
    ],
)
def test_parses(text: str, steps: tuple[Any, ...]) -> None:
    assert parse(text) == steps


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "a b", "a[-1]", "a[b]", "a[", "[0]", "a.[0]", "a[0]b", '"a', 'a"b"', "$a", "a/b"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse(text)
    assert error.value.field == text
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", [[{"b": 1}, {"b": [2, 3]}, 4, [5]]]),
        ("a[]", [{"b": 1}, {"b": [2, 3]}, 4, [5]]),
        ("a[].b", [1, [2, 3]]),
        ("a[].b[]", [2, 3]),
        ("a[][]", [5]),
        ("a[1].b[0]", [2]),
        ("a.b", []),
        ("a[9]", []),
        ("n", [None]),
        ("n.x", []),
        ("zz", []),
    ],
)
def test_finds_values(path: str, found: list[Any]) -> None:
    assert values({"a": [{"b": 1}, {"b": [2, 3]}, 4, [5]], "n": None}, parse(path)) == found


def test_takes_arrays_apart_one_level() -> None:
    assert elements([1, [2, [3]], None, []]) == [1, 2, [3], None]
    assert elements([[1, [2]]]) == [1, [2]]


@pytest.mark.parametrize("key", ["a", "a.b", "a b", "", "ü-1", "[0]"])
def test_quotes_where_needed(key: str) -> None:
    assert parse(quoted(key)) == (key,)


@given(st.lists(st.sampled_from(["a", "b", ".", "[", "]", "[]", "[0]", '"', '"a b"', ".a", "_", "-", "é", " ", "7"])))
@settings(RELAXED, max_examples=500)
def test_accepts_what_edge_accepts(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        qe.IsEmptyCondition(text)
    except ValueError:
        with pytest.raises(InvalidInputError):
            parse(text)
    else:
        parse(text)
