"""Vectors that a model has to make first: of texts, pictures and other objects."""

from __future__ import annotations

from typing import Any, NoReturn

from quiverdb.errors import UnsupportedError

__all__ = ["KINDS", "embedded"]

KINDS = frozenset({"Document", "Image", "InferenceObject"})
"""The classes that stand for such vectors."""


def embedded(value: Any) -> NoReturn:
    """Return the vector that a model makes of ``value``."""
    raise UnsupportedError(
        f"Inference ({type(value).__name__})", "the embedded engine", "Embed the object first and pass its vector."
    )
