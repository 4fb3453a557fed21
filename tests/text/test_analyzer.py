from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import FieldIndex, FieldType, Stopwords
from quiverdb.text import Analyzer, analyzer_for
from quiverdb.text.stemmers import stemmer_of


def text_index(**options: object) -> FieldIndex:
    return FieldIndex(FieldType.TEXT, **options)  # type: ignore[arg-type]


def test_without_an_index_words_are_compared_in_lower_case() -> None:
    assert analyzer_for(None) == Analyzer()
    assert analyzer_for(None).document_tokens("Hello, Wörld_42!") == ["hello", "wörld", "42"]


def test_options_that_were_not_given_take_their_defaults() -> None:
    assert analyzer_for(text_index()) == Analyzer()
    assert analyzer_for(text_index(stemmer="none")) == Analyzer()
    assert analyzer_for(text_index(scoring={"k": 1.0})) == Analyzer()


def test_analyzers_of_equal_indexes_are_one_object() -> None:
    options = {"tokenizer": "prefix", "stopwords": Stopwords(languages=("english",)), "min_token_len": 2}
    assert analyzer_for(text_index(**options)) is analyzer_for(text_index(**options))


def test_custom_stopwords_join_those_of_a_language_and_follow_the_case() -> None:
    stopwords = Stopwords(languages=("english",), custom=("Foo",))
    assert analyzer_for(text_index(stopwords=stopwords)).document_tokens("The foo FOO bar") == ["bar"]
    cased = analyzer_for(text_index(stopwords=stopwords, lowercase=False))
    assert cased.document_tokens("The the foo Foo bar") == ["The", "foo", "bar"]


def test_an_unknown_stopword_language_is_named() -> None:
    with pytest.raises(InvalidInputError, match="klingon"):
        analyzer_for(text_index(stopwords=Stopwords(languages=("klingon",))))


def test_an_unknown_stemmer_language_is_named() -> None:
    with pytest.raises(InvalidInputError, match="klingon") as caught:
        analyzer_for(text_index(stemmer="klingon"))
    assert caught.value.field == "stemmer"


def test_prefixes_are_stored_and_the_longest_one_is_asked_for() -> None:
    analyzer = Analyzer(tokenizer="prefix", min_token_len=2, max_token_len=4, stopwords=frozenset({"the"}))
    assert analyzer.document_tokens("The hello a") == ["he", "hel", "hell"]
    assert analyzer.query_tokens("The hello a") == ["the", "hell"]


def test_joined_identifiers_are_stored_but_not_asked_for() -> None:
    analyzer = Analyzer(tokenizer="code")
    assert analyzer.document_tokens("maxTokenLen") == ["max", "token", "len", "maxtokenlen"]
    assert analyzer.query_tokens("maxTokenLen") == ["max", "token", "len"]
    assert analyzer.sequence_tokens("maxTokenLen") == ["max", "token", "len"]
    assert Analyzer(tokenizer="code", lowercase=False).document_tokens("maxTokenLen") == ["max", "Token", "Len"]


def test_scripts_without_spaces_are_cut_by_character() -> None:
    assert Analyzer(tokenizer="multilingual").document_tokens("Qdrant 今天 42") == ["qdrant", "今", "天"]


def test_an_analyzer_can_be_pickled_and_hashed() -> None:
    analyzer = Analyzer(stemmer="english", stopwords=frozenset({"a"}))
    assert pickle.loads(pickle.dumps(analyzer)) == analyzer
    assert hash(analyzer) == hash(Analyzer(stemmer="english", stopwords=frozenset({"a"})))


def test_stemmers_work_in_many_threads_at_once() -> None:
    words = [f"{stem}{ending}" for stem in ("relat", "nation", "condit") for ending in ("ional", "ing", "s", "ement")]
    expected = [stemmer_of("english")(word) for word in words]
    uncached = stemmer_of("english").__wrapped__  # type: ignore[attr-defined]
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: [uncached(word) for word in words], range(50)):
            assert got == expected
