"""Dense vectors by feature hashing: no model, no download, the same numbers everywhere.

A word stands for itself and for the runs of characters in it, so that forms of a word and misspellings stay close.
Each of these features adds a fixed pattern of signs to the vector; a text is the sum of its words. Texts that share
words come out similar; texts that only share meaning do not, which takes a trained model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from zlib import crc32

import msgspec
import numpy as np

from quiverdb.errors import InvalidInputError
from quiverdb.model.point import FloatArray
from quiverdb.text.analyzer import Analyzer
from quiverdb.text.stopwords import stopwords_of

__all__ = ["HashingEmbedder"]

_WORDS = Analyzer(ascii_folding=True)
_NGRAMS = (3, 4)
_SPREAD = 4
"""Components that a word touches, so that two words rarely coincide in all of them."""
_STOPWORD_WEIGHT = 0.2
_BATCH = 512
_CACHED_WORDS = 1 << 14
_MIX = 0x9E3779B97F4A7C15


class HashingEmbedder(msgspec.Struct, frozen=True):
    """Embed texts as unit vectors of ``size`` components; a text without words becomes the zero vector.

    >>> embedder = HashingEmbedder()
    >>> a, b, c = embedder.embed(["open a file", "opening files", "matrix algebra"])
    >>> bool(a @ b > a @ c)
    True
    """

    size: int = 256

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InvalidInputError(f"size must be positive: {self.size}", field="size")

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return one row per text: float32, shape (number of texts, size)."""
        rows = np.zeros((len(texts), self.size), np.float32)
        for start in range(0, len(texts), _BATCH):
            self._embed_into(rows[start : start + _BATCH], texts[start : start + _BATCH])
        return rows

    def _embed_into(self, rows: FloatArray, texts: Sequence[str]) -> None:
        counts = [Counter(_WORDS.document_tokens(text)) for text in texts]
        vocabulary = {word: i for i, word in enumerate(dict.fromkeys(word for count in counts for word in count))}
        if not vocabulary:
            return
        vectors = np.stack([_word_vector(word, self.size) for word in vocabulary])
        filled = np.flatnonzero([len(count) for count in counts])
        sizes = [len(counts[i]) for i in filled]
        words = np.fromiter((vocabulary[word] for count in counts for word in count), np.intp, sum(sizes))
        weights = np.fromiter((1 + math.log(n) for count in counts for n in count.values()), np.float32, sum(sizes))
        firsts = np.cumsum([0, *sizes[:-1]])
        sums = np.add.reduceat(vectors[words] * weights[:, None], firsts, axis=0)
        rows[filled] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)


@lru_cache(maxsize=_CACHED_WORDS)
def _word_vector(word: str, size: int) -> FloatArray:
    """Return the share of a word: itself and its character n-grams in equal parts."""
    whole = _unit(_signs((f"{i}{word}" for i in range(_SPREAD)), size))
    vector = _unit(whole + _unit(_signs(_ngrams(f"<{word}>"), size)))
    return vector * np.float32(_STOPWORD_WEIGHT if word in stopwords_of("english") else 1)


def _ngrams(word: str) -> Iterator[str]:
    return (word[i : i + n] for n in _NGRAMS for i in range(len(word) - n + 1))


def _signs(features: Iterator[str], size: int) -> FloatArray:
    """Add a sign for every feature, at the component and with the sign that its hash gives."""
    vector = np.zeros(size, np.float32)
    for feature in features:
        # The multiplication spreads the checksum, whose low bits alone are too regular.
        mixed = crc32(feature.encode()) * _MIX >> 32
        vector[(mixed >> 1) % size] += 1 if mixed & 1 else -1
    return vector


def _unit(vector: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector
