"""Folding: letters with marks, ligatures and other variants become their ASCII counterparts."""

from __future__ import annotations

from functools import cache

from quiverdb.text.resources import lines

__all__ = ["fold"]


def fold(text: str) -> str:
    """Replace what has an ASCII counterpart and keep the rest.

    >>> fold("Æsop café 東京")
    'AEsop cafe 東京'
    """
    return text if text.isascii() else text.translate(_table())


@cache
def _table() -> dict[int, str]:
    """Map code points to their replacements; each line of the file has a replacement and its originals."""
    table = {}
    for line in lines("folding.txt"):
        replacement, _, originals = line.partition(" ")
        table.update(dict.fromkeys(map(ord, originals), replacement))
    return table
