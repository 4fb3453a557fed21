"""Two collections of VikingDB with an index each, and what is stored in them."""

from __future__ import annotations

ROWS_SCHEMA = {
    "CollectionName": "rows",
    "Fields": [
        {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True},
        {"FieldName": "title", "FieldType": "string"},
        {"FieldName": "paragraph", "FieldType": "int64"},
        {"FieldName": "score", "FieldType": "float32"},
        {"FieldName": "text", "FieldType": "text"},
        {"FieldName": "tags", "FieldType": "list<string>"},
        {"FieldName": "vector", "FieldType": "vector", "Dim": 4},
        {"FieldName": "terms", "FieldType": "sparse_vector"},
    ],
    "FullText": [{"Field": "text", "Analyzer": {"Tokenizer": "standard"}}],
}
ROWS_INDEX = {
    "CollectionName": "rows",
    "IndexName": "rows_index",
    "VectorIndex": {"IndexType": "hnsw_hybrid", "Distance": "ip", "Quant": "float"},
}
TEXTS_SCHEMA = {
    "CollectionName": "texts",
    "Fields": [{"FieldName": "text", "FieldType": "text"}],
    "Vectorize": {"Dense": {"ModelName": "bge-m3", "TextField": "text", "Dim": 1024}},
}
TEXTS_INDEX = {
    "CollectionName": "texts",
    "IndexName": "texts_index",
    "VectorIndex": {"IndexType": "flat", "Distance": "cosine", "Quant": "float"},
}

ROWS = (
    {
        "id": 1, "title": "orientation", "paragraph": 7, "score": 72.5, "text": "meet the team",
        "vector": [1, 0, 0, 0], "terms": {"team": 1.0}, "tags": ["a"],
    },
    {
        "id": 2, "title": "演示", "paragraph": 7, "score": 88.4, "text": "retrieve the signal",
        "vector": [0, 1, 0, 0], "terms": {"signal": 0.5}, "tags": ["a", "b"],
    },
    {
        "id": -3, "title": "tuning", "paragraph": 8, "score": 92.65, "text": "tune signal and signal",
        "vector": [0, 0, 1, 0], "terms": {"signal": 1.0, "tune": 2.0},
    },
)  # fmt: skip
TEXTS = ("a lamp on the desk", "a lamp on the shelf", "rain over the sea")
