"""What all models have in common, and the kinds of fields that take more than pydantic offers.

Requests accept numpy arrays wherever numbers or ids stand, and keep them as they are: who sends a request writes them
as JSON. Results read null as the empty list or mapping that it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WrapValidator
from pydantic import ValidatorFunctionWrapHandler as Handler

__all__ = [
    "CollectionMeta",
    "CommonResponse",
    "DataApiResponse",
    "Ids",
    "IndexMeta",
    "Listed",
    "Mapped",
    "Model",
    "Numbers",
    "PaginationResponse",
]

T = TypeVar("T")
TModel = TypeVar("TModel", bound="Model")


class Model(BaseModel):
    """Base of all models: fields go by name or alias, and unknown ones are kept."""

    model_config = ConfigDict(populate_by_name=True, extra="allow", protected_namespaces=())


def _or_array(value: Any, handler: Handler) -> Any:
    """Let arrays of numpy pass, which are known by their protocol."""
    return value if hasattr(value, "__array_interface__") else handler(value)


def _as_is(value: Any) -> Any:
    return value


_ARRAYS = (WrapValidator(_or_array), PlainSerializer(_as_is, when_used="always"))

Numbers: TypeAlias = Annotated[Sequence[float], *_ARRAYS]
"""A vector: a list, a tuple, or an array of numpy."""
Ids: TypeAlias = Annotated[Sequence[Any], *_ARRAYS]

Listed: TypeAlias = Annotated[
    list[T], BeforeValidator(lambda value: [] if value is None else value), Field(default_factory=list)
]
"""A list in a result, empty where the result has none."""
Mapped: TypeAlias = Annotated[
    dict[str, Any], BeforeValidator(lambda value: {} if value is None else value), Field(default_factory=dict)
]
"""A mapping in a result, empty where the result has none."""


class CollectionMeta(Model):
    """Name a collection."""

    collection_name: str | None = None
    project_name: str | None = None
    resource_id: str | None = None


class IndexMeta(CollectionMeta):
    """Name an index."""

    index_name: str | None = None


class CommonResponse(Model):
    """Hold what all answers say."""

    api: str | None = None
    message: str | None = None
    code: str | None = None
    request_id: str | None = None


class DataApiResponse(Model):
    """Hold an answer.

    >>> DataApiResponse.parse_with({"code": "Success", "request_id": "r", "result": {"a": 1}}).result
    {'a': 1}
    """

    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    api: str | None = None
    result: Any | None = None

    @classmethod
    def parse_with(cls, payload: Mapping[str, Any], result_model: type[TModel] | None = None) -> Self:
        """Read an answer, and its result by a model of its own."""
        response = cls.model_validate(payload)
        if result_model is not None and payload.get("result") is not None:
            response.result = result_model.model_validate(payload["result"])
        return response


class PaginationResponse(Model):
    """Say which part of a list an answer holds."""

    total: int | None = None
    page: int | None = None
    page_size: int | None = None
