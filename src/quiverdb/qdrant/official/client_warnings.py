"""Warnings the way the official package gives them."""

from __future__ import annotations

import warnings

__all__ = ["SEEN_MESSAGES", "show_warning", "show_warning_once"]

SEEN_MESSAGES: set[str] = set()


def show_warning(message: str, category: type[Warning] = UserWarning, stacklevel: int = 2) -> None:
    """Warn."""
    warnings.warn(message, category, stacklevel=stacklevel)


def show_warning_once(
    message: str, category: type[Warning] = UserWarning, idx: str | None = None, stacklevel: int = 1
) -> None:
    """Warn unless ``idx``, or the message itself, was warned about before."""
    key = message if idx is None else idx
    if key not in SEEN_MESSAGES:
        SEEN_MESSAGES.add(key)
        show_warning(message, category, stacklevel)
