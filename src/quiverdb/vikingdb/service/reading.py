"""Read the values of a request: each function returns what it was given, or says what is wrong with it.

Names are those of the request: ``filter.conds[0].field`` says where in a filter a field is named.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from quiverdb.vikingdb.exceptions import VikingVectorException, failure

__all__ = [
    "INT64",
    "check_keys",
    "choice",
    "flag",
    "integer",
    "invalid",
    "listing",
    "mapping",
    "missing",
    "number",
    "text",
]

INT64 = range(-(2**63), 2**63)
_SHOWN = 80


def invalid(message: str) -> VikingVectorException:
    """Return the error for a value that is wrong."""
    return failure("InvalidParameter", message)


def missing(name: str) -> VikingVectorException:
    """Return the error for a value that is not there."""
    return failure("MissingParameter", f"{name} is missing")


def check_keys(given: Mapping[str, Any], known: Collection[str], name: str) -> None:
    """Reject keys that mean nothing, which are typing errors more often than not."""
    for key in given:
        if key not in known:
            raise invalid(f"{name} has no key {key!r}; it takes {', '.join(sorted(known))}")


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """Return an object."""
    if not isinstance(value, Mapping):
        raise _wrong(name, "an object", value)
    return value


def listing(value: Any, name: str, *, least: int = 0, most: int | None = None) -> Sequence[Any]:
    """Return a list of ``least`` to ``most`` elements; arrays become lists."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise _wrong(name, "a list", value)
    if len(value) < least:
        raise invalid(f"{name} needs at least {least} element{'s' if least > 1 else ''}, got {len(value)}")
    if most is not None and len(value) > most:
        raise invalid(f"{name} takes at most {most} elements, got {len(value)}")
    return value


def text(value: Any, name: str, *, empty: bool = False) -> str:
    """Return a string, which must not be empty unless that is said."""
    if not isinstance(value, str):
        raise _wrong(name, "a string", value)
    if not value and not empty:
        raise invalid(f"{name} must not be empty")
    return value


def flag(value: Any, name: str) -> bool:
    """Return a bool."""
    if not isinstance(value, bool | np.bool_):
        raise _wrong(name, "true or false", value)
    return bool(value)


def integer(value: Any, name: str, low: int = INT64[0], high: int = INT64[-1]) -> int:
    """Return an integer from ``low`` to ``high``; a float without a fraction is one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise _wrong(name, "an integer", value)
    if not low <= value <= high:
        raise invalid(f"{name} must lie between {low} and {high}, got {value}")
    return int(value)


def number(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a number from ``low`` to ``high``, never NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise _wrong(name, "a number", value)
    try:
        found = float(value)
    except OverflowError:
        raise invalid(f"{name} is too large a number") from None
    if math.isnan(found):
        raise invalid(f"{name} must not be NaN")
    if not low <= found <= high:
        raise invalid(f"{name} must lie between {low} and {high}, got {value}")
    return found


def choice(value: Any, name: str, options: Collection[str]) -> str:
    """Return one of some strings."""
    if not isinstance(value, str) or value not in options:
        raise _wrong(name, f"one of {', '.join(options)}", value)
    return value


def _wrong(name: str, kind: str, value: Any) -> VikingVectorException:
    if value is None:
        return missing(name)
    shown = repr(value)
    return invalid(f"{name} must be {kind}, got {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}")
