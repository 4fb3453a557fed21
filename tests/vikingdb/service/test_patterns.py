"""Regular expressions against Python's own, and in time where Python's take for ever."""

from __future__ import annotations

import random
import re
import time
import tracemalloc
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.patterns import compile_pattern

atoms = st.sampled_from(
    [
        "a",
        "b",
        "c1",
        ".",
        "[ab]",
        "[^a]",
        "[^\\W\\d]",
        r"\w",
        r"\d",
        r"\s",
        r"\S",
        "-",
        "^",
        "$",
        r"\b",
        r"\A",
        r"\Z",
        "[a-c1]",
    ]
)
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(lambda *parts: "".join(parts), inner, inner),
        st.builds(lambda one, other: f"(?:{one}|{other})", inner, inner),
        st.builds(
            lambda one, often: f"({one}){often}",
            inner,
            st.sampled_from(["*", "+", "?", "{1,2}", "{2}", "{2,}", "*?", "{0}"]),
        ),
    ),
    max_leaves=6,
)


@given(st.sampled_from(["", "(?i)", "(?s)", "(?m)", "(?im)"]), patterns, st.text("abcAB1 -\n_é", max_size=8))
def test_patterns_match_what_they_match_in_python(flags: str, pattern: str, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = re.search(flags + pattern, text) is not None
        except re.error:
            assume(False)
    assert compile_pattern(flags + pattern, "pattern")(text) == expected


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", ".*a.*a.*a.*a.*b", "(.*,){1,9}b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    matches = compile_pattern(pattern, "pattern")
    began = time.perf_counter()
    assert not matches("a" * 30_000 + "!")
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("pattern", ["(", "[a", "a**", "(?=a)", r"(a)\1", "(?P<n", "a{500}{500}", "(?a)x", "(" * 900])
def test_what_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(VikingException, match="pattern is no regular expression") as raised:
        compile_pattern(pattern, "pattern")
    assert raised.value.code == "InvalidParameter"


@pytest.mark.parametrize("pattern", ["(){4000000000}b", "((){60000}){60000}b", "(a{0}){4000000000,}b"])
def test_repeating_nothing_takes_no_time(pattern: str) -> None:
    began = time.perf_counter()
    assert compile_pattern(pattern, "pattern")("ab")
    assert time.perf_counter() - began < 1


def test_what_is_remembered_of_a_pattern_takes_little_memory() -> None:
    draw = random.Random(1)
    text = "".join(draw.choices("ab", k=1600))
    tracemalloc.start()
    matches = compile_pattern("(a|b)*a(a|b){600}c", "pattern")
    assert not matches(text)
    assert tracemalloc.get_traced_memory()[1] < 15_000_000
    tracemalloc.stop()
