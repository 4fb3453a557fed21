"""The names of ``cosdata.api.versions``."""

from __future__ import annotations

from quiverdb.cosdata._records import Version
from quiverdb.cosdata._versions import Versions

__all__ = ["Version", "Versions"]
