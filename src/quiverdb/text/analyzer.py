"""Analyzers: a text goes in, tokens come out, as Qdrant makes them.

A tokenizer cuts the text. Every piece then passes, in this order: folding to ASCII, lower case, stopwords,
stemming, length limits (counted in characters). Two tokenizers make different tokens for different purposes:

=========  ============================  ===================  ==========================
tokenizer  document                      query                sequence (on both sides of
                                                              a phrase match)
=========  ============================  ===================  ==========================
prefix     all prefixes of each word     the longest prefix   all prefixes of each word
code       parts and joined identifiers  parts                parts
others     words                         words                words
=========  ============================  ===================  ==========================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from quiverdb.model.collection import FieldIndex, Stopwords
from quiverdb.text.folding import fold
from quiverdb.text.stemmers import stemmer_of
from quiverdb.text.stopwords import stopwords_of
from quiverdb.text.tokenizers import code_words, multilingual_words, whitespace_words, words

__all__ = ["Analyzer", "Tokenizer", "analyzer_for"]

Tokenizer: TypeAlias = Literal["prefix", "whitespace", "word", "multilingual", "code"]

_SPLIT: dict[str, Callable[[str], Iterable[str]]] = {
    "whitespace": whitespace_words,
    "word": words,
    "multilingual": multilingual_words,
}


class Analyzer(msgspec.Struct, frozen=True):
    """Cut texts into tokens. ``stopwords`` are compared after folding and lower case.

    >>> analyzer = Analyzer(stopwords=frozenset({"the"}), stemmer="english")
    >>> analyzer.document_tokens("The quick foxes")
    ['quick', 'fox']
    >>> Analyzer(tokenizer="prefix").query_tokens("Qui")
    ['qui']
    """

    tokenizer: Tokenizer = "word"
    lowercase: bool = True
    ascii_folding: bool = False
    stopwords: frozenset[str] = frozenset()
    stemmer: str | None = None
    """A snowball language."""
    min_token_len: int | None = None
    max_token_len: int | None = None

    def document_tokens(self, text: str) -> list[str]:
        """Return the tokens under which a stored text is found, repeated as often as they occur."""
        match self.tokenizer:
            case "prefix":
                return list(self._prefixes(text))
            case "code":
                # Joined forms find an identifier however its parts are written, which takes a common case.
                return self._finish(piece for piece, joined in code_words(text) if self.lowercase or not joined)
            case _:
                return self._finish(_SPLIT[self.tokenizer](text))

    def sequence_tokens(self, text: str) -> list[str]:
        """Return the tokens that follow each other in a stored text and must do so where a phrase matches."""
        return self._parts(text) if self.tokenizer == "code" else self.document_tokens(text)

    def query_tokens(self, text: str) -> list[str]:
        """Return the tokens that a stored text must have to be found by ``text``."""
        match self.tokenizer:
            case "prefix":
                # Stopwords stay: what was typed so far may be the beginning of another word.
                return [word[: self.max_token_len] for word in self._finish(words(text), stopwords=frozenset())]
            case "code":
                return self._parts(text)
            case _:
                return self._finish(_SPLIT[self.tokenizer](text))

    def scoring_tokens(self, text: str) -> list[str]:
        """Return the tokens by which a query scores stored texts.

        Joined identifiers are among them: unlike a text match, a scored text need not contain every token.
        """
        return self.query_tokens(text) if self.tokenizer == "prefix" else self.document_tokens(text)

    def _parts(self, text: str) -> list[str]:
        return self._finish(piece for piece, joined in code_words(text) if not joined)

    def _prefixes(self, text: str) -> Iterator[str]:
        shortest = 1 if self.min_token_len is None else self.min_token_len
        for word in self._finish(words(text)):
            longest = len(word) if self.max_token_len is None else min(self.max_token_len, len(word))
            for length in range(shortest, longest + 1):
                yield word[:length]

    def _finish(self, pieces: Iterable[str], stopwords: frozenset[str] | None = None) -> list[str]:
        """Apply the steps that come after cutting."""
        stopwords = self.stopwords if stopwords is None else stopwords
        if self.ascii_folding:
            pieces = map(fold, pieces)
        tokens = [piece.lower() for piece in pieces] if self.lowercase else list(pieces)
        if stopwords:
            tokens = [token for token in tokens if token not in stopwords]
        if self.stemmer is not None:
            tokens = list(map(stemmer_of(self.stemmer), tokens))
        if self.min_token_len is not None:
            tokens = [token for token in tokens if len(token) >= self.min_token_len]
        if self.max_token_len is not None and self.tokenizer != "prefix":  # which cuts long words instead
            tokens = [token for token in tokens if len(token) <= self.max_token_len]
        return tokens


_WORDS = Analyzer()


def analyzer_for(index: FieldIndex | None) -> Analyzer:
    """Return the analyzer that a text index asks for; without one, words in lower case.

    >>> from quiverdb.model.collection import FieldIndex, FieldType
    >>> analyzer_for(FieldIndex(FieldType.TEXT, tokenizer="whitespace", lowercase=False)).document_tokens("A b")
    ['A', 'b']
    """
    if index is None:
        return _WORDS
    return _analyzer(
        index.tokenizer or "word",
        index.lowercase is not False,
        bool(index.ascii_folding),
        index.stopwords,
        None if index.stemmer == "none" else index.stemmer,
        index.min_token_len,
        index.max_token_len,
    )


@lru_cache(maxsize=256)
def _analyzer(
    tokenizer: Tokenizer,
    lowercase: bool,
    ascii_folding: bool,
    stopwords: Stopwords | None,
    stemmer: str | None,
    min_token_len: int | None,
    max_token_len: int | None,
) -> Analyzer:
    if stemmer is not None:
        stemmer_of(stemmer)  # an unknown language fails here and not at the first text
    left_out = frozenset[str]()
    if stopwords is not None:
        chosen = frozenset(stopwords.custom).union(*map(stopwords_of, stopwords.languages))
        left_out = frozenset(word.lower() for word in chosen) if lowercase else chosen
    return Analyzer(tokenizer, lowercase, ascii_folding, left_out, stemmer, min_token_len, max_token_len)
