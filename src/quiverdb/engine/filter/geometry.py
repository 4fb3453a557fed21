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

__all__ = ["Area", "contains", "contains_all", "distance", "latitudes"]

Area = GeoBox | GeoRadius | GeoPolygon
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_EARTH_RADIUS = 6_371_008.8
_CLOSE = 1e-9
"""Relative difference below which two distances are compared once more, one by one."""
_POLE, _DATE_LINE = 90.0, 180.0
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
            return distance(center, lon, lat) < radius
        case GeoPolygon(_, exterior, interiors):
            if _side(exterior, lon, lat) != 1:
                return False
            return all(_side(interior, lon, lat) == -1 for interior in interiors)


def contains_all(area: Area, lon: Floats, lat: Floats) -> Mask:
    """Tell for each of many places on the map whether it lies strictly inside an area."""
    if isinstance(area, GeoBox):
        top_left, bottom_right = area.top_left, area.bottom_right
        tall = (lat > bottom_right.lat) & (lat < top_left.lat)
        if top_left.lon > bottom_right.lon:
            return tall & ((lon > top_left.lon) | (lon < bottom_right.lon))
        return tall & (lon > top_left.lon) & (lon < bottom_right.lon)
    west, east = _longitudes(area)
    near = np.flatnonzero((lon >= west) & (lon <= east))
    lon, lat, found = lon[near], lat[near], np.zeros(len(lon), bool)
    inside, unsure = _nearer(area, lon, lat) if isinstance(area, GeoRadius) else _surrounded(area, lon, lat)
    for position in np.flatnonzero(unsure).tolist():
        inside[position] = contains(area, float(lon[position]), float(lat[position]))
    found[near] = inside
    return found


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


def _longitudes(area: GeoRadius | GeoPolygon) -> tuple[float, float]:
    """Return a range of longitudes outside which no place of the area lies."""
    if isinstance(area, GeoPolygon):
        ends = [point.lon for point in area.exterior]
        return min(ends, default=0.0), max(ends, default=0.0)
    low, high = latitudes(area)
    if -_POLE < low <= high < _POLE:
        width = math.sin(area.radius / _EARTH_RADIUS) / math.cos(math.radians(area.center.lat))
        reach = math.degrees(math.asin(min(1.0, width))) * (1 + _CLOSE) + _CLOSE
        west, east = area.center.lon - reach, area.center.lon + reach
        if west >= -_DATE_LINE and east <= _DATE_LINE:
            return west, east
    return -_DATE_LINE, _DATE_LINE


def distance(center: GeoPoint, lon: float, lat: float) -> float:
    """Return the length of the great circle between two places in metres (haversine)."""
    from_lat, to_lat = math.radians(center.lat), math.radians(lat)
    half_lat, half_lon = math.radians(lat - center.lat) / 2, math.radians(lon - center.lon) / 2
    part = math.sin(half_lat) ** 2 + math.cos(from_lat) * math.cos(to_lat) * math.sin(half_lon) ** 2
    return 2 * _EARTH_RADIUS * math.asin(min(1.0, math.sqrt(max(0.0, part))))


def _nearer(area: GeoRadius, lon: Floats, lat: Floats) -> tuple[Mask, Mask]:
    """Tell for each place whether it is near enough, and whether that is too close to be sure."""
    if not area.radius > 0:
        nowhere = np.zeros(len(lon), bool)
        return nowhere, nowhere
    half = math.pi / 360
    part = np.sin((lat - area.center.lat) * half) ** 2
    part += (
        math.cos(math.radians(area.center.lat))
        * np.cos(np.radians(lat))
        * (np.sin((lon - area.center.lon) * half) ** 2)
    )
    limit = math.sin(min(area.radius / _EARTH_RADIUS, math.pi) / 2) ** 2
    return part < limit, np.abs(part - limit) <= _CLOSE * limit


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


def _surrounded(area: GeoPolygon, lon: Floats, lat: Floats) -> tuple[Mask, Mask]:
    """Tell for each place whether it is in a polygon and in none of its holes, and whether that is not sure."""
    inside, unsure = _windings(area.exterior, lon, lat)
    for interior in area.interiors:
        in_hole, unsure_hole = _windings(interior, lon, lat)
        inside, unsure = inside & ~in_hole, unsure | unsure_hole
    return inside, unsure


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
