"""Every type takes what the specification lists, up to its limits and not beyond."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from viking_place import ALL_TYPES, Place, full_row

from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.layout import Field
from quiverdb.vikingdb.service.values import float32, read_value

FLOATS = (1.0, -2.5, 3.25, 0.0)
PACKED32 = base64.b64encode(struct.pack("<4f", *FLOATS)).decode()
PACKED64 = base64.b64encode(struct.pack("<4d", *FLOATS)).decode()
LONE = "\ud800"

TAKEN: tuple[tuple[str, Any, Any], ...] = (
    ("id", 2**63 - 1, 2**63 - 1),
    ("id", -(2**63), -(2**63)),
    ("id", "-99", -99),
    ("number", 0, 0),
    ("number", -(2**63), -(2**63)),
    ("number", 2**63 - 1, 2**63 - 1),
    ("number", np.int32(7), 7),
    ("number", 5.0, 5),
    ("price", 42, 42.0),
    ("price", 92.65, 92.65),
    ("price", 0.1 + 0.2, 0.3),
    ("price", np.float64(1.5), 1.5),
    ("price", 3.4028235e38, 3.4028235e38),
    ("price", 1e-60, 0.0),
    ("city", "", ""),
    ("city", "é" * 32767 + "x", "é" * 32767 + "x"),
    ("open", False, False),
    ("open", np.True_, True),
    ("tags", [], []),
    ("tags", ["x" * 1024], ["x" * 1024]),
    ("tags", ["x"] * 20_000, ["x"] * 20_000),
    ("tags", ["y" * 1024] * 1024, ["y" * 1024] * 1024),
    ("codes", [-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1]),
    ("codes", [1] * 1024, [1] * 1024),
    ("codes", np.arange(3), [0, 1, 2]),
    ("vector", list(FLOATS), list(FLOATS)),
    ("vector", np.array(FLOATS, "f4"), list(FLOATS)),
    ("vector", np.array([1, 2, 3, 4]), [1.0, 2.0, 3.0, 4.0]),
    ("vector", PACKED32, list(FLOATS)),
    ("vector", PACKED64, list(FLOATS)),
    ("vector", (1, 2, 3, 4), [1.0, 2.0, 3.0, 4.0]),
    ("terms", {"a": 1, "b": -0.1}, {"a": 1.0, "b": -0.1}),
    ("terms", {}, {}),
    ("tensor", [[1, 2, 3, 4], [0.1] * 4], [[1.0, 2.0, 3.0, 4.0], [0.1] * 4]),
    ("tensor", np.ones((2, 4)), [[1.0] * 4] * 2),
    ("text", "", ""),
    ("text", "x" * 65_534, "x" * 65_534),
    ("image", "http://host/a b.png".replace(" ", "%20"), "http://host/a%20b.png"),
    ("image", "https://host", "https://host"),
    ("image", "tos://bucket/object", "tos://bucket/object"),
    ("video", "tos://bucket/film", "tos://bucket/film"),
    ("video", {"value": "https://h/f"}, {"value": "https://h/f"}),
    ("video", {"value": "https://h/f", "fps": 0.2}, {"value": "https://h/f", "fps": 0.2}),
    ("video", {"value": "https://h/f", "fps": 5}, {"value": "https://h/f", "fps": 5.0}),
    ("at", "1970-01-01T00:00Z", "1970-01-01T00:00Z"),
    ("at", "2025-08-12T11:33:56.123+08:00", "2025-08-12T11:33:56.123+08:00"),
    ("at", "2999-12-31T23:59:59.999Z", "2999-12-31T23:59:59.999Z"),
    ("place", "-179.999,89.999", "-179.999,89.999"),
    ("place", "0,0", "0,0"),
)

REFUSED: tuple[tuple[str, Any], ...] = (
    *[("id", value) for value in (0, "0", 2**63, -(2**63) - 1, 1.5, True, "1x", "", [1], math.nan)],
    *[("number", value) for value in (2**63, -(2**63) - 1, 0.5, "5", True, [], {}, math.inf, math.nan)],
    *[("price", value) for value in (math.nan, math.inf, -math.inf, 3.5e38, 10**400, "1", True, [1.0])],
    *[("city", value) for value in ("x" * 65_536, "é" * 32_768, 5, True, ["a"], b"a", LONE)],
    *[("open", value) for value in (0, 1, "true", [])],
    *[
        ("tags", value)
        for value in (
            ["x" * 1025],
            ["é" * 513],
            ["x"] * 20_001,
            ["y" * 1024] * 1024 + ["z"],
            "a",
            [1],
            [["a"]],
            {"a": 1},
            [LONE],
        )
    ],
    *[("codes", value) for value in ([1] * 1025, [1.5], ["1"], [True], [2**63], 1, "1")],
    *[
        ("vector", value)
        for value in (
            [1.0] * 3,
            [1.0] * 5,
            [],
            [1.0, 2.0, 3.0, math.nan],
            [1.0, 2.0, 3.0, math.inf],
            [1.0, 2.0, 3.0, 1e39],
            [1.0, 2.0, 3.0, 10**400],
            [1.0, 2.0, 3.0, "4"],
            [1.0, 2.0, 3.0, True],
            [[1.0, 2.0, 3.0, 4.0]],
            np.array([True] * 4),
            np.array(["1"] * 4),
            np.ones((1, 4)),
            {"0": 1.0},
            5,
            "",
            "not base64!",
            PACKED32[:-4],
            PACKED32 + "AAAA",
            base64.b64encode(struct.pack("<4f", 1, 2, 3, math.nan)).decode(),
            base64.b64encode(struct.pack("<4d", 1, 2, 3, 1e300)).decode(),
        )
    ],
    *[
        ("terms", value)
        for value in ({"a": math.nan}, {"a": "1"}, {"a": True}, {"": 1}, {1: 1}, [1], {"a": 1e39}, {LONE: 1})
    ],
    *[
        ("tensor", value)
        for value in ([[1] * 4], [[1] * 4] * 3, [[1] * 3] * 2, [1, 2], [[1] * 4, [math.nan] * 4], "x", {})
    ],
    *[("text", value) for value in ("x" * 65_535, "é" * 32_768, 5, ["a"], LONE)],
    *[
        ("image", value)
        for value in ("", "ftp://host/a", "picture.png", "tos://", "http:///a", 5, {"value": "http://a"})
    ],
    *[
        ("video", value)
        for value in (
            {"value": "https://h/f", "fps": 0.19},
            {"value": "https://h/f", "fps": 5.01},
            {"value": "https://h/f", "fps": math.nan},
            {"value": "https://h/f", "rate": 1},
            {"value": None, "rate": 1},
            "film.mp4",
            5,
        )
    ],
    *[
        ("at", value)
        for value in (
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "3000-01-01T00:00:01Z",
            "3001-01-01T00:00Z",
            "2025-02-29T00:00Z",
            "2025-08-12T11:33:56",
            "2025-08-12",
            "2025-08-12T11:33:56.1234Z",
            "2025-08-12T25:00Z",
            "soon",
            5,
        )
    ],
    *[("place", value) for value in ("180,0", "-180,0", "0,90", "0,-90", "0", "0,0,0", "a,b", "nan,0", 5, [0, 0])],
)


@pytest.fixture(scope="module")
def place() -> Place:
    made = Place()
    made.create()
    return made


def test_a_row_of_all_types_comes_back_as_it_was(place: Place) -> None:
    place.ask("upsert", data=[full_row(5)])
    assert place.fields(5) == {5: full_row(5)}


@pytest.mark.parametrize(("field", "value", "stored"), TAKEN, ids=lambda value: repr(value)[:30])
def test_what_a_type_takes(place: Place, field: str, value: Any, stored: Any) -> None:
    place.ask("upsert", data=[full_row(1, **{field: value})])
    key = stored if field == "id" else 1
    assert place.fields(key)[key][field] == stored
    assert type(place.fields(key)[key][field]) is type(stored)


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=lambda value: repr(value)[:30])
def test_what_a_type_refuses(place: Place, field: str, value: Any) -> None:
    for operation in ("upsert", "update"):
        place.ask("upsert", data=[full_row(1)])
        row = {"id": 1, field: value} if operation == "update" else full_row(1, **{field: value})
        error = place.refused(
            "InvalidParameter",
            operation,
            {"collection_name": "rows", "data": [full_row(2), row] if operation == "upsert" else [row]},
        )
        assert field in error.message


def test_every_type_is_tested_both_ways() -> None:
    names = {field["FieldName"] for field in ALL_TYPES}
    assert {field for field, *_ in TAKEN} == names == {field for field, _ in REFUSED}


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_is_the_shortest_decimal_that_means_it(number: float) -> None:
    kept = float32(number, "price")
    assert np.float32(kept) == np.float32(number)
    assert len(repr(abs(kept))) <= len(repr(abs(number)))


@pytest.mark.parametrize(("size", "fits"), [(256, True), (257, False)])
def test_string_keys_have_256_bytes_at_most(size: int, fits: bool) -> None:
    field = Field(field_name="id", field_type="string", is_primary_key=True)
    for key in ("x" * size, "é" * (size // 2) + "x" * (size % 2)):
        if fits:
            assert read_value(field, key, "id") == key
        else:
            with pytest.raises(VikingException, match="256 bytes"):
                read_value(field, key, "id")
    for wrong in ("", 5, None):
        with pytest.raises(VikingException):
            read_value(field, wrong, "id")
