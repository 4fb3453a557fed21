"""Tokenizers: where a text is cut. What becomes of the pieces is up to the analyzer.

"Letters" are the characters that Unicode calls alphabetic or numeric. Python's ``str.isalnum`` leaves some of
them out (vowel signs, circled letters), which a table adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from unicodedata import category, normalize

from quiverdb.text.resources import character_class

__all__ = ["code_words", "identifiers", "multilingual_words", "whitespace_words", "words"]

_ASCII_WORD = re.compile(r"[0-9A-Za-z]+")
_ASCII_IDENTIFIER = re.compile(r"[0-9A-Z_a-z]+")
_BLANKS = re.compile(r"[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_BASIC_FORMS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "\u03c2": "\u03c3",  # Greek final sigma
        "\u0629": "\u0647",  # Arabic teh marbuta
        "\u0649": "\u064a",  # Arabic alef maksura
        "\u0640": None,  # Arabic tatweel
    }
)

_UNMARKED = {
    "greek": r"\u0370-\u03ff\u1f00-\u1fff",
    "semitic": r"\u0590-\u074f\u0780-\u08ff\ufb1d-\ufdff\ufe70-\ufefc",
    "southeast_asian": r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff",
}
_MARKED = {
    "cyrillic": r"\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "indic": r"\u0900-\u0dff",
    "ethiopic": r"\u1200-\u139f",
    "hangul": r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff",
    "kana": r"\u3040-\u30ff\uff66-\uff9f",
}
_HAN = r"\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_COMMON = r"0-9$<=>^|~"
"""Scripts whose words are told apart, by block. In those of ``_MARKED``, marks belong to the letters.

What is ``_COMMON`` and what separates words goes with the script before it, at the start with the one after it.
"""


def words(text: str) -> list[str]:
    """Cut at everything that is not a letter.

    >>> words("snake_case, naïve!")
    ['snake', 'case', 'naïve']
    """
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return _identifier().findall(text.replace("_", " "))


def identifiers(text: str) -> list[str]:
    """Cut at everything that is neither a letter nor an underscore.

    >>> identifiers("snake_case, naïve!")
    ['snake_case', 'naïve']
    """
    return (_ASCII_IDENTIFIER if text.isascii() else _identifier()).findall(text)


def whitespace_words(text: str) -> list[str]:
    """Cut at white space only."""
    return _BLANKS.findall(text)


def code_words(text: str) -> Iterator[tuple[str, bool]]:
    """Cut identifiers into their parts, each followed by the joined forms (marked ``True``) it completes.

    >>> [piece for piece, joined in code_words("parseHTTPHeader max_size 0xFF_FF")]
    ['parse', 'HTTP', 'Header', 'parseHTTPHeader', 'max', 'size', 'maxsize', '0xFFFF']
    """
    for identifier in identifiers(text):
        segments = [segment for segment in identifier.split("_") if segment]
        whole = "".join(segments)
        if "0" <= identifier[0] <= "9":
            yield whole, False  # a number literal, perhaps with separators and an exponent
            continue
        for segment in segments:
            parts = list(_case_parts(segment))
            for part in parts:
                yield part, False
            if len(parts) > 1:
                yield segment, True
        if len(segments) > 1:
            yield whole, True


def _case_parts(segment: str) -> Iterator[str]:
    """Cut before capitals: ``parseHTTPHeaders`` has three parts, and a plural as in ``URLs`` is not cut off."""
    start = 0
    for i in range(1, len(segment)):
        if not segment[i].isupper():
            continue
        if not segment[i - 1].isupper() or _begins_word(segment[i + 1 : i + 3]):
            yield segment[start:i]
            start = i
    if segment:
        yield segment[start:]


def _begins_word(following: str) -> bool:
    """Tell whether a capital and the two characters after it begin a word, rather than end a plural."""
    return _is_small(following[:1]) and (following[0] != "s" or _is_small(following[1:]))


def _is_small(char: str) -> bool:
    return char != "" and not char.isupper() and category(char)[0] != "N"


def multilingual_words(text: str) -> Iterator[str]:
    """Cut at separators and where the script changes, and reduce letters to their basic forms in lower case.

    Words of scripts that are written without spaces need dictionaries, which QuiverDB does not carry: every
    Chinese character, run of kana, and run of Thai, Lao, Khmer or Burmese letters is a word of its own here.

    >>> list(multilingual_words("Crème brûlée, 3.14 東京タワー"))
    ['creme', 'brulee', '東', '京', 'タワー']
    """
    for run in _script_run().finditer(text):
        for piece in (_han if run.lastgroup == "han" else _unseparated)().findall(run[0]):
            word = _normalized(piece, keep_marks=run.lastgroup == "marked")
            if any(map(str.isalpha, word)):
                yield word


def _normalized(word: str, *, keep_marks: bool) -> str:
    if word.isascii():
        return word.lower()
    word = normalize("NFKD", word)
    if not keep_marks:
        word = "".join(char for char in word if category(char) != "Mn")
    return word.lower().translate(_BASIC_FORMS)


@cache
def _identifier() -> re.Pattern[str]:
    return re.compile(f"[\\w{character_class('letters.txt')}]+")


@cache
def _han() -> re.Pattern[str]:
    return re.compile(f"[{_HAN}]")


@cache
def _unseparated() -> re.Pattern[str]:
    return re.compile(f"[^{_separators()}]+")


@cache
def _script_run() -> re.Pattern[str]:
    marked = "|".join(map(_run, _MARKED.values()))
    unmarked = "|".join(map(_run, _UNMARKED.values()))
    named = "".join((*_MARKED.values(), *_UNMARKED.values(), _HAN))
    return re.compile(f"(?P<marked>{marked})|(?P<han>{_run(_HAN)})|{unmarked}|[^{named}]+")


def _run(block: str) -> str:
    neutral = _COMMON + _separators()
    return f"[{neutral}]*[{block}][{block}{neutral}]*"


@cache
def _separators() -> str:
    return character_class("separators.txt") + r"\t\n\r"
