from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import qdrant_edge as qe
from edge_filter import EdgePoints
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import RELAXED

from quiverdb.dates import parse_datetime
from quiverdb.model.collection import FieldIndex, FieldType

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001z", 1),
        ("1970-01-01 01:00:00+01:00", 0),
        ("1970-01-01T00:00:00-0130", 5_400_000_000),
        ("1970-01-01T01:00:00 +01", 0),
        ("1970-01-01t00:00:00Z", 0),
        ("1970-01-01 00:00:00 UTC", 0),
        ("1970-01-01T00:00:01", 1_000_000),
        ("1970-01-01 00:01", 60_000_000),
        ("1970-01-02", 86_400_000_000),
        ("1970-1-2", 86_400_000_000),
        (" 1970-01-01", 0),
        ("1969-12-31T23:59:59.9999999Z", -1),
        ("1970-01-01T23:59:60Z", 86_400_000_000),
        ("2000-02-29", 951_782_400_000_000),
        ("0000-01-01", -62_167_219_200_000_000),
        ("+12020-01-01", 317_147_356_800_000_000),
        ("-0001-01-01", -62_198_755_200_000_000),
    ],
)
def test_reads_dates(text: str, micros: int) -> None:
    assert parse_datetime(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "1970", "1970-01", "19700101", "1970-01-01T00", "1970-01-01T00:00Z", "1970-13-01", "1900-02-29",
        "1970-01-32", "1970-01-00", "1970-01-01T24:00:00", "1970-01-01T00:60:00", "1970-01-01T00:00:61",
        "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+1", "1970-01-01T00:00:00,5Z", "1970-01-01 ", "12020-01-01",
        "1970-01-01T00:00:00.Z", "1970/01/01", "+262143-01-01",
        "\u0662\u0660\u0662\u0660-\u0660\u0661-\u0660\u0661", "1970-01-01T00:00:00Z" + " " * 300,
    ],
)  # fmt: skip
def test_refuses_what_is_no_date(text: str) -> None:
    assert parse_datetime(text) is None


@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
@settings(RELAXED, max_examples=100)
def test_agrees_with_the_standard_library(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_datetime(aware.isoformat()) == (aware - EPOCH) // timedelta(microseconds=1)


_SEEDS = (
    "2020-01-01T00:00:00Z", "2020-01-01 00:00:00.5+01:00", "2020-01-01T00:00:00 +0100", "2020-01-01 00:00:00 UTC",
    "2020-1-1 1:2", "2020-12-31", "-2020-01-01", "+12020-10-10T10:10:10.123456789", "1969-12-31t23:59:60Z",
)  # fmt: skip


@st.composite
def _nearly_dates(draw: st.DrawFn) -> str:
    text = list(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, len(text)))
        text[position : position + draw(st.integers(0, 1))] = draw(st.sampled_from([*"0123456789-:TtZz +.\t", ""]))
    return "".join(text)


@given(st.lists(_nearly_dates(), min_size=500, max_size=500))
@settings(RELAXED, max_examples=4)
def test_agrees_with_edge(texts: list[str]) -> None:
    with EdgePoints([{"when": text} for text in texts], indexes={"when": FieldIndex(FieldType.DATETIME)}) as edge:
        order = qe.OrderBy("when")
        records, _ = edge.shard.scroll(
            qe.ScrollRequest(limit=1000, order_by=order, with_payload=False, with_vector=False)
        )
    found = {record.id: record.order_value for record in records}
    assert [parse_datetime(text) for text in texts] == [found.get(position) for position in range(len(texts))]
