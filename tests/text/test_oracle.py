"""The tokens are those of Qdrant's own core: compared as BM25 vectors and by what its text indexes find."""

# ruff: noqa: RUF001
from __future__ import annotations

import os
import tempfile
import unicodedata

import pytest
import qdrant_edge as qe
from hypothesis import given, settings
from hypothesis import strategies as st

from quiverdb.embed import Bm25
from quiverdb.text import Analyzer
from quiverdb.text.stemmers import LANGUAGES
from quiverdb.text.stopwords import LANGUAGES as STOPWORD_LANGUAGES
from quiverdb.text.stopwords import stopwords_of

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "0"))
SEPARATORS = [*" \t\n_-.,;:!?/\\'\"()[]{}+*#@&%·—’«»\u3000\u2028", "", "  ", "__", " the ", " The "]
WORD_LETTERS = "aAbBcCsSxXyYzZ0127éÉöÖßñçæŒøıİďłσΣςωΏйЙёЁщΑªⅣⓐⒶ²½ﬁʰ"
SPECIAL = "क्षिथाय日本कাবࠀⅫ⑴″†𝒜𝕓ｱＡ１٣٤אبة"


def texts(letters: str = WORD_LETTERS + SPECIAL, separators: list[str] | None = None) -> st.SearchStrategy[str]:
    word = st.text(st.sampled_from(letters), min_size=1, max_size=9) | st.sampled_from(
        ["running", "jumps", "organization", "HTTPServer", "parseJSON", "x86_64", "URLs", "don't", "theory"]
    )
    piece = st.tuples(word, st.sampled_from(separators or SEPARATORS))
    return st.lists(piece, max_size=8).map(lambda pieces: "".join(a + b for a, b in pieces))


limits = st.none() | st.integers(1, 6)
analyzers = st.builds(
    Analyzer,
    tokenizer=st.sampled_from(["prefix", "whitespace", "word", "code"]),
    lowercase=st.booleans(),
    ascii_folding=st.booleans(),
    stopwords=st.sampled_from([frozenset(), frozenset({"the", "ab", "running", "é"}), stopwords_of("english")]),
    stemmer=st.sampled_from([None, "english"]),
    min_token_len=limits,
    max_token_len=limits,
)


def edge_settings(analyzer: Analyzer) -> dict[str, object]:
    stemmer = getattr(qe.SnowballLanguage, (analyzer.stemmer or "english").title())
    return {
        "tokenizer": getattr(qe.TokenizerType, analyzer.tokenizer.title()),
        "lowercase": analyzer.lowercase,
        "ascii_folding": analyzer.ascii_folding,
        "stopwords": qe.StopwordsSet(custom=set(analyzer.stopwords)),
        "stemmer": qe.SnowballParams(stemmer) if analyzer.stemmer else qe.DisabledStemmer(),
        "min_token_len": analyzer.min_token_len,
        "max_token_len": analyzer.max_token_len,
    }


def assert_same_vectors(analyzer: Analyzer, text: str, avg_len: float = 256.0) -> None:
    """Equal weights per term mean equal tokens, equally often, in documents of equal length."""
    edge = qe.Bm25(qe.Bm25Config(avg_len=avg_len, **edge_settings(analyzer)))
    ours = Bm25(analyzer, avg_len=avg_len)
    for expected, got in (
        (edge.embed_document(text), ours.embed_documents([text])[0]),
        (edge.embed_query(text), ours.embed_queries([text])[0]),
    ):
        weights = dict(zip(expected.indices, expected.values, strict=True))
        assert got.indices.tolist() == sorted(weights), (text, analyzer.document_tokens(text))
        assert got.values.tolist() == pytest.approx([weights[i] for i in sorted(weights)], rel=1e-6)


@given(analyzers, texts(), st.sampled_from([2.0, 256.0]))
@settings(max_examples=EXAMPLES or 600, deadline=None)
def test_bm25_vectors_are_those_of_edge(analyzer: Analyzer, text: str, avg_len: float) -> None:
    assert_same_vectors(analyzer, text, avg_len)


@given(texts("abcXYZ019éÉñßйЁщгσωΏ", list(" _-.,!'/—·\n")), st.sampled_from([None, "english"]))
@settings(max_examples=EXAMPLES or 300, deadline=None)
def test_multilingual_words_of_spaced_scripts_are_those_of_edge(text: str, stemmer: str | None) -> None:
    text = text.encode("utf-8", "ignore").decode()
    by_script = [w for w in text.split() if len({unicodedata.name(c).split()[0] for c in w if c.isalpha()}) < 2]
    assert_same_vectors(Analyzer(tokenizer="multilingual", stemmer=stemmer), " ".join(by_script))


