"""What the official SDK derives its clients from."""

from __future__ import annotations

from quiverdb.vikingdb.vector.client import VikingDB

__all__ = ["Client"]

Client = VikingDB
