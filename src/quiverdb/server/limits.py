"""How much a request may be: bytes of its body, depth of its JSON, points and queries at once.

All is found out before anything is decoded or carried out, and in time that grows with the size alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quiverdb.errors import RefusedError
from quiverdb.server.settings import Service

__all__ = ["BodySize", "check_batch", "check_depth", "is_deeper"]

TOO_LARGE = 413
_REQUESTS = ("requests", "searches", "update_operations", "operations")
_POINTS = ("points", "points_selector", "points_batch", "ids")
_BLOCK = 1 << 16
_QUOTE = ord('"')
_BACKSLASH = ord("\\")

Bytes: TypeAlias = npt.NDArray[np.uint8]
Offsets: TypeAlias = npt.NDArray[np.intp]
Flags: TypeAlias = npt.NDArray[np.bool_]


class BodySize:
    """Count the bytes of a body while it arrives, and refuse it (413) as soon as there are too many.

    ``announced`` is the content of the header ``content-length``, if there is one. A client that announces less than
    it sends is counted all the same.

    >>> size = BodySize(limit=4)
    >>> size.add(b"abc")
    >>> size.add(b"de")
    Traceback (most recent call last):
    quiverdb.errors.RefusedError: Payload error: JSON payload has exceeded limit (4 bytes).
    """

    def __init__(self, limit: int, announced: str | None = None) -> None:
        self.limit = limit
        self.total = 0
        if announced is None:
            return
        if not (announced.isascii() and announced.isdigit()):
            raise RefusedError(f"the header content-length is {announced[:40]!r}, not a number", status=400)
        digits = announced.lstrip("0")
        if len(digits) > len(str(limit)) or int(digits or "0") > limit:
            told = digits if len(digits) <= 20 else "too many"
            raise RefusedError(
                f"Payload error: JSON payload ({told} bytes) is larger than allowed (limit: {limit} bytes).",
                status=TOO_LARGE,
            )

    def add(self, chunk: Sized) -> None:
        """Count a chunk."""
        self.total += len(chunk)
        if self.total > self.limit:
            raise RefusedError(
                f"Payload error: JSON payload has exceeded limit ({self.limit} bytes).", status=TOO_LARGE
            )


def check_depth(body: bytes, limit: int) -> None:
    """Refuse (400) JSON that is nested more than ``limit`` deep; whether it is well-formed is not looked at.

    >>> check_depth(b'[{"text": "[[[["}]', limit=2)
    """
    if is_deeper(body, limit):
        raise RefusedError(f"Format error in JSON body: recursion limit exceeded: more than {limit} levels", status=400)


def is_deeper(body: bytes, limit: int) -> bool:
    """Tell whether JSON is nested more than ``limit`` deep; whether it is well-formed is not looked at.

    >>> is_deeper(b"[[1]]", limit=1)
    True
    """
    if len(body) <= _BLOCK and body.count(b"[") + body.count(b"{") <= limit:
        return False
    scan, blocks = _Scan(), range(0, len(body), _BLOCK)
    return any(scan.deepest(np.frombuffer(body, "u1", min(_BLOCK, len(body) - at), at)) > limit for at in blocks)


class _Scan:
    """Follow the brackets of JSON block by block: no recursion, and no memory beyond that of a block."""

    def __init__(self) -> None:
        self.depth = 0
        self.in_string = False
        self.escaped = False
        """Whether the first byte of the next block stands behind a backslash that escapes it."""

    def deepest(self, block: Bytes) -> int:
        """Return the greatest depth within the next block."""
        folded = block | 0x20
        folded -= ord("{")
        where = np.flatnonzero((folded <= 2) | (block == _QUOTE))  # brackets, braces, quotes, backslashes, and |
        found = block[where]
        quotes = self._real_quotes(where, found, len(block))
        closed = ~np.logical_xor.accumulate(quotes) if quotes.any() else np.ones(len(found), bool)
        outside = ~closed if self.in_string else closed
        steps = ord("|") - (found[outside & (found != _QUOTE)] | 0x20).astype("i1")
        depths = np.cumsum(steps, dtype="i4")
        deepest = self.depth + int(depths.max(initial=0))
        self.depth += int(depths[-1]) if len(depths) else 0
        self.in_string ^= bool(np.count_nonzero(quotes) % 2)
        return deepest

    def _real_quotes(self, where: Offsets, found: Bytes, size: int) -> Flags:
        """Tell which of the bytes found are quotes that no backslash escapes."""
        quotes: Flags = found == _QUOTE
        slashes = where[found == _BACKSLASH]
        if not (len(slashes) or self.escaped):
            return quotes
        escaped = np.zeros(size + 1, bool)
        escaped[0] = self.escaped
        if len(slashes):
            first = np.diff(slashes, prepend=-2) != 1
            starts = np.maximum.accumulate(np.where(first, slashes, -1))
            if self.escaped and slashes[0] == 0:
                starts[starts == 0] = 1  # the slash at 0 is itself escaped
            escaped[slashes[(slashes - starts) % 2 == 0] + 1] = True
        self.escaped = bool(escaped[size])
        quotes &= ~escaped[where]
        return quotes


def check_batch(arguments: Mapping[str, Any], service: Service) -> None:
    """Refuse (422) a request with more points, or more queries or operations, than the settings allow.

    >>> check_batch({"requests": [{}] * 3}, Service(max_batch_requests=2))
    Traceback (most recent call last):
    quiverdb.errors.RefusedError: Validation error in body: [requests: 3 given, at most 2 allowed]
    """
    for name in _REQUESTS:
        requests = arguments.get(name)
        if isinstance(requests, Sequence):
            _check(name, len(requests), service.max_batch_requests)
    _check("points", sum(_points(arguments)), service.max_batch_points)


def _points(arguments: Mapping[str, Any]) -> Iterator[int]:
    """Count the points that a request, or each operation in it, holds or names."""
    rest: list[Any] = [arguments]
    while rest:
        one = rest.pop()
        for name in _POINTS:
            yield _count(_field(one, name))
        yield _count(_field(one, "batch"))
        for name in ("update_operations", "operations"):
            operations = _field(one, name)
            for operation in operations if isinstance(operations, list | tuple) else ():
                rest.extend(operation.values() if isinstance(operation, Mapping) else ())


def _count(points: Any) -> int:
    """Count points in a list, or in columns or a selector with their ids."""
    if isinstance(points, list | tuple):
        return len(points)
    ids = _field(points, "ids") or _field(points, "points")
    return len(ids) if isinstance(ids, list | tuple) else 0


def _field(plain: Any, name: str) -> Any:
    return plain.get(name) if isinstance(plain, Mapping) else getattr(plain, name, None)


def _check(name: str, found: int, limit: int | None) -> None:
    if limit is not None and found > limit:
        raise RefusedError(f"Validation error in body: [{name}: {found} given, at most {limit} allowed]", status=422)
