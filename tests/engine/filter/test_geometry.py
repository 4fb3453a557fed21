from __future__ import annotations

import math

import numpy as np
import pytest
from edge_filter import EdgePoints
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import RELAXED

from quiverdb.engine.filter import geometry
from quiverdb.engine.filter.geometry import Area, contains, contains_all, latitudes
from quiverdb.model.filter import Filter, GeoBox, GeoPoint, GeoPolygon, GeoRadius

SQUARE = tuple(GeoPoint(*corner) for corner in ((0, 0), (0, 4), (4, 4), (4, 0), (0, 0)))
HOLE = tuple(GeoPoint(*corner) for corner in ((1, 1), (2, 1), (2, 2), (1, 2), (1, 1)))
HALF_ROUND = math.pi * 6_371_008.8

DEGREES = st.one_of(st.sampled_from((0.0, 1.0, 2.0, 10.0, -90.0, 90.0, 179.5, 180.0, -180.0)), st.floats(-180, 180))
LATITUDES = DEGREES.map(lambda degree: degree / 2)
PLACES = st.builds(GeoPoint, DEGREES, LATITUDES)
RINGS = st.lists(PLACES, min_size=3, max_size=6).map(lambda ring: (*ring, ring[0]))
RADII = st.sampled_from((0.0, -1.0, 1.0, 1e4, 1e6, 9e6, 1.2e7, HALF_ROUND, 3e7, math.inf, math.nan))
AREAS: st.SearchStrategy[Area] = st.one_of(
    st.builds(GeoBox, st.just("g"), PLACES, PLACES),
    st.builds(GeoRadius, st.just("g"), PLACES, RADII),
    st.builds(GeoPolygon, st.just("g"), RINGS, st.lists(RINGS, max_size=1).map(tuple)),
)


@pytest.mark.parametrize(
    ("area", "inside", "outside"),
    [
        (GeoBox("g", GeoPoint(0, 2), GeoPoint(2, 0)), [(1, 1)], [(0, 1), (1, 2), (2, 2), (3, 1)]),
        (GeoBox("g", GeoPoint(170, 10), GeoPoint(-170, -10)), [(179, 0), (-179, 0), (180, 0)], [(0, 0), (170, 0)]),
        (GeoRadius("g", GeoPoint(0, 0), 111_195.0), [(0, 0), (0.99, 0)], [(1, 0), (0, 1)]),
        (GeoRadius("g", GeoPoint(180, 0), 20_000.0), [(-179.9, 0), (179.9, 0)], [(0, 0)]),
        (GeoRadius("g", GeoPoint(0, 0), 0.0), [], [(0, 0)]),
        (GeoPolygon("g", SQUARE), [(1, 1), (3.5, 0.5)], [(0, 0), (0, 2), (4, 4), (2, 0), (5, 2)]),
        (GeoPolygon("g", SQUARE[::-1], (HOLE,)), [(3, 3)], [(1.5, 1.5), (1, 1), (1, 1.5)]),
    ],
)
def test_borders_do_not_belong(
    area: Area, inside: list[tuple[float, float]], outside: list[tuple[float, float]]
) -> None:
    assert all(contains(area, *place) for place in inside)
    assert not any(contains(area, *place) for place in outside)
    lon, lat = np.array([*inside, *outside], float).T
    assert contains_all(area, lon, lat).tolist() == [True] * len(inside) + [False] * len(outside)


def test_a_place_on_the_circle_is_decided_alike() -> None:
    center = GeoPoint(13.4, 52.5)
    random = np.random.default_rng(2)
    lon, lat = random.uniform(-180, 180, 400), random.uniform(-90, 90, 400)
    for x, y in zip(lon.tolist(), lat.tolist(), strict=True):
        # The exact distance, and its neighbours, are where rounding matters.
        reach = geometry.distance(center, x, y)
        for radius in (reach, math.nextafter(reach, 0), math.nextafter(reach, math.inf)):
            area = GeoRadius("g", center, radius)
            assert contains_all(area, np.array([x]), np.array([y]))[0] == contains(area, x, y)


@given(AREAS, st.lists(st.tuples(DEGREES, LATITUDES), min_size=1, max_size=20))
@settings(RELAXED, max_examples=300)
def test_arrays_answer_like_single_places(area: Area, places: list[tuple[float, float]]) -> None:
    corners = [(point.lon, point.lat) for point in getattr(area, "exterior", ())]
    lon, lat = np.array([*places, *corners]).T
    single = [contains(area, float(x), float(y)) for x, y in zip(lon, lat, strict=True)]
    assert contains_all(area, lon, lat).tolist() == single
    low, high = latitudes(area)
    assert all(low <= y <= high for y, found in zip(lat, single, strict=True) if found)


@given(st.lists(AREAS, min_size=20, max_size=20), st.lists(st.tuples(DEGREES, LATITUDES), min_size=30, max_size=30))
@settings(RELAXED, max_examples=10)
def test_agrees_with_edge(areas: list[Area], places: list[tuple[float, float]]) -> None:
    with EdgePoints([{"g": {"lon": lon, "lat": lat}} for lon, lat in places]) as edge:
        for area in areas:
            found = {position for position, place in enumerate(places) if contains(area, *place)}
            assert found == edge.ids(Filter(must=(area,))), area
