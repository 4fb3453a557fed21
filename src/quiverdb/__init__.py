"""QuiverDB: one vector database in a Python process that speaks the Qdrant, Cosdata and VikingDB APIs."""

from quiverdb._version import __version__

__all__ = ["__version__"]
