"""The generated models: all there, current, shaped like the official ones, and open to several kinds of input."""

from __future__ import annotations

import copy
import enum
import importlib.util
import json
import pickle
import timeit
import typing
import warnings
from pathlib import Path
from typing import Any, Optional
from uuid import UUID

import numpy as np
import pydantic
import pytest
from qdrant_client import models as official
from qdrant_client.http.models import models as official_models

from quiverdb.qdrant import http, models
from quiverdb.qdrant._model_base import Model

TOOLS = Path(__file__).parents[2] / "tools"
FACTS = json.loads((TOOLS / "facts" / "qdrant_models.json").read_text())
UNIONS = FACTS["unions"].keys() | FACTS["aliases"].keys()


def official_class(name: str) -> Any:
    return getattr(official_models, name)


def load_generator() -> Any:
    spec = importlib.util.spec_from_file_location("gen_models", TOOLS / "gen_models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_current() -> None:
    for path, text in load_generator().generate().items():
        assert path.read_text() == text, f"{path.name}: run python tools/gen_models.py"


def test_the_facts_know_every_official_model_and_enum() -> None:
    found = {
        name: value
        for name, value in vars(official_models).items()
        if isinstance(value, type) and value.__module__ == official_models.__name__
    }
    classes = {name for name, value in found.items() if issubclass(value, pydantic.BaseModel)}
    enums = {name for name, value in found.items() if issubclass(value, enum.Enum)}
    assert set(FACTS["models"]) == classes
    assert enums <= set(FACTS["enums"])
    public = {name for name in vars(official_models) if name[0].isupper()}
    imported = {
        "Annotated",
        "Any",
        "BaseModel",
        "Dict",
        "Enum",
        "Field",
        "List",
        "Literal",
        "Optional",
        "Union",
        "UUID",
    }
    internal = {"NumpyVectorsToLists", "StrictBool", "StrictFloat", "StrictInt", "StrictStr"}
    assert public - imported - internal == set(models.__all__)
    assert set(models.__all__) == set(FACTS["models"]) | set(FACTS["enums"]) | UNIONS


@pytest.mark.parametrize("name", sorted(FACTS["models"]))
def test_model_has_the_official_fields_and_defaults(name: str) -> None:
    ours, theirs = getattr(models, name), official_class(name)
    assert list(ours.model_fields) == list(theirs.model_fields)
    assert ours.model_config.get("extra") == theirs.model_config.get("extra")
    for field, fact in theirs.model_fields.items():
        mine = ours.model_fields[field]
        assert (mine.is_required(), mine.alias) == (fact.is_required(), fact.alias), field
        assert mine.get_default(call_default_factory=True) == fact.get_default(call_default_factory=True), field
    assert ours.__name__ == name
    assert ours.__doc__.endswith(".")
    ours.model_rebuild()
    assert ours.model_json_schema()


@pytest.mark.parametrize("name", sorted(FACTS["enums"]))
def test_enum_has_the_official_members(name: str) -> None:
    ours, theirs = getattr(models, name), official_class(name)
    assert {member.name: member.value for member in ours} == {member.name: member.value for member in theirs}
    assert all(isinstance(member, str) and member == member.value for member in ours)


@pytest.mark.parametrize("name", sorted(UNIONS))
def test_union_validates(name: str) -> None:
    adapter = pydantic.TypeAdapter(getattr(models, name))
    with pytest.raises(pydantic.ValidationError):
        adapter.validate_python(object())


def test_docstrings_are_our_own() -> None:
    ours = {name: getattr(models, name).__doc__ for name in FACTS["models"] | FACTS["enums"]}
    texts = [text for name, text in ours.items() if not name.startswith("InlineResponse")]
    assert len(set(texts)) == len(texts)
    for name, text in ours.items():
        theirs = official_class(name).__doc__ or ""
        assert text not in theirs


def test_http_has_the_same_models() -> None:
    assert http.models.PointStruct is models.PointStruct
    assert http.models.TelemetryData is models.TelemetryData
    assert set(dir(http.models)) == set(models.__all__)
    with pytest.raises(AttributeError):
        http.models.Nothing  # noqa: B018
    with pytest.raises(AttributeError):
        models.Nothing  # noqa: B018


CONDITION = {"key": "city", "match": {"value": "Oslo"}}


@pytest.mark.parametrize(
    "condition",
    [
        CONDITION,
        models.FieldCondition(**CONDITION),
        official.FieldCondition(**CONDITION),
        {"key": "city", "match": models.MatchValue(value="Oslo")},
        {"key": "city", "match": official.MatchValue(value="Oslo")},
        models.FieldCondition(key="city", match=official.MatchValue(value="Oslo")),
    ],
    ids=["dict", "ours", "official", "ours in a dict", "official in a dict", "official in ours"],
)
@pytest.mark.parametrize("listed", [True, False])
def test_filter_takes_conditions_of_any_origin(condition: Any, listed: bool) -> None:
    built = models.Filter(must=[condition] if listed else condition)
    expected = models.FieldCondition(key="city", match=models.MatchValue(value="Oslo"))
    assert built.must == ([expected] if listed else expected)
    assert type(built.must[0] if listed else built.must) is models.FieldCondition


@pytest.mark.parametrize(
    "theirs",
    [
        official.Filter(
            must=[
                official.IsEmptyCondition(is_empty=official.PayloadField(key="a")),
                official.NestedCondition(
                    nested=official.Nested(
                        key="b", filter=official.Filter(must_not=[official.HasIdCondition(has_id=[1])])
                    )
                ),
            ],
            min_should=official.MinShould(
                conditions=[official.FieldCondition(key="d", range=official.DatetimeRange(gte="2024-01-01T00:00:00Z"))],
                min_count=1,
            ),
        ),
        official.FieldCondition(key="d", match=official.MatchExcept(**{"except": [1, 2]})),
        official.VectorParams(
            size=4,
            distance=official.Distance.DOT,
            quantization_config=official.ScalarQuantization(
                scalar=official.ScalarQuantizationConfig(type=official.ScalarType.INT8, quantile=0.9)
            ),
        ),
        official.PointStruct(
            id=1, vector={"a": [1.0, 2.0], "b": official.SparseVector(indices=[3], values=[0.5])}, payload={"x": 1}
        ),
        official.QueryRequest(
            query=official.FormulaQuery(formula=official.SumExpression(sum=["$score", 1.0])),
            prefetch=official.Prefetch(query=[0.1, 0.2], limit=3),
        ),
        official.TextIndexParams(
            type="text", tokenizer=official.TokenizerType.WORD, stopwords=official.Language.ENGLISH
        ),
    ],
    ids=lambda theirs: type(theirs).__name__,
)
def test_official_objects_become_ours_at_every_depth(theirs: Any) -> None:
    ours = getattr(models, type(theirs).__name__).model_validate(theirs)
    assert ours.model_dump(mode="json") == theirs.model_dump(mode="json")
    assert not contains_official(ours)
    assert ours == getattr(models, type(theirs).__name__).model_validate(theirs.model_dump(by_alias=True))


def contains_official(value: Any) -> bool:
    if type(value).__module__.startswith("qdrant_client"):
        return True
    if isinstance(value, pydantic.BaseModel):
        return any(map(contains_official, value.__dict__.values()))
    if isinstance(value, dict):
        return any(map(contains_official, value.values()))
    return isinstance(value, list) and any(map(contains_official, value))


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: models.Filter(musst=[]), "musst"),
        (lambda: models.Filter(must=[models.SearchParams()]), "must"),
        (lambda: models.QueryRequest(filter=models.FieldCondition(key="a")), "filter"),
        (lambda: models.QueryRequest(filter=official.SearchParams()), "filter"),
        (lambda: models.FieldCondition(match=models.MatchValue(value=1)), "key"),
        (lambda: models.MatchValue(value=1.5), "value"),
        (lambda: models.PointStruct(id=True, vector=[1.0]), "id"),
        (lambda: models.PointStruct(id=1), "vector"),
        (lambda: models.PointStruct(id=1, vector="abc"), "vector"),
        (lambda: models.PointStruct(id=1, vector=[1.0], payload=[1]), "payload"),
        (lambda: models.PointStruct(id=1, vector={"a": {"indices": [1]}}), "vector"),
        (lambda: models.VectorParams(size=4, distance="Near"), "distance"),
        (lambda: models.HasIdCondition(has_id=[1.5]), "has_id"),
        (lambda: models.DatetimeRange(gte="soon"), "gte"),
    ],
)
def test_wrong_fields_are_refused_by_name(build: Any, complaint: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        build()
    assert any(complaint in map(str, error["loc"]) for error in caught.value.errors())


def test_vectors_are_kept_as_given() -> None:
    array, row = np.ones(3, np.float32), [0.5, 1.5]
    assert models.PointStruct(id=1, vector=array).vector is array
    assert models.PointStruct(id=1, vector=row).vector is row
    named = models.PointStruct(id=1, vector={"a": array, "b": row}).vector
    assert named["a"] is array
    assert named["b"] is row
    assert models.NearestQuery(nearest=array).nearest is array
    assert models.QueryRequest(query=array).query is array
    assert models.SparseVector(indices=np.array([1]), values=row).values is row
    block = np.ones((2, 3))
    assert models.Batch(ids=[1, 2], vectors=block).vectors is block


def test_arrays_are_dumped_as_lists_in_json_only() -> None:
    point = models.PointStruct(
        id=1,
        vector={
            "a": np.array([0.5, 1.0], np.float32),
            "b": models.SparseVector(indices=np.array([2]), values=np.array([0.25])),
            "c": [np.array([1.0]), np.array([2.0])],
        },
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert json.loads(point.model_dump_json())["vector"] == {
            "a": [0.5, 1.0],
            "b": {"indices": [2], "values": [0.25]},
            "c": [[1.0], [2.0]],
        }
        assert isinstance(point.model_dump()["vector"]["a"], np.ndarray)
        assert models.QueryRequest(query=models.RrfQuery(rrf=models.Rrf(k=3))).model_dump(exclude_none=True) == {
            "query": {"rrf": {"k": 3}}
        }


@pytest.mark.parametrize(
    "text", ["2024-05-06T07:08:09Z", "2024-05-06 07:08:09", "2024-05-06", "2024-5-6 7:08:09+01:00", "2024-05-06T07:08"]
)
def test_dates_are_read_in_every_spelling(text: str) -> None:
    bound = models.FieldCondition(key="d", range={"gte": text}).range
    assert type(bound) is models.DatetimeRange
    assert (bound.gte.year, bound.gte.month, bound.gte.day) == (2024, 5, 6)


def test_numbers_make_a_range_of_numbers() -> None:
    assert type(models.FieldCondition(key="d", range={"gte": 5}).range) is models.Range


def test_keywords_are_named_with_an_underscore_or_by_alias() -> None:
    assert models.MatchExcept(except_=[1]) == models.MatchExcept(**{"except": [1]})
    assert models.MatchExcept(except_=[1]).model_dump(by_alias=True) == {"except": [1]}


def test_query_is_a_union_in_annotations() -> None:
    class Task(pydantic.BaseModel):
        query: models.Query
        other: Optional[models.Query] = None  # noqa: UP045
        third: models.Query | int = 0

    task = Task(query={"fusion": "rrf"}, other=models.SampleQuery(sample="random"))
    assert type(task.query) is models.FusionQuery
    assert type(task.other) is models.SampleQuery
    assert set(models.Query.__subclasses__()) == {
        getattr(models, name) for name in FACTS["unions"]["Query"].split(" | ")
    }
    assert isinstance(task.query, models.Query)
    assert not isinstance(models.QueryRequest(), models.Query)
    assert typing.get_args(typing.Union[models.Query, int]) == (models.Query, int)  # noqa: UP007
    with pytest.raises(pydantic.ValidationError):
        Task(query={"nonsense": 1})


def test_query_is_a_request_when_called() -> None:
    assert models.Query(vector=[0.1, 0.2], limit=3) == models.QueryRequest(query=[0.1, 0.2], limit=3)
    assert models.Query(query=models.FusionQuery(fusion="rrf")).query.fusion is models.Fusion.RRF
    with pytest.raises(TypeError):
        models.Query(vector=[0.1], query=[0.1])
    with pytest.raises(pydantic.ValidationError):
        models.Query(vectorr=[0.1])


@pytest.mark.parametrize(
    "value",
    [
        models.Filter(must=[models.FieldCondition(key="a", range=models.Range(lt=5))]),
        models.PointStruct(id=UUID(int=5), vector={"a": [1.0]}, payload={"x": [1, {"y": None}]}),
        models.FusionQuery(fusion=models.Fusion.DBSF),
        models.VersionInfo(title="t", version="1"),
        models.ClusterStatusOneOf(status="disabled"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_models_are_copied_and_pickled(value: Model) -> None:
    for other in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), value.model_copy()):
        assert other == value
        assert other.model_dump() == value.model_dump()
    assert type(value).model_validate_json(value.model_dump_json()) == value


def test_no_model_looks_for_names_where_it_is_used() -> None:
    for name in FACTS["models"]:
        assert getattr(models, name).__pydantic_fields_complete__, name


def test_names_of_the_user_do_not_get_in_the_way() -> None:
    class Condition(pydantic.BaseModel):
        value: int

    class Filter(models.Filter):
        extra_condition: Condition | None = None

    class Expression(pydantic.BaseModel):
        query: models.FormulaQuery

    mine = Filter(must=[CONDITION], extra_condition={"value": 1})
    assert type(mine.must[0]) is models.FieldCondition
    assert mine.extra_condition == Condition(value=1)
    assert Expression(query={"formula": {"sum": ["a", 1.0]}}).query.formula.sum == ["a", 1.0]


def test_a_point_costs_less_than_the_official_one() -> None:
    row = [0.5] * 1024

    def cost(source: Any) -> float:
        return min(timeit.repeat(lambda: source.PointStruct(id=1, vector=row, payload={"a": 1}), number=500, repeat=7))

    assert cost(models) < cost(official) / 2
