"""Searches, by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.state import State
from quiverdb.database import Database

__all__ = ["SEARCHES"]

SEARCHES: Mapping[str, Callable[[Database, State, Arguments], Any]] = {}
