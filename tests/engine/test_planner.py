"""The planner chooses what is cheaper, and looks deeper the fewer points are allowed."""

from __future__ import annotations

from quiverdb.engine.planner import candidates, plan

COVERED = 60_000


def depth(allowed: int, *, ef: int = 64, tail: int = 0, k: int = 10) -> int | None:
    return plan(allowed=allowed, covered=COVERED, tail=tail, size=384, ef=ef, k=k).depth


def test_few_points_are_scanned():
    assert depth(60) is None
    assert depth(600) is None


def test_many_points_are_searched_in_the_graph():
    assert depth(60_000) is not None
    assert depth(30_000) is not None


def test_depth_grows_as_fewer_points_are_allowed():
    found = [depth(allowed, ef=32) for allowed in (60_000, 30_000, 20_000, 16_000)]
    assert None not in found
    assert found == sorted(found)
    assert found[-1] > found[0]


def test_depth_is_never_less_than_what_is_asked_back():
    assert depth(60_000, k=500) >= 550
    assert plan(allowed=60_000, covered=COVERED, tail=0, size=384, ef=8, k=500).candidates == 550


def test_nothing_covered_means_a_scan():
    assert plan(allowed=10, covered=0, tail=10, size=4, ef=64, k=3).depth is None
    assert depth(500, tail=500) is None


def test_coarse_codes_need_more_candidates():
    assert [candidates(10, spread) for spread in (1.1, 2, 4, 2.5)] == [20, 20, 40, 25]
    assert [candidates(1, spread) for spread in (1.1, 2, 4)] == [11, 11, 31]
    assert [candidates(200, spread) for spread in (1.1, 2, 4)] == [220, 400, 800]
    assert plan(allowed=60_000, covered=COVERED, tail=0, size=384, ef=8, k=10, spread=10).depth == 100
