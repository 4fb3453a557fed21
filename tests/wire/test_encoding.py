"""The bytes of protobuf, against protobuf itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.errors import InvalidInputError
from quiverdb.wire.convert import to_message, to_plain
from quiverdb.wire.encoding import framed, varint
from quiverdb.wire.messages import message
from quiverdb.wire.values import write_value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.integers(0, 2**64 - 1))
def test_integers_take_the_bytes_that_protobuf_gives_them(number: int) -> None:
    assert b"\x08" + varint(number) == message("PointId")(num=number).SerializeToString() or number == 0


@given(st.integers(-(2**63), -1))
def test_negative_integers_take_ten_bytes(number: int) -> None:
    assert b"\x10" + varint(number) == message("GroupId")(integer_value=number).SerializeToString()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 2**21])
def test_content_of_any_length_is_framed(size: int) -> None:
    content = b"x" * size
    assert message("PointId").FromString(framed(b"\x12", content)).uuid == content.decode()


@given(JSON)
def test_payloads_survive_the_journey(value: Any) -> None:
    assert to_plain(message("Value").FromString(write_value(value))) == value


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_payloads_are_written_as_protobuf_reads_them(payload: dict[str, Any]) -> None:
    point = to_message("PointStruct", {"id": 1, "payload": payload})
    assert to_plain(point)["payload"] == payload
    assert type(point).FromString(point.SerializeToString(deterministic=True)) == point


def test_numbers_that_are_none_pass() -> None:
    payload = to_plain(to_message("PointStruct", {"payload": {"a": math.inf, "b": math.nan}}))["payload"]
    assert payload["a"] == math.inf
    assert math.isnan(payload["b"])


def test_thresholds_beyond_32_bits_are_infinite() -> None:
    assert to_plain(to_message("QueryPoints", {"score_threshold": -1e300}))["score_threshold"] == -math.inf


@pytest.mark.parametrize("payload", [{"a": 2**64}, {"a": -(2**64)}, {"a": "\ud800"}, {"\ud800": 1}, {"a": object()}])
def test_what_no_payload_can_hold_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"64 bits|Unicode|object with fields"):
        to_message("PointStruct", {"payload": payload})


def test_integers_without_a_signed_form_become_numbers_as_qdrant_shows_them() -> None:
    assert to_plain(to_message("Value", 2**64 - 1)) == float(2**64 - 1)
