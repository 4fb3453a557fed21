"""Index of texts: for every token the points that have it, and how often if it is to score."""

from __future__ import annotations

from typing import Any

import msgspec
from pyroaring import BitMap

from quiverdb.engine.index.found import Found
from quiverdb.engine.index.frequencies import TermFrequencies
from quiverdb.engine.index.postings import Postings, PostingsState
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import KeyCondition, MatchText
from quiverdb.text.analyzer import analyzer_for

__all__ = ["WordIndex"]


class _State(msgspec.Struct, array_like=True):
    postings: PostingsState[str]
    several: bytes
    having: bytes
    frequencies: bytes = b""


class WordIndex:
    """Map tokens to offsets. The order of tokens is not kept, so phrases are left to the payload to decide."""

    def __init__(self, index: FieldIndex | None) -> None:
        declared = index if index is not None and index.type is FieldType.TEXT else None
        self._analyzer = analyzer_for(declared)
        self._one_text = declared is not None
        self._phrases = declared is None or bool(declared.phrase_matching)
        self._postings: Postings[str] = Postings()
        self._several = BitMap()
        """Offsets with more than one text."""
        self.having = BitMap()
        self.frequencies = TermFrequencies() if declared is not None and declared.scoring else None

    def add(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take in the values of a point."""
        texts = [element for element in elements if type(element) is str]
        tokens = [token for text in texts for token in self._analyzer.document_tokens(text)]
        for token in tokens:
            self._postings.add(token, offset)
        if tokens:
            self.having.add(offset)
            if self.frequencies is not None:
                self.frequencies.add(offset, tokens)
        if len(texts) > 1:
            self._several.add(offset)

    def remove(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take out the values of a point."""
        for element in elements:
            if type(element) is str:
                for token in self._analyzer.document_tokens(element):
                    self._postings.discard(token, offset)
        self._several.discard(offset)
        self.having.discard(offset)
        if self.frequencies is not None:
            self.frequencies.remove(offset)

    def scoring_tokens(self, text: str) -> list[str]:
        """Return the tokens by which this text as a query scores points."""
        return self._analyzer.scoring_tokens(text)

    def find(self, condition: KeyCondition) -> Found:
        """Answer a text condition."""
        if not isinstance(condition, MatchText):
            return Found(BitMap(), self.having)
        split = self._analyzer.sequence_tokens if condition.mode == "phrase" else self._analyzer.query_tokens
        tokens = list(dict.fromkeys(wanted := split(condition.text)))
        if not tokens or (condition.mode == "phrase" and not self._phrases):
            return Found(BitMap())
        if condition.mode == "any":
            return Found(self._postings.any(tokens))
        found = self._with_all(tokens)
        if len(wanted) == 1:
            return Found(found)
        if condition.mode == "phrase":
            return Found(BitMap(), found)
        if self._one_text:
            return Found(found)
        return Found(found - self._several, found & self._several)

    def _with_all(self, tokens: list[str]) -> BitMap:
        postings = sorted((self._postings.get(token) for token in tokens), key=len)
        found = postings[0]
        for posting in postings[1:]:
            found = found & posting
        return found

    def dump(self) -> bytes:
        """Return what ``load`` takes."""
        frequencies = b"" if self.frequencies is None else self.frequencies.dump()
        state = _State(self._postings.dump(), self._several.serialize(), self.having.serialize(), frequencies)
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> None:
        """Take over what was dumped."""
        state = msgspec.msgpack.decode(data, type=_State)
        self._postings = Postings.load(state.postings)
        self._several = BitMap.deserialize(state.several)
        self.having = BitMap.deserialize(state.having)
        if self.frequencies is not None:
            self.frequencies = TermFrequencies.load(state.frequencies)
