"""The names of ``cosdata.api.vectors``."""

from __future__ import annotations

from quiverdb.cosdata._records import Vector
from quiverdb.cosdata._vectors import Vectors

__all__ = ["Vector", "Vectors"]
