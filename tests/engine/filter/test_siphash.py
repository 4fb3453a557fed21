from __future__ import annotations

import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client.local.siphash import point_id_slice
from strategies import RELAXED

from quiverdb.engine.filter.siphash import hash_id, hash_ids, siphash

IDS = st.one_of(st.integers(0, 2**64 - 1), st.uuids().map(str))


def test_known_hashes() -> None:
    # Made by the client's implementation, which gives the published vectors under their key.
    zero, counting = np.zeros(1, np.uint64), np.frombuffer(bytes(range(8)), "<u8")
    assert siphash([zero], 8)[0] == 0xE849E8BB6FFE2567
    assert siphash([zero, zero], 16)[0] == 0x32CAECC280172976
    assert siphash([counting], 8)[0] == 0xC72B1C24FC2F7938


@given(st.lists(IDS, max_size=30), st.integers(1, 2**40))
@settings(RELAXED, max_examples=100)
def test_agrees_with_the_client(ids: list[int | str], total: int) -> None:
    hashes = hash_ids(ids)
    assert [int(value) % total for value in hashes] == [point_id_slice(id, total) for id in ids]


@pytest.mark.parametrize("id", [0, 2**64 - 1, str(uuid.UUID(int=0))])
def test_one_id_hashes_like_many(id: int | str) -> None:
    assert hash_id(id) == int(hash_ids([7, id])[1])
