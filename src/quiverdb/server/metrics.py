"""What a server tells of itself: how many requests it answered and how fast, what it holds, what it takes.

``Requests`` counts; ``prometheus_text`` writes what Prometheus reads, under the names that Qdrant has for it.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from quiverdb.database import Database
from quiverdb.errors import NotFoundError
from quiverdb.qdrant._connection import API_VERSION

__all__ = ["CONTENT_TYPE", "Requests", "prometheus_text"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = tuple(digit * 10**power for power in range(-6, 2) for digit in (1, 5))
"""Upper bounds of the histogram, in seconds: 1 µs, 5 µs, 10 µs, … 50 s."""
MAX_ENDPOINTS = 2000
"""More are not told apart, so that no caller can make the statistics grow without end."""

Protocol: TypeAlias = Literal["rest", "grpc", "cosdata", "vikingdb"]
Labels: TypeAlias = tuple[tuple[str, str], ...]

_PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
_PROC = Path("/proc/self")


class _Timing:
    """Sum up how long requests took."""

    __slots__ = ("buckets", "count", "last", "maximum", "minimum", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.minimum = float("inf")
        self.maximum = 0.0
        self.last = 0.0
        self.buckets = [0] * (len(BOUNDS) + 1)

    def add(self, seconds: float, now: float) -> None:
        self.count += 1
        self.total += seconds
        self.minimum = min(self.minimum, seconds)
        self.maximum = max(self.maximum, seconds)
        self.last = now
        self.buckets[bisect_left(BOUNDS, seconds)] += 1

    @property
    def average(self) -> float:
        return self.total / self.count

    def statistics(self) -> dict[str, Any]:
        """Return what telemetry tells, in the shape of Qdrant's API."""
        return {
            "count": self.count,
            "avg_duration_micros": self.average * 1e6,
            "min_duration_micros": self.minimum * 1e6,
            "max_duration_micros": self.maximum * 1e6,
            "total_duration_micros": round(self.total * 1e6),
            "last_responded": datetime.fromtimestamp(self.last, UTC).isoformat().replace("+00:00", "Z"),
        }


class Requests:
    """Count the requests that were answered; from any thread.

    Endpoints are routes, as ``POST /collections/{collection_name}/points``, and the full names of gRPC methods.

    >>> requests = Requests()
    >>> requests.record("rest", "GET /collections", 200, 0.001)
    >>> requests.telemetry()["rest"]["responses"]["GET /collections"]["200"]["count"]
    1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timings: dict[tuple[Protocol, str, int], _Timing] = {}

    def record(self, protocol: Protocol, endpoint: str, status: int, seconds: float) -> None:
        """Count an answer: its HTTP status or gRPC code, and how long it took to give."""
        key = (protocol, endpoint, status)
        with self._lock:
            timing = self._timings.get(key)
            if timing is None:
                if len(self._timings) >= MAX_ENDPOINTS:
                    key = (protocol, "other", status)
                timing = self._timings.setdefault(key, _Timing())
            timing.add(seconds, time.time())

    def telemetry(self) -> dict[str, Any]:
        """Return ``requests`` of the answer to ``GET /telemetry``."""
        told: dict[str, Any] = {protocol: {"responses": {}} for protocol in ("rest", "grpc")}
        with self._lock:
            for (protocol, endpoint, status), timing in self._timings.items():
                if protocol in told:  # of which alone Qdrant's API knows
                    told[protocol]["responses"].setdefault(endpoint, {})[str(status)] = timing.statistics()
        return told

    def families(self) -> list[_Family]:
        """Return the metrics of all requests."""
        with self._lock:
            return [family for protocol in _PROTOCOLS for family in self._families_of(protocol)]

    def _families_of(self, protocol: Protocol) -> Iterator[_Family]:
        timings = [
            (_labels(protocol, endpoint, status), _failed(protocol, status), timing)
            for (of, endpoint, status), timing in sorted(self._timings.items(), key=lambda item: item[0])
            if of == protocol
        ]
        if not timings:
            return
        # Qdrant tells times of failures over gRPC only.
        timed = [(labels, timing) for labels, failed, timing in timings if protocol == "grpc" or not failed]
        name = f"{protocol}_responses"
        yield _Family(
            f"{name}_total", "counter", "total number of responses", [(one, timing.count) for one, _, timing in timings]
        )
        yield _Family(
            f"{name}_fail_total",
            "counter",
            "total number of failed responses",
            [(labels, timing.count if failed else 0) for labels, failed, timing in timings],
        )
        for kind, told in (("avg", "average"), ("min", "minimum"), ("max", "maximum")):
            samples = [(labels, getattr(timing, told)) for labels, timing in timed]
            yield _Family(f"{name}_{kind}_duration_seconds", "gauge", f"{told} response duration", samples)
        yield _Family(f"{name}_duration_seconds", "histogram", "response duration histogram", timed)


class _Family(NamedTuple):
    """Hold all samples of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[Any]
    """Labels and value of each; the value in a histogram is a ``_Timing``."""


