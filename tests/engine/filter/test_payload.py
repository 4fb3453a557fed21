from __future__ import annotations

import copy
from typing import Any

import pytest
import qdrant_edge as qe
from edge_filter import EdgePoints
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import typed
from strategies import PATHS, RELAXED, payloads

from quiverdb.engine.payload import delete_keys, merge, overwrite, select, select_each
from quiverdb.errors import InvalidInputError
from quiverdb.model.query import Select

BASE: dict[str, Any] = {"a": {"b": 1, "c": {"d": 2}}, "l": [1, {"x": 1}, [2]], "n": None, "s": "t"}
KEYS = st.one_of(st.sampled_from(PATHS), st.sampled_from(("a[1].b", "a.b[].c", "c.a.b", "b[0][0].a", "a[][].b")))


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        (None, {"v": 1, "s": "t", "l": BASE["l"], "n": None}),
        ("a", {"a": {"b": 1, "c": {"d": 2}, "v": 1}}),
        ("a.c", {"a": {"b": 1, "c": {"d": 2, "v": 1}}}),
        ("a.q.r", {"a": {"b": 1, "c": {"d": 2}, "q": {"r": {"v": 1}}}}),
        ("s", {"s": {"v": 1}}),
        ("l", {"l": {"v": 1}}),
        ("l[0]", {"l": [{"v": 1}, {"x": 1}, [2]]}),
        ("l[9]", {}),
        ("l[].x", {"l": [{"x": {"v": 1}}, {"x": {"v": 1}}, {"x": {"v": 1}}]}),
        ("z[]", {"z": []}),
        ("a[0].b", {"a": []}),
        ("n", {"n": {"v": 1}}),
    ],
)
def test_merge(key: str | None, changed: dict[str, Any]) -> None:
    before = copy.deepcopy(BASE)
    # Null removes its key, in the spec and in Edge 0.9 alike.
    want = changed if key is None else {**BASE, **changed}
    assert merge(BASE, {"v": 1, "a": None}, key) == want
    assert before == BASE


def test_merge_keeps_nulls_inside_values() -> None:
    assert merge({}, {"a": {"b": None}}) == {"a": {"b": None}}


def test_overwrite_keeps_nulls() -> None:
    assert overwrite({"a": None}) == {"a": None}


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        (["a.b"], {"a": {"c": {"d": 2}}}),
        (["l[]"], {"l": []}),
        (["l[0]", "l[2][0]"], {}),
        (["l[1].x"], {"l": [1, {}, [2]]}),
        (["l[].x"], {"l": [1, {}, [2]]}),
        (["s.q", "zz", "a[]"], {}),
    ],
)
def test_delete_keys(keys: list[str], changed: dict[str, Any]) -> None:
    before = copy.deepcopy(BASE)
    assert delete_keys(BASE, keys) == {**BASE, **changed}
    assert before == BASE


def test_bad_paths_are_refused() -> None:
    for call in (
        lambda: merge({}, {}, "a..b"),
        lambda: delete_keys({}, ["a", "["]),
        lambda: select({}, Select(include=("a.",))),
    ):
        with pytest.raises(InvalidInputError):
            call()


@given(st.lists(st.tuples(payloads(), payloads(), st.one_of(st.none(), KEYS)), min_size=40, max_size=40))
@settings(RELAXED, max_examples=12)
def test_merge_agrees_with_edge(edits: list[tuple[dict[str, Any], dict[str, Any], str | None]]) -> None:
    with EdgePoints([old for old, _, _ in edits]) as edge:
        for id, (old, new, key) in enumerate(edits):
            before = copy.deepcopy((old, new))
            edge.update("set_payload", [id], new, key)
            assert typed(merge(old, new, key)) == typed(edge.payload(id))
            assert (old, new) == before


@given(st.lists(st.tuples(payloads(), payloads()), min_size=20, max_size=20))
@settings(RELAXED, max_examples=4)
def test_overwrite_agrees_with_edge(edits: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    with EdgePoints([old for old, _ in edits]) as edge:
        for id, (_, new) in enumerate(edits):
            edge.update("overwrite_payload", [id], new, "a.b")  # the key makes no difference
            assert typed(overwrite(new)) == typed(edge.payload(id))


@given(st.lists(st.tuples(payloads(), st.lists(KEYS, min_size=1, max_size=3)), min_size=40, max_size=40))
@settings(RELAXED, max_examples=12)
def test_delete_and_select_agree_with_edge(edits: list[tuple[dict[str, Any], list[str]]]) -> None:
    with EdgePoints([old for old, _ in edits]) as edge:
        for id, (old, keys) in enumerate(edits):
            before = copy.deepcopy(old)
            included = edge.payload(id, qe.PayloadSelector.Include(keys))
            excluded = edge.payload(id, qe.PayloadSelector.Exclude(keys))
            assert typed(select(old, Select(include=tuple(keys)))) == typed(included)
            assert typed(select(old, Select(exclude=tuple(keys)))) == typed(excluded)
            for selection in (Select(include=tuple(keys)), Select(exclude=tuple(keys))):
                assert typed(select_each([old], selection)) == [typed(select(old, selection))]
            edge.update("delete_payload", [id], keys)
            assert typed(delete_keys(old, keys)) == typed(edge.payload(id))
            assert old == before
