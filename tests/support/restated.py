"""The same requests in other words: the models of another package, or plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from qdrant_client import models as official_models


def in_models_of(package: Any, value: Any) -> Any:
    """Return the same value made of the models of another package."""
    if isinstance(value, Enum):
        return getattr(package, type(value).__name__)(value.value)
    if isinstance(value, Mapping):
        return {key: in_models_of(package, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(in_models_of(package, item) for item in value)
    if not hasattr(type(value), "model_fields"):
        return value
    fields = type(value).model_fields
    given = {fields[name].alias or name: in_models_of(package, getattr(value, name)) for name in value.model_fields_set}
    return getattr(package, type(value).__name__)(**given)


def in_dicts(value: Any, *, exclude_unset: bool = True) -> Any:
    """Return the same value as plain data; models have values for fields that nobody set."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: in_dicts(item, exclude_unset=exclude_unset) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(in_dicts(item, exclude_unset=exclude_unset) for item in value)
    if not hasattr(value, "model_dump"):
        return value
    return value.model_dump(mode="json", by_alias=True, exclude_unset=exclude_unset)


class Restated:
    """A client of the official package that takes the models of any."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return _restating(method) if callable(method) else method


def _restating(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*in_models_of(official_models, args), **in_models_of(official_models, kwargs))

    return call
