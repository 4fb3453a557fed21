"""Places on the sphere and in polygons, one at a time and in arrays.

Arrays answer like single places: where rounding could decide, the single computation is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from quiverdb.model.filter import GeoBox, GeoPoint, GeoPolygon, GeoRadius

__all__ = ["Area", "contains", "contains_all", "latitudes"]

Area = GeoBox | GeoRadius | GeoPolygon
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_EARTH_RADIUS = 6_371_008.8
_CLOSE = 1e-9
"""Relative difference of two distances below which they are computed once more."""
_ROUNDING = 4e-16
"""Relative error of a cross product in float64, rounded up."""


def contains(area: Area, lon: float, lat: float) -> bool:
    """Tell whether a place lies strictly inside an area."""
    match area:
        case GeoBox(_, top_left, bottom_right):
            if not bottom_right.lat < lat < top_left.lat:
                return False
            if top_left.lon > bottom_right.lon:
                return lon > top_left.lon or lon < bottom_right.lon
            return top_left.lon < lon < bottom_right.lon
        case GeoRadius(_, center, radius):
            return _distance(center, lon, lat) < radius
        case GeoPolygon(_, exterior, interiors):
            if _side(exterior, lon, lat) != 1:
                return False
            return all(_side(interior, lon, lat) == -1 for interior in interiors)


def contains_all(area: Area, lon: Floats, lat: Floats) -> Mask:
    """Tell for each of many places whether it lies strictly inside an area."""
    match area:
        case GeoBox(_, top_left, bottom_right):
            tall = (lat > bottom_right.lat) & (lat < top_left.lat)
            if top_left.lon > bottom_right.lon:
                return tall & ((lon > top_left.lon) | (lon < bottom_right.lon))
            return tall & (lon > top_left.lon) & (lon < bottom_right.lon)
        case GeoRadius(_, center, radius):
            distance = _distances(center, lon, lat)
            return _settled(area, lon, lat, distance < radius, np.abs(distance - radius) <= _CLOSE * distance + _CLOSE)
        case GeoPolygon(_, exterior, interiors):
            inside, unsure = _windings(exterior, lon, lat)
            for interior in interiors:
                in_hole, unsure_hole = _windings(interior, lon, lat)
                inside, unsure = inside & ~in_hole, unsure | unsure_hole
            return _settled(area, lon, lat, inside, unsure)


def latitudes(area: Area) -> tuple[float, float]:
    """Return a range of latitudes outside which no place of the area lies."""
    match area:
        case GeoBox(_, top_left, bottom_right):
            return bottom_right.lat, top_left.lat
        case GeoRadius(_, center, radius):
            reach = math.degrees(radius / _EARTH_RADIUS) * (1 + _CLOSE) + _CLOSE
            return center.lat - reach, center.lat + reach
        case GeoPolygon(_, exterior):
            ends = [point.lat for point in exterior]
            return min(ends, default=0.0), max(ends, default=0.0)


def _settled(area: Area, lon: Floats, lat: Floats, inside: Mask, unsure: Mask) -> Mask:
    for position in np.flatnonzero(unsure).tolist():
        inside[position] = contains(area, float(lon[position]), float(lat[position]))
    return inside


def _distance(center: GeoPoint, lon: float, lat: float) -> float:
    """Return the length of the great circle between two places in metres (haversine)."""
    from_lat, to_lat = math.radians(center.lat), math.radians(lat)
    half_lat, half_lon = math.radians(lat - center.lat) / 2, math.radians(lon - center.lon) / 2
    part = math.sin(half_lat) ** 2 + math.cos(from_lat) * math.cos(to_lat) * math.sin(half_lon) ** 2
    return 2 * _EARTH_RADIUS * math.asin(min(1.0, math.sqrt(max(0.0, part))))


def _distances(center: GeoPoint, lon: Floats, lat: Floats) -> Floats:
    part = np.sin(np.radians(lat - center.lat) / 2) ** 2 + math.cos(math.radians(center.lat)) * np.cos(
        np.radians(lat)
    ) * (np.sin(np.radians(lon - center.lon) / 2) ** 2)
    distances: Floats = 2 * _EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(part, 0.0, 1.0)))
    return distances


def _side(ring: Sequence[GeoPoint], lon: float, lat: float) -> int:
    """Return 1 inside a ring, -1 outside, 0 on it; inside is where the ring winds round."""
    winding = 0
    for start, end in zip(ring, (*ring[1:], *ring[:1]), strict=True):
        low, high = sorted((start.lat, end.lat))
        if not low <= lat <= high:
            continue
        turn = _turn(start, end, lon, lat)
        if turn == 0 and min(start.lon, end.lon) <= lon <= max(start.lon, end.lon):
            return 0
        if start.lat <= lat < end.lat:
            winding += turn > 0
        elif end.lat <= lat < start.lat:
            winding -= turn < 0
    return 1 if winding else -1


def _turn(start: GeoPoint, end: GeoPoint, lon: float, lat: float) -> int:
    """Return the sign of the turn at ``end`` on the way from ``start`` to the place: 1 left, -1 right, 0 none."""
    left = (end.lon - start.lon) * (lat - start.lat)
    right = (end.lat - start.lat) * (lon - start.lon)
    turn = left - right
    if abs(turn) <= _ROUNDING * (abs(left) + abs(right)):
        x, y = Fraction(start.lon), Fraction(start.lat)
        exact = (Fraction(end.lon) - x) * (Fraction(lat) - y) - (Fraction(end.lat) - y) * (Fraction(lon) - x)
        return (exact > 0) - (exact < 0)
    return 1 if turn > 0 else -1


def _windings(ring: Sequence[GeoPoint], lon: Floats, lat: Floats) -> tuple[Mask, Mask]:
    """Tell for each place whether a ring winds round it, and whether it is too near the ring to be sure."""
    winding = np.zeros(len(lon), np.int32)
    unsure = np.zeros(len(lon), bool)
    for start, end in zip(ring, (*ring[1:], *ring[:1]), strict=True):
        left = (end.lon - start.lon) * (lat - start.lat)
        right = (end.lat - start.lat) * (lon - start.lon)
        turn = left - right
        low, high = sorted((start.lat, end.lat))
        unsure |= (lat >= low) & (lat <= high) & (np.abs(turn) <= _ROUNDING * (np.abs(left) + np.abs(right)))
        winding += (start.lat <= lat) & (lat < end.lat) & (turn > 0)
        winding -= (end.lat <= lat) & (lat < start.lat) & (turn < 0)
    return winding != 0, unsure
