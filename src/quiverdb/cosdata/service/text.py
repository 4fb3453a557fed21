"""Cosdata's tokens: what is counted of a text, in documents and in queries alike.

A text is cut at everything that is neither a letter, a digit nor an underscore. Pieces of more than 40 bytes and
stopwords are left out; what remains is put in lower case and brought to its English stem.
"""

from __future__ import annotations

from quiverdb.text.stemmers import stemmer_of
from quiverdb.text.tokenizers import identifiers

__all__ = ["tokens_of"]

_LONGEST = 40
_STOPWORDS = frozenset({
    "a", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of", "on",
    "or", "s", "such", "t", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will",
    "with", "www",
})  # fmt: skip


def tokens_of(text: str) -> list[str]:
    """Return the tokens of a text in their order, repeated as often as they occur. None of them holds a space.

    >>> tokens_of("The quick foxes' snake_case is running!")
    ['quick', 'fox', 'snake_cas', 'run']
    """
    words = (piece.lower() for piece in identifiers(text) if _bytes(piece) <= _LONGEST)
    stem = stemmer_of("english")
    return [stem(word) for word in words if word not in _STOPWORDS]


def _bytes(piece: str) -> int:
    return len(piece) if piece.isascii() else len(piece.encode())
