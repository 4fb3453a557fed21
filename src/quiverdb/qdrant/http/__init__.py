"""The names that the official package keeps in its ``http`` package: ``models`` and ``exceptions``."""

from __future__ import annotations

from quiverdb.qdrant.http import exceptions, models

__all__ = ["exceptions", "models"]
