"""The ground under the generated models: their base class and the annotations for vectors and dates.

A model accepts keyword arguments, and for its nested parts objects of this package, dicts, or objects of the
official package, which are recognised by their class name. Sequences and arrays of numbers are kept as given:
checking every number of a vector would cost more than storing it, and whatever reads the vector checks it anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictFloat,
    ValidationError,
    WrapValidator,
)
from pydantic_core import core_schema

from quiverdb.dates import parse_datetime

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from quiverdb.qdrant.models import QueryRequest

__all__ = ["Dense", "Indices", "Later", "Loose", "Model", "Query", "Rows", "Timestamp", "Values", "adopt"]

_MODELS = "quiverdb.qdrant.models"
_SCALARS = {int, str, float, bool}


def adopt(value: Any) -> Any:
    """Replace objects of the official package by ours, at any depth; return ``value`` itself if there are none."""
    if isinstance(value, Model):
        return value
    if isinstance(value, BaseModel):
        cls = _namesake(type(value))
        return value if cls is None else cls.model_validate(adopt(dict(value.__dict__)))
    if isinstance(value, Enum):
        return value.value
    kind = type(value)
    if kind is dict:
        adopted = {key: adopt(item) for key, item in value.items()}
        return adopted if any(adopted[key] is not item for key, item in value.items()) else value
    if kind is list or kind is tuple:
        if not value or isinstance(value[0], float) or set(map(type, value)) <= _SCALARS:
            return value
        items = [adopt(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _namesake(kind: type) -> type[Model] | None:
    """Return the model that is called like a class or one of its bases."""
    from quiverdb.qdrant import models

    for base in kind.__mro__:
        cls = getattr(models, base.__name__, None)
        if isinstance(cls, type) and issubclass(cls, Model):
            return cls
    return None


def _fail_fast(schema: Any) -> None:
    """Set for all lists of a schema that the first wrong item ends them; those of nested models have it set."""
    if isinstance(schema, dict):
        if schema.get("type") == "list":
            if "fail_fast" in schema:
                return
            schema["fail_fast"] = True
        for part in schema.values():
            _fail_fast(part)
    elif isinstance(schema, list):
        for part in schema:
            _fail_fast(part)


class Model(BaseModel):
    """Base of all models.

    >>> from quiverdb.qdrant import models
    >>> models.Filter(must=[{"key": "city", "match": {"value": "Oslo"}}]).must[0].key
    'city'
    """

    model_config = ConfigDict(defer_build=True)

    if not TYPE_CHECKING:

        def __init__(self, /, **data: Any) -> None:
            try:
                self.__pydantic_validator__.validate_python(data, self_instance=self)
            except ValidationError:
                adopted = adopt(data)
                if adopted is data:
                    raise
                self.__pydantic_validator__.validate_python(adopted, self_instance=self)

        # Tells pydantic that nested dicts need no call of this method.
        __init__.__pydantic_base_init__ = True

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let lists be given up at the first wrong item: what all the others lack may take hours to find out."""
        schema = handler(source)
        _fail_fast(schema)
        return schema

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Build an instance from a dict or from an object of this or the official package."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError:
            adopted = adopt(obj)
            if adopted is obj:
                raise
            return super().model_validate(adopted, **options)


class Query(Model):
    """Stand for any kind of query in annotations; called with a vector, build a whole request.

    >>> from quiverdb.qdrant import models
    >>> models.Query(vector=[0.1, 0.2], limit=3).limit
    3
    >>> isinstance(models.FusionQuery(fusion="rrf"), models.Query)
    True
    """

    if TYPE_CHECKING:

        def __init__(self, **data: Any) -> None: ...

    def __new__(cls, **data: Any) -> QueryRequest | Self:  # type: ignore[misc]
        if cls is not Query:
            return object.__new__(cls)
        from quiverdb.qdrant.models import QueryRequest

        if "vector" in data:
            if "query" in data:
                raise TypeError("Query() takes a vector or a query, not both")
            data["query"] = data.pop("vector")
        return QueryRequest(**data)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        if cls is not Query:
            return super().__get_pydantic_core_schema__(source, handler)
        kinds = [kind for kind in Query.__subclasses__() if kind.__module__ == _MODELS]
        return core_schema.union_schema([handler.generate_schema(kind) for kind in kinds])


def _to_plain(value: Any) -> Any:
    """Turn arrays into lists, for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and value and hasattr(value[0], "tolist"):
        return [_to_plain(item) for item in value]
    return value


class _ArrayType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return hasattr(value, "__array__")


class _Array(metaclass=_ArrayType):
    """Stand for whatever numpy can read as an array."""


class Loose:
    """Annotate a union whose own models, and values of the given ``kinds``, are taken as they are.

    Asking for the class first spares the attempts to fit a value into each member of the union.
    With ``arrays``, anything that numpy can read is taken as well.
    """

    __slots__ = ("arrays", "kinds")

    def __init__(self, *kinds: type, arrays: bool = False) -> None:
        self.kinds = kinds
        self.arrays = arrays

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        members = get_args(source) or (source,)
        models = tuple(kind for kind in members if isinstance(kind, type) and issubclass(kind, Model))
        kinds = self.kinds + models + ((_Array,) if self.arrays else ())
        serialization = core_schema.plain_serializer_function_ser_schema(_to_plain, when_used="json")
        return core_schema.union_schema(
            [core_schema.is_instance_schema(kinds), handler(source)],
            serialization=serialization if self.arrays else None,
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema["choices"][1])


class Later:
    """Annotate ``Any`` as the union ``name`` of the models, which is defined further down."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        from quiverdb.qdrant import models

        return handler.generate_schema(getattr(models, self.name))


def _read_date(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        micros = parse_datetime(value) if isinstance(value, str) else None
        if micros is None:
            raise
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


Timestamp: TypeAlias = Annotated[datetime | date, WrapValidator(_read_date)]
"""A date, or text that names one."""

if TYPE_CHECKING:
    Dense: TypeAlias = Sequence[float] | NDArray[Any]
    Rows: TypeAlias = Sequence[Sequence[float]] | NDArray[Any]
    Indices: TypeAlias = Sequence[int] | NDArray[Any]
    Values: TypeAlias = Dense
else:
    Dense = list[StrictFloat]
    Rows = list[list[StrictFloat]]
    Indices = Annotated[list[int], Loose(list, tuple, arrays=True)]
    Values = Annotated[list[float], Loose(list, tuple, arrays=True)]
