"""The version of this package, where programs for the official SDK look for it."""

from __future__ import annotations

from quiverdb._version import __version__

__all__ = ["__version__"]
