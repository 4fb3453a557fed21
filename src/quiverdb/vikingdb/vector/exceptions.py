"""The errors of the vector database, where programs for the official SDK look for them."""

from __future__ import annotations

from quiverdb.vikingdb.exceptions import VikingConnectionException, VikingVectorException

__all__ = ["VikingConnectionException", "VikingVectorException"]