ENDINGS = {
    "arabic": "ات ون ين ها ة وا",
    "armenian": "ություն ներ երից ում ալու",
    "danish": "erendes hederne lig løst els igst ene gt",
    "dutch": "heden lijk baar ing end ig aad je tje en",
    "english": "ing edly ational fulness ies ement ously ization ying 's eed sses us ative paste added intern",
    "finnish": "kin han ssa lla sta iksi tten siin seen ejä",
    "french": "ement ations iques euse issent ées amment ité logie ïsme oë aïs ïr",
    "german": "en ern heit keit isch lich ung end igkeit nis ß aue system",
    "greek": "ματα ουσα ικος ησεις ιζω ος εις ων",
    "hungarian": "ban nak val ként jaink stul é ccal",
    "italian": "amente azione ità ando eremo logia anza",
    "norwegian": "hetenes ande leg eleg vt dt ert ast",
    "portuguese": "mente ações idades amento aremos logia ável eira",
    "romanian": "ului elor ația ivitate abil ească iseră ii",
    "russian": "ость ейший ами ого ившись ается ение ённый ёл",
    "spanish": "amiento aciones mente ando selo ábamos idad ar",
    "swedish": "heten andes arna lig fullt löst ens els öst",
    "tamil": "கள் ில் ஆல் தான்",
    "turkish": "ların lerden imiz daki mış siniz yla lık",
}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_stems_are_those_of_edge(language: str) -> None:
    endings = ENDINGS[language].split()
    letters = sorted(set("".join(endings)))
    stems = ["".join(letters[(i * 7 + j * j * 3 + i // 5) % len(letters)] for j in range(1 + i % 6)) for i in range(60)]
    forms = [
        stem + first + last for stem in stems for first in endings for last in ("", endings[len(stem) % len(endings)])
    ]
    analyzer = Analyzer(tokenizer="whitespace", stemmer=language)
    edge = qe.Bm25(qe.Bm25Config(**edge_settings(analyzer)))
    ours = Bm25(analyzer)
    forms += ["ambiguë", "contiguë", "exiguë"]
    wrong = [f for f in forms if edge.embed_query(f).indices != ours.embed_queries([f])[0].indices.tolist()]
    assert not wrong


@pytest.mark.parametrize("language", sorted(STOPWORD_LANGUAGES))
def test_stopwords_are_those_of_edge(language: str) -> None:
    spaced = {"tokenizer": qe.TokenizerType.Whitespace, "lowercase": False, "stemmer": qe.DisabledStemmer()}
    edge = qe.Bm25(qe.Bm25Config(stopwords=getattr(qe.Language, language.title()), **spaced))
    plain = stopwords_of(language)
    others = {word + "x" for word in plain} | {word[:-1] for word in plain} | {word + "s" for word in plain}
    others |= {word.capitalize() for word in plain} | stopwords_of("english") | stopwords_of("french")
    left_out = {word for word in plain | others if not edge.embed_query(word).indices}
    assert left_out - {""} == plain


def test_every_language_of_edge_has_its_stopwords() -> None:
    assert {name.lower() for name, kind in vars(qe.Language).items() if isinstance(kind, qe.Language)} == (
        STOPWORD_LANGUAGES
    )


def test_every_letter_and_every_folding_is_that_of_edge() -> None:
    # Edge drops tokens that contain NUL.
    assigned = [c for c in map(chr, range(1, 0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    by_letter = Analyzer(lowercase=False)
    by_blank = Analyzer(tokenizer="whitespace", lowercase=False, ascii_folding=True)
    for analyzer in (by_letter, by_blank):
        edge = qe.Bm25(qe.Bm25Config(**edge_settings(analyzer)))
        ours = Bm25(analyzer)
        for start in range(0, len(assigned), 40):
            text = "".join(f"{c}x {c} " for c in assigned[start : start + 40])
            got = ours.embed_queries([text])[0].indices.tolist()
            assert sorted(edge.embed_query(text).indices) == got, hex(ord(assigned[start]))


DOCUMENTS = [
    "hello world",
    "Hello, wonderful world!",
    "foo_bar zed",
    "fooBar zed fooBarBaz",
    "foo bar zed",
    "bar foo running jumps",
    "the theory of the HTTPServer",
    "x86_64 URLs2Go",
    "été Été ÆSOP",
]


def runs(sequence: list[str], tokens: list[str]) -> bool:
    return any(sequence[i : i + len(tokens)] == tokens for i in range(len(sequence)))


queries = st.lists(st.sampled_from(DOCUMENTS) | texts("abfor", [" ", "_", ""]), min_size=4, max_size=8)


@given(analyzers, queries)
@settings(max_examples=EXAMPLES or 30, deadline=None)
def test_matches_are_those_of_edge(analyzer: Analyzer, queries: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        vectors = qe.EdgeVectorParams(size=1, distance=qe.Distance.Dot)
        shard = qe.EdgeShard.create(folder, qe.EdgeConfig(vectors=vectors, wal_enabled=False))
        parameters = qe.TextIndexParams(phrase_matching=True, **edge_settings(analyzer))
        shard.update(qe.UpdateOperation.create_field_index("t", parameters))
        points = [qe.Point(i, [1.0], {"t": text}) for i, text in enumerate(DOCUMENTS)]
        shard.update(qe.UpdateOperation.upsert_points(points))
        for query in queries:
            matches = qe.MatchText(text=query), qe.MatchTextAny(text_any=query), qe.MatchPhrase(phrase=query)
            assert [found_by(shard, match) for match in matches] == expected(analyzer, query), query
        shard.close()


def found_by(shard: qe.EdgeShard, match: object) -> list[int]:
    condition = qe.Filter(must=[qe.FieldCondition(key="t", match=match)])
    return sorted(hit.id for hit in shard.query(qe.QueryRequest(limit=100, filter=condition)))


def expected(analyzer: Analyzer, query: str) -> list[list[int]]:
    """Say what all tokens, any token and the phrase should find."""
    wanted = set(analyzer.query_tokens(query))
    documents = [set(analyzer.document_tokens(text)) for text in DOCUMENTS]
    phrase = analyzer.sequence_tokens(query)
    # A single token needs no sequence, so that a joined identifier is found as a phrase too.
    tokens_of = analyzer.document_tokens if len(phrase) == 1 else analyzer.sequence_tokens
    return [
        [i for i, document in enumerate(documents) if wanted and wanted <= document],
        [i for i, document in enumerate(documents) if wanted & document],
        [i for i, text in enumerate(DOCUMENTS) if phrase and runs(tokens_of(text), phrase)],
    ]
