"""The operations that ask models only: ``embedding`` and ``rerank``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from quiverdb.vikingdb.operations import Payload

if TYPE_CHECKING:
    from quiverdb.vikingdb.service.service import Service

__all__ = ["MODELS", "Ask"]

Ask: TypeAlias = "Callable[[Service, Payload], Mapping[str, Any]]"

MODELS: Mapping[str, Ask] = {}
