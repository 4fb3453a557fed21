"""Tokens are cut, left out and stemmed as Cosdata does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.cosdata.service.text import tokens_of
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.text import analyzer_for


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("!? --", []),
        ("Running runners ran", ["run", "runner", "ran"]),
        ("snake_case kebab-case", ["snake_cas", "kebab", "case"]),
        ("v2 2024 x_1", ["v2", "2024", "x_1"]),
        ("THE The the then these WWW t s", []),
        ("don't", ["don"]),  # the t is a stopword
        ("an ant", ["an", "ant"]),  # "an" is none of them
        ("café Straße ΑΒΓ 東京", ["café", "straße", "αβγ", "東京"]),
        ("dog dog cat dog", ["dog", "dog", "cat", "dog"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert tokens_of(text) == tokens


def test_stopwords_are_35() -> None:
    words = "a and are as at be but by for if in into is it no not of on or s such t that the their then there these"
    words += " they this to was will with www"
    assert len(words.split()) == 35
    assert tokens_of(words) == []


@pytest.mark.parametrize(("letter", "longest"), [("x", 40), ("é", 20), ("東", 13), ("\U00010400", 10)])
def test_length_is_counted_in_bytes_before_lower_case(letter: str, longest: int) -> None:
    assert len(tokens_of(letter * longest)) == 1
    assert tokens_of(letter * (longest + 1)) == []


@given(st.text())
def test_a_text_index_counts_the_joined_tokens_as_they_are(text: str) -> None:
    stored = " ".join(tokens_of(text))
    analyzer = analyzer_for(FieldIndex(FieldType.TEXT, tokenizer="whitespace", lowercase=False, scoring=True))
    assert analyzer.document_tokens(stored) == tokens_of(text)


@given(st.text())
def test_case_does_not_matter(text: str) -> None:
    ascii_only = text.encode("ascii", "ignore").decode()
    assert tokens_of(ascii_only.upper()) == tokens_of(ascii_only)
