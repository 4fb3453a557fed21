"""The models, under their second name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quiverdb.qdrant import models

if TYPE_CHECKING:
    from quiverdb.qdrant.models import *  # noqa: F403

__all__ = models.__all__


def __getattr__(name: str) -> Any:
    return getattr(models, name)


def __dir__() -> list[str]:
    return __all__
