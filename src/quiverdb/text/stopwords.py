"""Stopwords: the frequent words of a language that tell nothing about a text."""

from __future__ import annotations

from functools import cache

from quiverdb.errors import UnsupportedError
from quiverdb.text.resources import lines

__all__ = ["stopwords_of"]

_LANGUAGES = frozenset({"english"})


@cache
def stopwords_of(language: str) -> frozenset[str]:
    """Return the stopwords of a language.

    >>> sorted(stopwords_of("english"))[:3]
    ['a', 'about', 'above']
    """
    if language not in _LANGUAGES:
        advice = "List the words as custom stopwords instead."
        raise UnsupportedError(f"A list of {language} stopwords", "QuiverDB", advice)
    return frozenset(word for line in lines(f"stopwords/{language}.txt") for word in line.split())
