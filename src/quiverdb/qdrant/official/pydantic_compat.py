"""The official package's helpers that hide which pydantic is installed; here it is always the second."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

__all__ = [
    "PYDANTIC_V2",
    "construct",
    "model_config",
    "model_copy",
    "model_fields",
    "model_fields_set",
    "model_json_schema",
    "to_dict",
    "to_jsonable_python",
    "update_forward_refs",
]

PYDANTIC_V2 = True

M = TypeVar("M", bound=BaseModel)


def construct(model_class: type[M], *args: Any, **kwargs: Any) -> M:
    """Make a model without validation."""
    return model_class.model_construct(*args, **kwargs)


def to_dict(model: BaseModel, *args: Any, **kwargs: Any) -> dict[Any, Any]:
    """Return a model as a dict."""
    return model.model_dump(*args, **kwargs)


def model_copy(model: M, *args: Any, **kwargs: Any) -> M:
    """Copy a model."""
    return model.model_copy(*args, **kwargs)


def model_fields_set(model: BaseModel) -> set[str]:
    """Return the names of the fields that were given."""
    return model.model_fields_set


def model_fields(model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a class of models."""
    return dict(model.model_fields)


def model_json_schema(model: type[BaseModel], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the JSON schema of a class of models."""
    return model.model_json_schema(*args, **kwargs)


def model_config(model: type[BaseModel]) -> dict[str, Any]:
    """Return the settings of a class of models."""
    return dict(model.model_config)


def update_forward_refs(model_class: type[BaseModel], *args: Any, **kwargs: Any) -> None:
    """Resolve what annotations could not name yet."""
    model_class.model_rebuild(*args, **kwargs)
