"""Quotas: how full memory and disk may become before the server takes nothing new."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from quiverdb.engine.memory import resident_percent
from quiverdb.engine.storage.files import storage_errors
from quiverdb.errors import CorruptionError, InvalidInputError, RefusedError
from quiverdb.qdrant import models
from quiverdb.qdrant.request.parse import parse
from quiverdb.wire.rest import encode

__all__ = ["GROWING", "Quotas"]

GROWING = frozenset((
    "upsert", "update_vectors", "set_payload", "overwrite_payload", "batch_update_points", "create_collection",
    "create_payload_index", "create_vector_name", "create_shard_key", "create_snapshot", "create_shard_snapshot",
    "create_full_snapshot", "recover_snapshot", "recover_shard_snapshot",
))  # fmt: skip
"""The operations that quotas stop."""

_FULL = 507
_FRESH = 1.0
"""Seconds for which a measurement holds."""
_FILE = "quotas.json"


class Quotas:
    """Measure memory and disk against limits that can be set; those of a database on disk outlive the server.

    >>> quotas = Quotas(None)
    >>> quotas.set({"enabled": True, "max_resident_memory_percent": 100})
    >>> quotas.check()
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._config = _stored(folder)
        self._exceeded: set[str] = set()
        self._usage: dict[str, int | None] = {}
        self._measured = float("-inf")

    def set(self, config: Any) -> None:
        """Take limits, given as a ``QuotaConfig``; ``InvalidInputError`` for ones that make no sense."""
        read = parse("QuotaConfig", config)
        for name, value in read.model_dump(exclude_none=True, exclude={"enabled"}).items():
            if not 0 <= value <= 100:
                raise InvalidInputError(f"{name} must be between 0 and 100, got {value}", field=name, fault="range")
        with self._lock:
            if self._folder is not None:
                path = self._folder / _FILE
                with storage_errors(path):
                    unfinished = path.with_name(f"{_FILE}.new")
                    unfinished.write_bytes(encode(read))
                    unfinished.replace(path)
            self._config, self._exceeded, self._measured = read, set(), float("-inf")

    def status(self) -> models.QuotaStatus:
        """Return the limits and how far they are used."""
        with self._lock:
            self._measure()
            return models.QuotaStatus(config=self._config, usage=models.QuotaUsage(**self._usage))

    def telemetry(self) -> dict[str, Any]:
        """Return the limits and which are exceeded."""
        with self._lock:
            self._measure()
            exceeded = {name.removesuffix("_percent"): name in self._exceeded for name in self._usage}
            return {"config": self._config, "exceeded": exceeded}

    def check(self) -> None:
        """Raise ``RefusedError`` (507) while a limit is exceeded."""
        if not self._config.enabled:
            return
        with self._lock:
            self._measure()
            for name in sorted(self._exceeded):
                told = f"{name.removesuffix('_percent').replace('_', ' ')} is at {self._usage[name]}%"
                limit = getattr(self._config, f"max_{name}")
                raise RefusedError(f"Quota exceeded: {told}, the limit is {limit}%", status=_FULL)

    def _measure(self) -> None:
        now = time.monotonic()
        if now - self._measured < _FRESH:
            return
        self._measured = now
        self._usage = {"resident_memory_percent": resident_percent(), "disk_usage_percent": _disk(self._folder)}
        for name, used in self._usage.items():
            limit = getattr(self._config, f"max_{name}")
            if not self._config.enabled or limit is None or used is None:
                self._exceeded.discard(name)
            elif used > limit:
                self._exceeded.add(name)
            elif used <= limit - (self._config.release_margin_percent or 0):
                self._exceeded.discard(name)


def _disk(folder: Path | None) -> int | None:
    if folder is None:
        return None
    with storage_errors(folder):
        usage = shutil.disk_usage(folder)
    return 100 * usage.used // usage.total


def _stored(folder: Path | None) -> models.QuotaConfig:
    path = None if folder is None else folder / _FILE
    if path is None or not path.exists():
        return models.QuotaConfig()
    try:
        with storage_errors(path):
            config: models.QuotaConfig = parse("QuotaConfig", msgspec.json.decode(path.read_bytes()))
    except (msgspec.DecodeError, InvalidInputError) as error:
        raise CorruptionError(
            f"{path} holds no quotas ({error}): delete it to serve without", path=str(path)
        ) from error
    return config
