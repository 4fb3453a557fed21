"""Searches by keywords and by text: BM25 by its formula, meaning by what the model makes of the texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from viking_world import FullText, VectorIndex, World, assert_found, best, fresh, schema_of

from quiverdb.database import Database
from quiverdb.embed import register, unregister
from quiverdb.engine.database import EngineDatabase
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.layout import Vectorizer
from quiverdb.vikingdb.service.tokens import tokens_of
from quiverdb.vikingdb.service.vectorize import dense, sparse

TEXTS = {
    1: "A red wine from the south",
    2: "White wine and a glass of water",
    3: "Deep forest with a lake",
    4: "Lake, lake and lake again: Wine",
    5: "Signal tuning chapter of the retrieval lab",
    6: "signals and noise",
    7: "Signal tuning chapter of the retrieval lab, second edition",
}


def bm25(texts: dict[int, list[str]], query: list[str], k1: float, b: float) -> dict[int, float]:
    """The formula, as it stands in textbooks."""
    average = sum(map(len, texts.values())) / len(texts)
    scores = {}
    for key, tokens in texts.items():
        total = 0.0
        for token in query:
            having = sum(token in other for other in texts.values())
            idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            often = tokens.count(token)
            total += idf * often * (k1 + 1) / (often + k1 * (1 - b + b * len(tokens) / average))
        if total > 0:
            scores[key] = total
    return scores


@pytest.mark.parametrize(("k1", "b"), [(None, None), (2.0, 0.0), (0.5, 1.0)])
def test_bm25_over_one_field(world: World, k1: float | None, b: float | None) -> None:
    more = {} if k1 is None else {"bm25_k1": k1, "bm25_b": b}
    result = world.ask("search_by_keywords", keywords=["Red wine", "lake"], fields=["body"], limit=25, **more)
    texts = {key: row["body"].split() for key, row in world.rows.items()}
    scores = bm25(texts, ["red", "wine", "lake"], 1.25 if k1 is None else k1, 0.75 if b is None else b)
    assert_found(result, best(scores, 25))
    assert result["effective_keywords"] == {"body": ["red", "wine", "lake"]}
    assert "token_usage" not in result


def test_bm25_over_two_fields(world: World) -> None:
    weights = {"title": 2.5}
    result = world.ask("search_by_keywords", query="red glass red", fields_weights=weights, limit=20, offset=5)
    texts = [{key: row[field].split() for key, row in world.rows.items()} for field in ("body", "title")]
    body, title = (bm25(found, ["red", "glass"], 1.25, 0.75) for found in texts)
    scores = {key: body.get(key, 0) + 2.5 * title.get(key, 0) for key in body.keys() | title.keys()}
    assert_found(result, best(scores, 25)[5:])
    assert result["effective_keywords"] == {"body": ["red", "glass"], "title": ["red", "glass"]}


def test_bm25_among_the_rows_that_a_filter_lets_through(world: World) -> None:
    filter = {"op": "must", "field": "number", "conds": [1, 2]}
    result = world.ask("search_by_keywords", query="forest", fields=["body"], filter=filter, limit=50)
    texts = {key: row["body"].split() for key, row in world.rows.items()}
    scores = {
        key: score for key, score in bm25(texts, ["forest"], 1.25, 0.75).items() if world.rows[key]["number"] in (1, 2)
    }
    assert_found(result, best(scores, 50))
    assert result["filter_matched_count"] == 60


def test_highlights_tell_where_words_begin(world: World) -> None:
    result = world.ask("search_by_keywords", query="RED glass", highlight={"enable": True}, output_fields=["name"])
    for item in result["data"]:
        row = world.rows[item["id"]]
        assert item["fields"] == {"name": row["name"]}
        expected: dict[str, dict[str, list[int]]] = {}
        for field in ("body", "title"):
            at = 0
            for word in row[field].split():
                if word in ("red", "glass"):
                    expected.setdefault(field, {}).setdefault(word, []).append(at)
                at += len(word) + 1
        assert item["highlight"] == expected
    assert "highlight" not in world.ask("search_by_keywords", query="red", highlight={"enable": False})["data"][0]


def test_keywords_that_no_row_has_find_nothing(world: World) -> None:
    assert world.ask("search_by_keywords", keywords=["unheard"])["data"] == []
    assert world.ask("search_by_keywords", keywords=["!"])["data"] == []


def test_a_query_counts_by_its_first_ten_words(world: World) -> None:
    words = [f"word{i}" for i in range(9)]
    found = world.ask("search_by_keywords", query=" ".join([*words, "red", "lake"]), fields=["body"])
    assert found["effective_keywords"] == {"body": [*words, "red"]}


@pytest.mark.parametrize(
    ("tokenizer", "text", "tokens"),
    [
        ("standard", "The Quick, brown-fox's 3rd", ["the", "quick", "brown", "fox's", "3rd"]),
        ("standard", "搜索VikingDB数据库 ok", ["搜", "索", "vikingdb", "数", "据", "库", "ok"]),
        ("standard", "カタカナ東京", ["カタカナ", "東", "京"]),
        ("zh", "向量库 a库", ["向", "向量", "量", "量库", "库", "a", "库"]),
        ("whitespace", " The\tquick,\nbrown-fox\u3000搜索 ", ["the", "quick,", "brown-fox", "搜索"]),
        ("standard", "", []),
        ("whitespace", " ", []),
    ],
)
def test_tokenizers(tokenizer: str, text: str, tokens: list[str]) -> None:
    assert tokens_of(FullText(field="t", analyzer={"Tokenizer": tokenizer}), text) == tokens


def test_chinese_texts_are_found(database: Database) -> None:
    full_text = (FullText(field="body", analyzer={"Tokenizer": "zh"}),)
    schema = schema_of(
        fresh("zh"), {"id": "int64", "body": "text", "vec": 4}, {"main": VectorIndex()}, full_text=full_text
    )
    world = World(database, schema)
    texts = {1: "支持百亿级向量检索规模", 2: "量子向前", 3: "智能问答"}
    world.add([{"id": key, "body": text, "vec": [1.0, 0, 0, 0]} for key, text in texts.items()])
    found = world.ask("search_by_keywords", query="向量", highlight={"enable": True})["data"]
    assert [item["id"] for item in found] == [1, 2]
    assert found[0]["highlight"] == {"body": {"向": [5], "向量": [5], "量": [6]}}


M3 = Vectorizer(model_name="bge-m3", text_field="text")


def vectorized(database: Database, dense: Vectorizer = M3, sparse: Vectorizer | None = M3, **more: Any) -> World:
    indexes = {"main": VectorIndex(distance="cosine", quant="float")}
    if sparse is not None:
        indexes["hybrid"] = VectorIndex(index_type="hnsw_hybrid", distance="ip", quant="float")
    fields = {"id": "int64", "text": "text", "paragraph": "int64"}
    world = World(database, schema_of(fresh("texts"), fields, indexes, dense=dense, sparse=sparse, **more))
    world.add([{"id": key, "text": text, "paragraph": key} for key, text in TEXTS.items()])
    return world


@pytest.fixture(scope="module")
def texts(database: Database) -> World:
    return vectorized(database)


def cosines(query: str, model: str = "bge-m3") -> dict[int, float]:
    """What the model that stands in makes of the texts."""
    about = Vectorizer(model_name=model)
    asked, rows = dense(about, [query])[0].astype(float), dense(about, list(TEXTS.values())).astype(float)
    scores = rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
    return dict(zip(TEXTS, scores.tolist(), strict=True))


def dots(query: str) -> dict[int, float]:
    about = Vectorizer(model_name="bge-m3")
    [asked], rows = sparse(about, [query]), sparse(about, list(TEXTS.values()))
    products = (sum(weight * asked.get(token, 0.0) for token, weight in row.items()) for row in rows)
    return dict(zip(TEXTS, products, strict=True))


@pytest.mark.parametrize("sensitive", [False, True, None])
def test_semantic_then_match_counts_keywords_first(texts: World, sensitive: bool | None) -> None:
    keywords = ["Wine", "lake", "the"]
    more = {} if sensitive is None else {"case_sensitive": sensitive}
    result = texts.ask("search_by_keywords", keywords=keywords, limit=7, **more)
    ann = cosines(" ".join(keywords))
    expected = {}
    for key, text in TEXTS.items():
        matched = sum(word in text if sensitive else word.lower() in text.lower() for word in keywords)
        expected[key] = matched + math.atan(ann[key]) / math.pi + 0.5
    assert_found(result, best(expected, 7))
    for item in result["data"]:
        assert item["ann_score"] == pytest.approx(ann[item["id"]], abs=1e-6)
    assert result["effective_keywords"] == {"text": keywords}
    assert result["token_usage"]["bge-m3__default"]["total_tokens"] == 3


def test_semantic_then_match_by_pages(texts: World) -> None:
    whole = texts.ask("search_by_keywords", query="wine lake", limit=7)["data"]
    pages = [texts.ask("search_by_keywords", query="wine lake", limit=2, offset=at)["data"] for at in (0, 2, 4, 6)]
    assert [item for page in pages for item in page] == whole


def test_semantic_search_looks_deeper_than_it_shows() -> None:
    world = vectorized(EngineDatabase.open(":memory:"), sparse=None)
    world.add([{"id": 100 + i, "text": f"wine {i}", "paragraph": i} for i in range(105)])
    world.add([{"id": 999, "text": "wine of the puzzling kind, far from what is asked otherwise", "paragraph": 0}])
    ann = world.ask("search_by_multi_modal", text="wine zz", need_instruction=False, limit=100)
    assert 999 not in {item["id"] for item in ann["data"]}
    assert world.ask("search_by_keywords", keywords=["wine", "zz"], limit=40)["data"][0]["id"] == 999


def test_semantic_highlights_are_of_the_text(texts: World) -> None:
    found = texts.ask("search_by_keywords", keywords=["LAKE"], limit=1, highlight={"enable": True})["data"]
    assert found[0]["id"] in (3, 4)
    rows = {
        item["id"]: item
        for item in texts.ask("search_by_keywords", keywords=["LAKE"], highlight={"enable": True})["data"]
    }
    assert rows[4]["highlight"] == {"text": {"LAKE": [0, 6, 15]}}
    assert rows[6]["highlight"] == {}


def test_the_guides_keyword_flow(texts: World) -> None:
    filter = {"op": "range", "field": "paragraph", "gte": 5, "lte": 7}
    found = texts.ask("search_by_keywords", keywords=["Signal"], filter=filter)["data"]
    assert len(found) == 3
    assert all("signal" in item["fields"]["text"].lower() for item in found)


def test_bm25_is_preferred_where_both_are_possible(database: Database) -> None:
    world = vectorized(database, full_text=(FullText(field="text"),))
    assert len(world.ask("search_by_keywords", query="forest")["data"]) == 1
    assert len(world.ask("search_by_keywords", query="forest", mode="semantic_then_match")["data"]) == len(TEXTS)


@pytest.mark.parametrize("key", list(TEXTS))
def test_a_text_finds_itself_first(texts: World, key: int) -> None:
    result = texts.ask("search_by_multi_modal", text=TEXTS[key], need_instruction=False, limit=3)
    assert result["data"][0]["id"] == key
    assert result["real_text_query"] == TEXTS[key]
    assert_found(result, best(cosines(TEXTS[key]), 3))
    assert result["token_usage"].keys() == {"bge-m3__default"}


def test_texts_are_searched_for_by_both_kinds_of_vectors(texts: World) -> None:
    query = "red wine lake"
    result = texts.ask("search_by_multi_modal", "hybrid", text=query, advance={"dense_weight": 0.3}, limit=7)
    near, shared = cosines(query), dots(query)
    assert_found(result, best({key: 0.3 * near[key] + 0.7 * shared[key] for key in TEXTS}, 7))


def test_models_are_asked_with_their_instruction_unless_it_is_declined(database: Database) -> None:
    world = vectorized(database, dense=Vectorizer(model_name="bge-large-zh", text_field="text"), sparse=None)
    filled = world.ask("search_by_multi_modal", text="wine")["real_text_query"]
    assert filled.endswith("wine")
    assert len(filled) > len("wine")
    for more in ({"instruction": {"auto_fill": True}}, {"need_instruction": True}, {"instruction": {}}):
        assert world.ask("search_by_multi_modal", text="wine", **more)["real_text_query"] == filled
    for more in ({"instruction": {"auto_fill": False}}, {"need_instruction": False}):
        assert world.ask("search_by_multi_modal", text="wine", **more)["real_text_query"] == "wine"


def test_a_registered_model_is_used(database: Database) -> None:
    class Letters:
        size = 8

        def embed(self, texts: list[str]) -> np.ndarray:
            return np.array([[text.lower().count(letter) for letter in "aeioulrw"] for text in texts], np.float32)

    register("test/letters", Letters, size=8)
    try:
        world = vectorized(database, dense=Vectorizer(model_name="test/letters", text_field="text"), sparse=None)
        result = world.ask("search_by_multi_modal", text="lake wine", limit=7)
        asked, rows = Letters().embed(["lake wine"])[0], Letters().embed(list(TEXTS.values()))
        scores = rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
        assert_found(result, best(dict(zip(TEXTS, scores.tolist(), strict=True)), 7))
    finally:
        unregister("test/letters")


def test_reranking_scores_the_texts_anew(texts: World) -> None:
    asked = {"model_name": "some-rerank", "model_version": "1", "input_limit": 5}
    result = texts.ask("search_by_multi_modal", text="red wine lake", limit=3, rerank=asked)
    recalled = [key for key, _ in best(cosines("red wine lake"), 5)]
    relevance = {key: (1 + score) / 2 for key, score in cosines("red wine lake").items() if key in recalled}
    assert_found(result, best(relevance, 3))
    assert result["token_usage"].keys() == {"bge-m3__default", "some-rerank__1"}
    threshold = best(relevance, 3)[1][1] - 1e-6
    few = texts.ask(
        "search_by_multi_modal", text="red wine lake", limit=3, rerank=asked | {"score_threshold": threshold}
    )
    assert len(few["data"]) == 2
    for item in few["data"]:
        assert item["ann_score"] != item["score"]


def test_rows_are_processed_before_they_are_reranked(texts: World) -> None:
    ops = [{"op": "string_match", "field": "text", "pattern": "(?i)wine|lake|signal"}]
    result = texts.ask(
        "search_by_multi_modal",
        text="red wine lake",
        limit=2,
        offset=1,
        rerank={"model_name": "some-rerank", "model_version": "1", "input_limit": 3},
        advance={"post_process_ops": ops, "post_process_input_limit": 7},
    )
    near = cosines("red wine lake")
    kept = [key for key, _ in best(near, 7) if any(word in TEXTS[key].lower() for word in ("wine", "lake", "signal"))]
    assert_found(result, best({key: (1 + near[key]) / 2 for key in kept[:3]}, 3)[1:])


def test_a_reranking_that_fails_falls_back_or_fails(texts: World) -> None:
    class Broken:
        size = 8

        def embed(self, texts: list[str]) -> np.ndarray:
            raise RuntimeError("out of order")

    register("test/broken", Broken, size=8)
    try:
        asked = {"model_name": "test/broken", "model_version": "1"}
        result = texts.ask("search_by_multi_modal", text="red wine", limit=3, rerank=asked)
        assert "out of order" in result["rerank_error"]
        assert_found(result, best(cosines("red wine"), 3))
        with pytest.raises(VikingException, match="out of order"):
            texts.ask("search_by_multi_modal", text="red wine", rerank=asked | {"fail_strategy": "fail_fast"})
    finally:
        unregister("test/broken")


def test_tensors_rerank_by_the_sum_of_the_best_products(database: Database) -> None:
    schema = schema_of(fresh("tensors"), {"id": "int64", "vec": 4, "ten": (3, 4)}, {"main": VectorIndex(quant="float")})
    world = World(database, schema)
    rng = np.random.default_rng(5)
    tensors = rng.normal(size=(40, 3, 4)).astype(np.float32)
    world.add([{"id": i + 1, "vec": [1.0, float(i), 0, 0], "ten": ten.tolist()} for i, ten in enumerate(tensors)])
    query = rng.normal(size=(2, 4)).astype(np.float32)

    def max_sim(key: int) -> float:
        return sum(max(float(np.dot(row, other)) for other in tensors[key - 1]) for row in query)

    asked = {"tensor": query.tolist(), "input_limit": 20}
    result = world.ask("search_by_vector", dense_vector=[1.0, 1.0, 0, 0], limit=5, offset=1, tensor_rerank=asked)
    assert_found(result, best({key: max_sim(key) for key in range(21, 41)}, 6)[1:])
    assert result["data"][0]["ann_score"] == float(result["data"][0]["id"])
    assert "ten" not in result["data"][0]["fields"]
    named = world.ask("search_by_vector", dense_vector=[1.0, 1.0, 0, 0], output_fields=["ten"], tensor_rerank=asked)
    assert np.shape(named["data"][0]["fields"]["ten"]) == (3, 4)