def prometheus_text(
    requests: Requests, database: Database, *, prefix: str = "", recovery_mode: bool = False
) -> Iterable[str]:
    r"""Yield the answer to ``GET /metrics`` in pieces, with ``prefix`` before every name.

    >>> import quiverdb
    >>> text = "".join(prometheus_text(Requests(), quiverdb.open(":memory:"), prefix="quiver_"))
    >>> "quiver_collections_total 0\n" in text
    True
    """
    for family in (*_app(recovery_mode=recovery_mode), *_collections(database), *requests.families(), *_process()):
        if family.samples:
            yield from _lines(family, prefix + family.name)


def _app(*, recovery_mode: bool) -> Iterator[_Family]:
    build = (("name", "qdrant"), ("version", API_VERSION))
    yield _Family("app_info", "gauge", "information about the server", [(build, 1)])
    yield _gauge("app_status_recovery_mode", "whether the server is in recovery mode", int(recovery_mode))


def _collections(database: Database) -> Iterator[_Family]:
    """Tell of the collections; each vector name is taken to have as many vectors as there are points."""
    points: list[tuple[Labels, int]] = []
    vectors: list[tuple[Labels, int]] = []
    running: list[tuple[Labels, int]] = []
    for name in database.collection_names():
        try:
            info, work = database.info(name), database.work(name)
        except NotFoundError:  # deleted meanwhile
            continue
        points.append(((("id", name),), info.points_count))
        running.append(((("id", name),), len(work.running)))
        names = (*info.spec.vectors, *info.spec.sparse_vectors)
        vectors += [((("collection", name), ("vector", vector)), info.points_count) for vector in names]
    yield _gauge("collections_total", "number of collections", len(points))
    yield _gauge(
        "collections_vector_total", "total number of vectors in all collections", sum(count for _, count in vectors)
    )
    yield _Family("collection_points", "gauge", "approximate amount of points per collection", points)
    yield _Family("collection_vectors", "gauge", "amount of vectors grouped by vector name", vectors)
    yield _Family(
        "collection_running_optimizations",
        "gauge",
        "number of currently running optimization tasks per collection",
        running,
    )


def _process() -> Iterator[_Family]:
    """Tell what the process takes, as far as the system tells."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        resident = int((_PROC / "statm").read_text().split()[1]) * page
        files, threads = (sum(1 for _ in (_PROC / kind).iterdir()) for kind in ("fd", "task"))
    except (OSError, ValueError, AttributeError):
        return
    yield _gauge("memory_resident_bytes", "bytes in physically resident pages", resident)
    yield _gauge("process_open_fds", "count of currently open file descriptors", files)
    yield _gauge("process_threads", "count of active threads", threads)
    used = os.times()
    yield _Family(
        "process_cpu_seconds_total", "counter", "user and system time spent in seconds", [((), used.user + used.system)]
    )


def _gauge(name: str, told: str, value: float) -> _Family:
    return _Family(name, "gauge", told, [((), value)])


def _labels(protocol: Protocol, endpoint: str, status: int) -> Labels:
    if protocol == "grpc":
        return (("endpoint", endpoint), ("status", str(status)))
    method, _, path = endpoint.partition(" ")
    return (("method", method), ("endpoint", path), ("status", str(status)))


def _failed(protocol: Protocol, status: int) -> bool:
    return status != 0 if protocol == "grpc" else status >= 400


def _lines(family: _Family, name: str) -> Iterator[str]:
    yield f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"
    for labels, value in family.samples:
        if isinstance(value, _Timing):
            bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
            for bound, count in zip(bounds, accumulate(value.buckets), strict=True):
                yield _line(f"{name}_bucket", (*labels, ("le", bound)), count)
            yield _line(f"{name}_sum", labels, value.total)
            yield _line(f"{name}_count", labels, value.count)
        else:
            yield _line(name, labels, value)


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{told}}} {value}\n" if told else f"{name} {value}\n"


_ESCAPES: Mapping[int, str] = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
