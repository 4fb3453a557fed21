"""Tokens: what is counted of a text that keywords are searched in, and of the keywords.

==========  ========================================================================================
standard    words in lower case; every Chinese character, and every run of kana, is a word
zh          the same, and besides every pair of neighbouring Chinese characters
whitespace  what stands between white space, in lower case
==========  ========================================================================================

Chinese has no spaces, and telling its words apart takes a dictionary, which QuiverDB does not carry: with ``zh``, texts
that have two characters side by side as the keyword does score higher than those that have them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from quiverdb.vikingdb.service.layout import FullText
from quiverdb.vikingdb.service.reading import invalid

__all__ = ["TOKENIZERS", "Tokenizer", "placed_tokens", "tokenizer_of", "tokens_of"]

Tokenizer = Callable[[str], Iterator[tuple[str, int]]]
"""Cuts a text into tokens, each with the character at which it begins."""

_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_WORDS = re.compile(rf"(?P<han>[{_HAN}]+)|[{_KANA}]+|[^\W_{_HAN}{_KANA}]+(?:['\u2019][^\W_{_HAN}{_KANA}]+)*")
_BLANKS = re.compile(r"\S+")


def _standard(text: str) -> Iterator[tuple[str, int]]:
    for found in _WORDS.finditer(text):
        if found.lastgroup == "han":
            yield from ((char, found.start() + at) for at, char in enumerate(found[0]))
        else:
            yield found[0].lower(), found.start()


def _chinese(text: str) -> Iterator[tuple[str, int]]:
    for found in _WORDS.finditer(text):
        if found.lastgroup == "han":
            run, start = found[0], found.start()
            for at, char in enumerate(run):
                yield char, start + at
                if at + 1 < len(run):
                    yield run[at : at + 2], start + at
        else:
            yield found[0].lower(), found.start()


def _between_blanks(text: str) -> Iterator[tuple[str, int]]:
    return ((found[0].lower(), found.start()) for found in _BLANKS.finditer(text))


TOKENIZERS: dict[str, Tokenizer] = {"standard": _standard, "zh": _chinese, "whitespace": _between_blanks}


def tokenizer_of(full_text: FullText) -> Tokenizer:
    """Return what cuts the texts of a field; raises ``InvalidParameter`` for a tokenizer that there is not."""
    name = full_text.analyzer.get("Tokenizer", "standard")
    if name not in TOKENIZERS:
        raise invalid(f"the Tokenizer of {full_text.field!r} is one of {', '.join(TOKENIZERS)}, got {name!r}")
    return TOKENIZERS[name]


def placed_tokens(full_text: FullText, text: str) -> list[tuple[str, int]]:
    """Return the tokens of a text in their order, each with the character at which it begins."""
    return list(tokenizer_of(full_text)(text))


def tokens_of(full_text: FullText, text: str) -> list[str]:
    """Return the tokens of a text in their order, repeated as often as they occur. None of them holds white space.

    >>> tokens_of(FullText(field="text", analyzer={"Tokenizer": "zh"}), "The 向量库's index")
    ['the', '向', '向量', '量', '量库', '库', 's', 'index']
    """
    return [token for token, _ in tokenizer_of(full_text)(text)]
