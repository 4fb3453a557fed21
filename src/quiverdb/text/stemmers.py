"""Stemmers: from the forms of a word to one stem, by the snowball algorithms."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from threading import local

from quiverdb.errors import InvalidInputError

__all__ = ["LANGUAGES", "stemmer_of"]

LANGUAGES = frozenset({
    "arabic", "armenian", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian",
    "italian", "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
})  # fmt: skip

_CACHED_WORDS = 1 << 16
_UNKNOWN_LETTER = "\ue000"
_PLAIN_VOWEL = "ù"


@cache
def stemmer_of(language: str) -> Callable[[str], str]:
    """Return the function that stems words of a language; it may be called from any thread.

    >>> stemmer_of("english")("running")
    'run'
    """
    if language not in LANGUAGES:
        known = ", ".join(sorted(LANGUAGES))
        raise InvalidInputError(f"There is no stemmer for {language!r}; known are {known}.", field="stemmer")
    stem = _snowball(language)
    adapt = {"french": _french, "russian": _russian}.get(language)
    return lru_cache(maxsize=_CACHED_WORDS)(stem if adapt is None else adapt(stem))


def _snowball(language: str) -> Callable[[str], str]:
    # The library's own factory prefers another library, whose algorithms may be of another release.
    make = getattr(import_module(f"snowballstemmer.{language}_stemmer"), f"{language.title()}Stemmer")
    state = local()  # a stemmer keeps the word it works on

    def stem(word: str) -> str:
        if not hasattr(state, "stemmer"):
            state.stemmer = make()
        result: str = state.stemmer.stemWord(word)
        return result

    return stem


def _russian(stem: Callable[[str], str]) -> Callable[[str], str]:
    """Leave ``ё`` as it is, as Qdrant's release of the algorithm does."""

    def stem_russian(word: str) -> str:
        if "ё" not in word:
            return stem(word)
        return stem(word.replace("ё", _UNKNOWN_LETTER)).replace(_UNKNOWN_LETTER, "ё")

    return stem_russian


def _french(stem: Callable[[str], str]) -> Callable[[str], str]:
    """Treat ``ë`` and ``ï`` as plain vowels, as Qdrant's release of the algorithm does."""

    def stem_french(word: str) -> str:
        if "ë" not in word and "ï" not in word:
            return stem(word)
        # The ending -guë has a rule of its own in both releases.
        body, ending = (word[:-1], word[-1]) if word.endswith("guë") else (word, "")
        plain = stem(body.replace("ë", _PLAIN_VOWEL).replace("ï", _PLAIN_VOWEL) + ending)
        restored = (old if new == _PLAIN_VOWEL and old in "ëï" else new for new, old in zip(plain, word, strict=False))
        return "".join(restored) + plain[len(word) :]

    return stem_french
