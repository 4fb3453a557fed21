"""Stopwords: the frequent words of a language that tell nothing about a text."""

from __future__ import annotations

from functools import cache

from quiverdb.errors import InvalidInputError
from quiverdb.text.resources import lines

__all__ = ["LANGUAGES", "stopwords_of"]

LANGUAGES = frozenset({
    "arabic", "azerbaijani", "basque", "bengali", "catalan", "chinese", "danish", "dutch", "english", "finnish",
    "french", "german", "greek", "hebrew", "hinglish", "hungarian", "indonesian", "italian", "japanese", "kazakh",
    "nepali", "norwegian", "portuguese", "romanian", "russian", "slovene", "spanish", "swedish", "tajik", "turkish",
})  # fmt: skip


@cache
def stopwords_of(language: str) -> frozenset[str]:
    """Return the stopwords of a language; raises ``InvalidInputError`` for one without a list.

    >>> sorted(stopwords_of("english"))[:3]
    ['a', 'about', 'above']
    """
    if language not in LANGUAGES:
        known = ", ".join(sorted(LANGUAGES))
        raise InvalidInputError(f"There are no stopwords for {language!r}; known are {known}.", field="stopwords")
    return frozenset(word for line in lines(f"stopwords/{language}.txt") for word in line.split())
