"""Fusion by reciprocal rank does what its formula says."""

from __future__ import annotations

from typing import Any

import pytest
from cosdata_model import best
from cosdata_model import fused as sums
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.cosdata.service.fusion import fused

rankings = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=3)


@given(rankings, st.floats(0.1, 100), st.integers(1, 9))
def test_sums_of_reciprocal_ranks(given: list[list[str]], constant: float, top_k: int) -> None:
    results: list[list[dict[str, Any]]] = [
        [{"id": id, "document_id": id.upper(), "score": -1.0, "text": None} for id in ranking] for ranking in given
    ]
    expected = best(sums(given, constant), top_k)
    got = fused(results, constant, top_k)
    assert [result["id"] for result in got] == [id for id, _ in expected]
    assert [result["score"] for result in got] == pytest.approx([score for _, score in expected])
    assert all(result["document_id"] == result["id"].upper() for result in got)
    assert all(result["score"] == -1.0 for ranking in results for result in ranking)
