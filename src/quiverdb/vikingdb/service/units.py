"""Times, places, and how far apart they are, as VikingDB writes them.

==========  ==========================================  ==================================
moment      ``2025-08-12T11:33:56+08:00``, by minutes,  microseconds since 1970-01-01 UTC
            seconds or milliseconds, 1970 to 3000
period      ``9d`` ``36h`` ``90m`` ``10s`` ``500ms``    microseconds
place       ``116.408108,39.915023``                    longitude, latitude in degrees
length      ``10km`` ``500m``                           metres
==========  ==========================================  ==================================

Every function returns ``None`` for what it cannot read.
"""

from __future__ import annotations

import math
import re

from quiverdb.dates import parse_datetime
from quiverdb.model.filter import GeoPoint

__all__ = ["length", "moment", "period", "place"]

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(:[0-5][0-9](?:\.[0-9]{3})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_LAST = parse_datetime("3000-01-01") or 0
_AMOUNT = r"([0-9]{1,18}(?:\.[0-9]{1,18})?)"
_PERIOD = re.compile(rf"{_AMOUNT}(ms|[smhd])")
_LENGTH = re.compile(rf"{_AMOUNT}(k?m)")
_DEGREES = r"([+-]?[0-9]{1,3}(?:\.[0-9]{1,30})?)"
_PLACE = re.compile(rf"\s*{_DEGREES}\s*,\s*{_DEGREES}\s*")
_MICROS = {"ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86_400 * 10**6}
_METRES = {"m": 1, "km": 1000}


def moment(text: object) -> int | None:
    """Return the microseconds since 1970 that a date with its time names.

    >>> moment("1970-01-01T08:01+08:00"), moment("1970-01-01T00:00:00.250Z"), moment("1970-01-01")
    (60000000, 250000, None)
    """
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    day, seconds, offset = found.groups()
    micros = parse_datetime(f"{day}{seconds or ':00'}{offset}")
    return micros if micros is not None and 0 <= micros <= _LAST else None


def period(text: object) -> float | None:
    """Return the microseconds that a period takes.

    >>> period("1d") / period("1h")
    24.0
    """
    return _measured(_PERIOD, _MICROS, text)


def place(text: object) -> GeoPoint | None:
    """Return the place that its longitude and latitude name.

    >>> place("116.408108,39.915023")
    GeoPoint(lon=116.408108, lat=39.915023)
    """
    found = _PLACE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    lon, lat = float(found[1]), float(found[2])
    return GeoPoint(lon, lat) if -180 < lon < 180 and -90 < lat < 90 else None


def length(text: object) -> float | None:
    """Return the metres of a length.

    >>> length("1.5km")
    1500.0
    """
    return _measured(_LENGTH, _METRES, text)


def _measured(pattern: re.Pattern[str], units: dict[str, int], text: object) -> float | None:
    found = pattern.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    measured = float(found[1]) * units[found[2]]
    return measured if math.isfinite(measured) else None
