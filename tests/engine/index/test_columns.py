from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from strategies import RELAXED

from quiverdb.engine.index import columns
from quiverdb.engine.index.bitmaps import from_mask, from_offsets, members, union
from quiverdb.engine.index.columns import SortedColumn
from quiverdb.engine.index.postings import Postings

STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(-5, 5)),
    st.tuples(st.just("add"), st.integers(-5, 5)),
    st.tuples(st.just("change"), st.integers(-5, 5)),
    st.tuples(st.just("remove"), st.just(0)),
    st.tuples(st.just("ask"), st.just(0)),
)


@given(st.lists(STEPS, max_size=60), st.sampled_from("qd"), st.sampled_from((0, 3, 1024)), st.randoms())
@settings(RELAXED, max_examples=200)
def test_a_column_keeps_up(steps: list[tuple[str, int]], code: str, tail: int, random: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "_TAIL", tail)
        column, held = SortedColumn(code), dict[int, set[int]]()
        for name, value in [*steps, ("ask", 0)]:
            offset = random.choice(list(held)) if held else 0
            if name == "add":
                held[len(held)] = {value}
                column.add(value, len(held) - 1)
            elif name == "ask":
                _ask(column, held, random)
            elif held:
                column.remove(offset)
                held[offset] = {value, value + 1} if name == "change" else set()
                for one in held[offset]:
                    column.add(one, offset)
        pairs = sorted((value, offset) for offset, values in held.items() for value in values)
        assert list(zip(*(part.tolist() for part in column.ascending()), strict=True)) == pairs
        copy = SortedColumn(code)
        copy.load(column.dump())
        _ask(copy, held, random)


def _ask(column: SortedColumn, held: dict[int, set[int]], random: Any) -> None:
    low, high = random.randint(-6, 6), random.randint(-6, 6)
    above, below = random.random() < 0.5, random.random() < 0.5
    wanted = {
        offset
        for offset, values in held.items()
        if any(
            (low < value if above else low <= value) and (value < high if below else value <= high) for value in values
        )
    }
    having = BitMap(offset for offset, values in held.items() if values)
    assert set(column.between(low, high, above=above, below=below)) == wanted
    assert set(column.between(low, high, above=above, below=below, having=having)) == wanted


@pytest.mark.parametrize("seed", range(4))
def test_a_long_column_keeps_up(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_TAIL", 20)
    random, column, held = Random(seed), SortedColumn("q"), dict[int, set[int]]()
    for offset in range(500):
        held[offset] = {random.randint(-5, 5)}
        column.add(min(held[offset]), offset)
    for _ in range(200):
        offset = random.randrange(len(held) + 1)
        column.remove(offset)
        held[offset] = {random.randint(-5, 5) for _ in range(random.randint(0, 2))}
        for value in held[offset]:
            column.add(value, offset)
        _ask(column, held, random)


def test_companions_are_tested_with_their_values() -> None:
    column = SortedColumn("d", companions=True)
    for offset in range(2000):
        column.add(offset % 10, offset, offset / 2)
    found = column.between(3, 4, test=lambda values, companions: (values == 3) & (companions < 20))
    assert list(found) == [3, 13, 23, 33]


@pytest.mark.parametrize("top", [1, 5000, 70_000, 300_000])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.03, 0.4, 1.0])
def test_bitmaps_from_arrays(top: int, share: float) -> None:
    random = np.random.default_rng(4)
    mask = random.random(top) < share
    offsets = np.flatnonzero(mask).astype(np.uint32)
    wanted = BitMap(offsets)
    assert from_mask(mask) == wanted
    assert from_offsets(random.permutation(offsets), top) == wanted
    assert from_offsets(np.repeat(offsets, 2), top) == wanted
    assert members(wanted).tolist() == offsets.tolist()


def test_union_is_a_new_bitmap() -> None:
    one = BitMap((1, 2))
    union((one,)).add(7)
    assert union(()) == BitMap()
    assert list(one) == [1, 2]
    assert list(union((one, BitMap((3,))))) == [1, 2, 3]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 6)), max_size=40))
@settings(RELAXED, max_examples=100)
def test_postings(steps: list[tuple[bool, str, int]]) -> None:
    postings, held = Postings[str](), dict[str, set[int]]()
    for adds, key, offset in steps:
        (postings.add if adds else postings.discard)(key, offset)
        (held.setdefault(key, set()).add if adds else held.setdefault(key, set()).discard)(offset)
    for copy in (postings, Postings.load(postings.dump())):
        assert {key: set(copy.get(key)) for key in copy} == {key: found for key, found in held.items() if found}
        assert set(copy.any("ab")) == held.get("a", set()) | held.get("b", set())
        counts = {key: len(found & {1, 2, 3}) for key, found in held.items() if found & {1, 2, 3}}
        assert dict(copy.counts(BitMap((1, 2, 3)))) == counts
