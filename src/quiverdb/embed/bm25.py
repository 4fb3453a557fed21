"""BM25 as sparse vectors, equal to Qdrant's: the dot product of a query's and a document's vector is the score.

A document's vector weights each term by how often it occurs, in proportion to the document's length; a query's
weights each term by one. The inverse document frequency is left to the database: give the collection's sparse
vector the modifier ``idf``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import inf
from typing import Any

import msgspec
import numpy as np

from quiverdb.embed.murmur import murmur3
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import FieldIndex, FieldType, Stopwords
from quiverdb.model.point import SparseVector
from quiverdb.text.analyzer import Analyzer, Tokenizer, analyzer_for
from quiverdb.text.stemmers import LANGUAGES as STEMMED

__all__ = ["Bm25", "bm25", "bm25_analyzer"]

_CACHED_TERMS = 1 << 16
_CODES = {
    "ar": "arabic", "az": "azerbaijani", "bn": "bengali", "ca": "catalan", "da": "danish", "de": "german",
    "el": "greek", "en": "english", "es": "spanish", "eu": "basque", "fi": "finnish", "fr": "french",
    "he": "hebrew", "hu": "hungarian", "id": "indonesian", "it": "italian", "jp": "japanese", "kk": "kazakh",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sl": "slovene", "sv": "swedish", "tg": "tajik", "tr": "turkish", "zh": "chinese",
}  # fmt: skip
"""The languages that BM25 knows, by the codes that Qdrant takes for them."""
_LANGUAGES = frozenset({*_CODES.values(), "hinglish"})


def bm25_analyzer(
    language: str = "english",
    *,
    tokenizer: Tokenizer | None = None,
    lowercase: bool | None = None,
    ascii_folding: bool | None = None,
    stopwords: Stopwords | None = None,
    stemmer: str | None = None,
    min_token_len: int | None = None,
    max_token_len: int | None = None,
) -> Analyzer:
    """Return the analyzer of a language: words in lower case, its stopwords left out, stemmed if it can be.

    What is given replaces what the language would bring; the stemmer ``"none"`` leaves words as they are.
    """
    language = _CODES.get(language, language)
    if language not in _LANGUAGES:
        known = ", ".join(sorted(_LANGUAGES))
        raise InvalidInputError(f"BM25 does not know the language {language!r}; it knows {known}", field="language")
    if stopwords is None:
        stopwords = Stopwords(languages=(language,))
    if stemmer is None and language in STEMMED:
        stemmer = language
    return analyzer_for(
        FieldIndex(
            FieldType.TEXT,
            tokenizer=tokenizer,
            lowercase=lowercase,
            ascii_folding=ascii_folding,
            stopwords=stopwords,
            stemmer=stemmer,
            min_token_len=min_token_len,
            max_token_len=max_token_len,
        )
    )


class Bm25(msgspec.Struct, frozen=True):
    """Embed texts as BM25 term weights.

    ``k`` limits what repetition adds, ``b`` says how much long documents are held back, and ``avg_len`` is the
    expected number of tokens in a document.

    >>> vector = Bm25().embed_documents(["a vector, a quiver and another vector"])[0]
    >>> len(vector.indices)
    3
    """

    analyzer: Analyzer = msgspec.field(default_factory=bm25_analyzer)
    k: float = 1.2
    b: float = 0.75
    avg_len: float = 256.0

    def __post_init__(self) -> None:
        if not 0 <= self.k < inf:
            raise InvalidInputError(f"k must be finite and not negative: {self.k}", field="k")
        if not 0 <= self.b <= 1:
            raise InvalidInputError(f"b must lie between 0 and 1: {self.b}", field="b")
        if not 0 < self.avg_len < inf:
            raise InvalidInputError(f"avg_len must be finite and positive: {self.avg_len}", field="avg_len")

    def embed_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """Return one vector per text to be stored."""
        return [self._weigh(Counter(map(_term_id, self.analyzer.document_tokens(text)))) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """Return one vector per text to search for."""
        return [self._query(text) for text in texts]

    def _query(self, text: str) -> SparseVector:
        indices = _sorted_ids(map(_term_id, self.analyzer.scoring_tokens(text)))
        return SparseVector(indices, np.ones(len(indices), np.float32))

    def _weigh(self, counts: Counter[int]) -> SparseVector:
        indices = _sorted_ids(counts)
        frequency = np.fromiter((counts[index] for index in indices.tolist()), np.float32, len(indices))
        length = self.k * (1 - self.b + self.b * counts.total() / self.avg_len)
        return SparseVector(indices, frequency * np.float32(self.k + 1) / (frequency + np.float32(length)))


def _sorted_ids(ids: Iterable[int]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(sorted(set(ids)), np.uint32)


@lru_cache(maxsize=_CACHED_TERMS)
def _term_id(token: str) -> int:
    """Hash a term to its index: the magnitude of the hash taken as a signed integer."""
    value = murmur3(token.encode())
    return value if value < 1 << 31 else (1 << 32) - value


def bm25(*, k: float | None = None, b: float | None = None, avg_len: float | None = None, **analysis: Any) -> Bm25:
    """Return BM25 with these parameters and the analyzer that ``bm25_analyzer`` makes of the others."""
    parameters = {"k": k, "b": b, "avg_len": avg_len}
    return Bm25(bm25_analyzer(**analysis), **{name: value for name, value in parameters.items() if value is not None})
