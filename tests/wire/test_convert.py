"""Conversions: equal to the official client's wherever it has them, and true to what went in everywhere."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from examples import Examples, Messages
from official_examples import (
    FEWEST,
    SEEDS,
    SPECIAL,
    TO_MESSAGES,
    TO_MODELS,
    Pair,
    bare,
    official_messages,
    without_old_threads,
)
from pydantic import BaseModel, TypeAdapter
from qdrant_client.conversions.conversion import GrpcToRest

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.wire import messages
from quiverdb.wire.convert import Converter, to_message, to_plain
from quiverdb.wire.messages import message
from quiverdb.wire.rest import encode


@pytest.mark.parametrize("pair", TO_MESSAGES, ids=lambda pair: pair.name)
def test_models_become_the_official_messages(pair: Pair) -> None:
    made = official_messages(pair.name)
    assert len(made) >= FEWEST
    for model, theirs in made:
        ours = to_message(theirs.DESCRIPTOR.full_name, model)
        assert ours == type(ours).FromString(without_old_threads(theirs).SerializeToString())


def written_here(pair: Pair, seed: int) -> bytes:
    """Return a model as a message in bytes."""
    model = Examples(seed, SPECIAL).make(pair.returned)
    return to_message(pair.taken.DESCRIPTOR.full_name, model).SerializeToString()


@pytest.mark.parametrize("pair", TO_MODELS, ids=lambda pair: pair.name)
def test_messages_become_the_official_models(pair: Pair) -> None:
    sources = [source for source in TO_MESSAGES if source.returned is pair.taken]
    exact = [source for source in sources if source.taken == pair.returned]
    made = [theirs for source in exact or sources for _, theirs in official_messages(source.name)]
    if not sources:  # the official client does not write them
        made = [pair.taken.FromString(written_here(pair, seed)) for seed in SEEDS]
    assert len(made) >= FEWEST
    compared = 0
    for theirs in made:
        try:
            model = getattr(GrpcToRest, pair.name)(theirs)
        except ValueError:
            continue
        ours = message(theirs.DESCRIPTOR.full_name).FromString(theirs.SerializeToString())
        plain = to_plain(ours)
        if isinstance(model, BaseModel) and "collection_name" not in type(model).model_fields:
            plain.pop("collection_name", None)
        assert bare(TypeAdapter(pair.returned).validate_python(plain)) == bare(model)
        compared += 1
    assert compared >= FEWEST / 2


def test_most_official_conversions_are_compared() -> None:
    assert len(TO_MESSAGES) > 100
    assert len(TO_MODELS) > 100


# --- there and back

NAMES = sorted(
    f"qdrant.{kind.name}" for file in messages._FILES.file if file.package == "qdrant" for kind in file.message_type
)


@pytest.mark.parametrize("name", NAMES)
def test_plain_data_survives_the_journey(name: str) -> None:
    for seed in range(6):
        plain = to_plain(Messages(seed, message).make(name))
        if plain is None:  # a member of an enum that JSON does not have
            continue
        again = to_message(name, plain)
        assert to_plain(again) == plain
        assert to_message(name, to_plain(again, arrays=True)) == again


# --- what may stand for what


def filled(name: str, value: Any) -> str:
    return " ".join(str(to_message(name, value)).split())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "nearest { id { num: 7 } }"),
        (np.int64(7), "nearest { id { num: 7 } }"),
        (UUID(int=1), 'nearest { id { uuid: "00000000-0000-0000-0000-000000000001" } }'),
        ([0.5, 1], "nearest { dense { data: 0.5 data: 1 } }"),
        (np.array([0.5, 1]), "nearest { dense { data: 0.5 data: 1 } }"),
        ((0.5, 1.0), "nearest { dense { data: 0.5 data: 1 } }"),
        ([[1.0], [2.0]], "nearest { multi_dense { vectors { data: 1 } vectors { data: 2 } } }"),
        (np.array([[1], [2]]), "nearest { multi_dense { vectors { data: 1 } vectors { data: 2 } } }"),
        ({"indices": [3], "values": [0.5]}, "nearest { sparse { values: 0.5 indices: 3 } }"),
        (
            models.SparseVector(indices=np.array([3]), values=np.array([0.5])),
            "nearest { sparse { values: 0.5 indices: 3 } }",
        ),
        ({"text": "hi", "model": "m"}, 'nearest { document { text: "hi" model: "m" } }'),
        ({"text": "hi"}, 'text { query: "hi" }'),
        ({"nearest": 7}, "nearest { id { num: 7 } }"),
        ({"nearest": 7, "mmr": {}}, "nearest_with_mmr { nearest { id { num: 7 } } mmr { } }"),
        ({"order_by": "year"}, 'order_by { key: "year" }'),
        ({"fusion": "dbsf"}, "fusion: DBSF"),
        (models.FusionQuery(fusion=models.Fusion.RRF), "fusion: RRF"),
        (models.SampleQuery(sample=models.Sample.RANDOM), "sample: Random"),
        (
            {"context": {"positive": 1, "negative": 2}},
            "context { pairs { positive { id { num: 1 } } negative { id { num: 2 } } } }",
        ),
    ],
)  # fmt: skip
def test_queries_may_be_given_in_many_ways(value: Any, expected: str) -> None:
    assert filled("Query", value) == expected


class Point(msgspec.Struct):
    id: int
    vector: Any
    payload: Any = None


@pytest.mark.parametrize(
    "points",
    [
        [{"id": 1, "vector": [0.5], "payload": {"a": 1}}, {"id": 2, "vector": [1.5], "payload": {"a": 2}}],
        [Point(1, [0.5], {"a": 1}), Point(2, np.array([1.5]), {"a": 2})],
        [
            models.PointStruct(id=1, vector=[0.5], payload={"a": 1}),
            models.PointStruct(id=2, vector=[1.5], payload={"a": 2}),
        ],
        models.Batch(ids=[1, 2], vectors=[[0.5], [1.5]], payloads=[{"a": 1}, {"a": 2}]),
        {"ids": [1, 2], "vectors": np.array([[0.5], [1.5]]), "payloads": [{"a": 1}, {"a": 2}]},
        iter([Point(1, [0.5], {"a": 1}), Point(2, [1.5], {"a": 2})]),
    ],
)
def test_points_may_be_given_in_rows_and_columns(points: Any) -> None:
    expected = [
        {"id": 1, "vector": [0.5], "payload": {"a": 1}},
        {"id": 2, "vector": [1.5], "payload": {"a": 2}},
    ]
    assert to_plain(to_message("UpsertPoints", {"points": points}))["points"] == expected


def test_columns_of_named_vectors_become_rows() -> None:
    batch = models.Batch(ids=[1, 2], vectors={"a": [[1.0], [2.0]], "b": [[3.0], [4.0]]})
    rows = to_plain(to_message("PointsUpdateOperation", {"upsert": {"batch": batch}}))["upsert"]["points"]
    assert [row["vector"] for row in rows] == [{"a": [1.0], "b": [3.0]}, {"a": [2.0], "b": [4.0]}]


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**40, 2**40),
        (1.0, 1.0),
        ([1, [2.5, None]], [1, [2.5, None]]),
        ({"a": {"b": [{}]}}, {"a": {"b": [{}]}}),
        (Colour.RED, "red"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29T00:00:00Z"),
        (datetime(2024, 2, 29, 12), "2024-02-29T12:00:00"),
        (time(1, 2), "01:02:00"),
        (timedelta(days=1), "P1D"),
        (Decimal("1.5"), "1.5"),
        (b"\xff", "/w=="),
        (frozenset([1]), [1]),
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        ((1, 2), [1, 2]),
        ({1: 2}, {"1": 2}),
        (models.GeoPoint(lon=1, lat=2), {"lon": 1.0, "lat": 2.0}),
    ],
)
def test_payloads_hold_any_json(value: Any, expected: Any) -> None:
    back = to_plain(to_message("PointStruct", {"id": 1, "payload": {"x": value}}))["payload"]["x"]
    assert back == expected
    assert type(back) is type(expected)
    assert json.loads(encode(value)) == back  # over REST it is the same


def test_payloads_take_what_comes_one_by_one() -> None:
    point = {"id": 1, "payload": {"x": (number for number in range(2))}}
    assert to_plain(to_message("PointStruct", point))["payload"] == {"x": [0, 1]}


def test_a_whole_number_stays_one() -> None:
    payload = to_message("PointStruct", {"id": 1, "payload": {"i": 2, "f": 2.0}}).payload
    assert payload["i"].WhichOneof("kind") == "integer_value"
    assert payload["f"].WhichOneof("kind") == "double_value"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
        ("2024-02-29T12:00:00.25+02:00", "2024-02-29T10:00:00.250000Z"),
        (datetime(2024, 2, 29, 12), "2024-02-29T12:00:00Z"),
        (date(2024, 2, 29), "2024-02-29T00:00:00Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
    ],
)
def test_dates_may_be_text(value: Any, expected: str) -> None:
    assert to_plain(to_message("DatetimeRange", {"gt": value})) == {"gt": expected}


def test_vectors_come_as_arrays_when_asked() -> None:
    point = to_message("PointStruct", {"id": 1, "vector": {"a": [1.0, 2.0], "m": [[1.0], [2.0]]}})
    vectors = to_plain(point, arrays=True)["vector"]
    assert vectors["a"].dtype == vectors["m"].dtype == np.float32
    assert vectors["m"].shape == (2, 1)


def test_vectors_of_former_years_are_read() -> None:
    vector = message("Vector")
    assert to_plain(vector(data=[1, 2])) == [1.0, 2.0]
    assert to_plain(vector(data=[1, 2, 3, 4], vectors_count=2)) == [[1.0, 2.0], [3.0, 4.0]]
    assert to_plain(vector(data=[0.5], indices={"data": [9]})) == {"indices": [9], "values": [0.5]}


@pytest.mark.parametrize(
    ("name", "value", "field", "reason"),
    [
        ("QueryPoints", {"limit": "x"}, "limit", "expected an integer"),
        ("QueryPoints", {"limit": True}, "limit", "expected an integer"),
        ("QueryPoints", {"limit": -1}, "limit", "from 0 to"),
        ("QueryPoints", {"query": [1, "a"]}, "query", "list of numbers"),
        ("QueryPoints", {"query": [1e300]}, "query", "32-bit"),
        ("QueryPoints", {"query": {"fusion": "sum"}}, "query.fusion", "expected one of rrf, dbsf"),
        ("QueryPoints", {"filter": {"must": [{"key": "a", "match": {"valu": 1}}]}}, "filter.must[0].match", "no Match"),
        ("QueryPoints", {"filter": 5}, "filter", "an object"),
        ("QueryPoints", {"score_threshold": "high"}, "score_threshold", "a number"),
        ("QueryPoints", {"nonsense": 1}, None, "no field 'nonsense'"),
        ("UpsertPoints", {"points": [{"id": 1.5, "vector": [1]}]}, "points[0].id", "no PointId"),
        ("UpsertPoints", {"points": [{"id": 1, "vector": {"a": "x"}}]}, "points[0].vector.a", "no Vector"),
        ("UpsertPoints", {"points": {"ids": [1], "vectors": []}}, "points.vectors", "0 vectors for 1 points"),
        ("PointStruct", {"payload": 5}, "payload", "object with fields"),
        ("DatetimeRange", {"gt": "soon"}, "gt", "expected a date"),
        ("CreateCollection", {"vectors": {"size": 4, "distance": "Cos"}}, "vectors.distance", "Cosine, Euclid"),
        ("PayloadIndexParams", {"type": "words"}, None, "of type 'keyword'"),
    ],
)  # fmt: skip
def test_wrong_input_is_told_where_it_is(name: str, value: Any, field: str | None, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason) as caught:
        to_message(name, value)
    assert caught.value.field == field


def test_messages_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="3 numbers make no 2 vectors"):
        to_plain(message("Vector")(data=[1, 2, 3], vectors_count=2))


def test_codecs_can_be_made_on_several_threads_at_once() -> None:
    filter = {"must": [{"must": [{"key": "a", "match": {"value": 1}}]}]}
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            converter = Converter()
            start = threading.Barrier(4)

            def write(converter: Converter = converter, start: threading.Barrier = start) -> bytes:
                start.wait()
                return converter.codec(messages.descriptor("Filter")).write(filter)

            with ThreadPoolExecutor(4) as pool:
                written = {future.result() for future in [pool.submit(write) for _ in range(4)]}
            assert written == {to_message("Filter", filter).SerializeToString()}
    finally:
        sys.setswitchinterval(interval)
