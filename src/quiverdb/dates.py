"""Dates as text: microseconds since 1970-01-01 UTC come out.

Read are RFC 3339 and its everyday variants: a blank instead of ``T``, no offset (which means UTC), an offset
without colon or minutes, ``HH:MM`` without seconds when there is no offset, a date alone, one-digit months,
days and hours. Digits beyond microseconds are cut off.
"""

from __future__ import annotations

import re

__all__ = ["parse_datetime"]

_MICROS = 1_000_000
_LAST_YEAR = 262_142
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LONGEST = 200
"""More characters than any date has; what is longer is not worth a look."""

_YEAR = r"\s*([+-][0-9]+|[0-9]{1,4}+)"
_FRACTION = r"(?:\.([0-9]+))?"
_SIGNED = r"([-+\u2212])([01][0-9]|2[0-3])[:\s]*([0-5][0-9])"

_COMMON = re.compile(
    rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})"
    rf"(?:[T ]([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}){_FRACTION}"
    rf"(?:[Zz]|([-+])([01][0-9]|2[0-3]):([0-5][0-9]))?)?"
)
_SPACED = re.compile(
    rf"{_YEAR}\s*-\s*([0-9]{{1,2}}+)\s*-\s*([0-9]{{1,2}}+)[Tt ]"
    rf"\s*([0-9]{{1,2}}+)\s*:\s*([0-9]{{1,2}}+)\s*:\s*([0-9]{{1,2}}+){_FRACTION}\s*(?:[Zz]|[Uu][Tt][Cc]|{_SIGNED})\s*"
)
_WITH_ZONE = re.compile(
    rf"{_YEAR}-\s*([0-9]{{1,2}}+)-\s*([0-9]{{1,2}}+)T?"
    rf"\s*([0-9]{{1,2}}+):\s*([0-9]{{1,2}}+):\s*([0-9]{{1,2}}+){_FRACTION}\s*(?:[Zz]|{_SIGNED}?)"
)
_WITHOUT_ZONE = re.compile(
    rf"{_YEAR}-\s*([0-9]{{1,2}}+)-\s*([0-9]{{1,2}}+)"
    rf"(?:T?\s*([0-9]{{1,2}}+):\s*([0-9]{{1,2}}+)(?::\s*([0-9]{{1,2}}+){_FRACTION})?)?()()()"
)


def parse_datetime(text: str) -> int | None:
    """Return the microseconds since 1970-01-01 UTC that ``text`` names, or ``None`` if it is no date.

    >>> parse_datetime("1970-01-01T01:00:00.5+01:00"), parse_datetime("1970-01-02"), parse_datetime("soon")
    (500000, 86400000000, None)
    """
    found = _COMMON.fullmatch(text)
    if found is None:
        if len(text) > _LONGEST:
            return None
        found = _WITHOUT_ZONE.fullmatch(text) or _SPACED.fullmatch(text) or _WITH_ZONE.fullmatch(text)
        if found is None:
            return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    days = _days(int(year), int(month), int(day))
    if days is None:
        return None
    seconds = days * 86_400
    if hour is not None:
        hours, minutes, rest = int(hour), int(minute), int(second or 0)
        if hours > 23 or minutes > 59 or rest > 60:
            return None
        seconds += hours * 3600 + minutes * 60 + rest
    if sign:
        offset = int(zone_hour) * 3600 + int(zone_minute or 0) * 60
        seconds += -offset if sign == "+" else offset
    return seconds * _MICROS + (int(fraction[:6].ljust(6, "0")) if fraction else 0)


def _days(year: int, month: int, day: int) -> int | None:
    """Return the days since 1970-01-01 in the Gregorian calendar, ``None`` if there is no such day."""
    if not (1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1] and -_LAST_YEAR - 1 <= year <= _LAST_YEAR):
        return None
    if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
        return None
    if month <= 2:
        year, month = year - 1, month + 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719_469
