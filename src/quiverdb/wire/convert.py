"""Plain data as messages, and messages as plain data.

Plain data has the shapes of the REST API. ``Converter`` compiles one codec per message from its descriptor and the
tables in ``shapes``; what stands below a message is compiled with it.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from quiverdb.errors import InvalidInputError
from quiverdb.wire import messages
from quiverdb.wire.codecs import (
    Codec,
    Read,
    Write,
    list_codec,
    map_codec,
    message_codec,
    payload_codec,
    scalar_codec,
    scalars_codec,
    text,
    truth,
)
from quiverdb.wire.custom import CUSTOM, VIEWS, View, read_old_vector
from quiverdb.wire.encoding import framed, tag
from quiverdb.wire.shapes import NAMES, SHAPES, Case, Either, Fields, Only, Shape
from quiverdb.wire.values import WrongValueError, kind_of, members

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from quiverdb.wire.messages import MessageClass

__all__ = ["ARRAYS", "LISTS", "Converter", "applied", "to_message", "to_plain"]

T = TypeVar("T")


def to_message(kind: str | MessageClass, value: Any) -> Message:
    """Return the message that stands for plain data; ``kind`` is the name of its class or the class.

    Raises ``InvalidInputError``, whose field says where the data is wrong.

    >>> to_message("Filter", {"must": [{"key": "city", "match": {"value": "Oslo"}}]}).must[0].field.match.keyword
    'Oslo'
    """
    cls = messages.message(kind) if isinstance(kind, str) else kind
    return cls.FromString(applied(LISTS.codec(messages.descriptor(cls.DESCRIPTOR.full_name)).write, value))


def to_plain(message: Message, *, arrays: bool = False) -> Any:
    """Return the plain data that a message stands for; with ``arrays``, vectors as numpy arrays.

    Raises ``InvalidInputError`` if the message contradicts itself.

    >>> to_plain(to_message("PointId", 7))
    7
    """
    read = (ARRAYS if arrays else LISTS).codec(messages.descriptor(message.DESCRIPTOR.full_name)).read
    return message if read is None else applied(read, message)


def applied(function: Callable[[Any], T], value: Any) -> T:
    """Return what one side of a codec makes of a value; raises ``InvalidInputError`` for one that is wrong."""
    try:
        return function(value)
    except WrongValueError as error:
        place = error.path
        reason = f"{place}: {error.reason}" if place else error.reason
        raise InvalidInputError(reason, field=place or None) from None


class Converter:
    """Make the codecs of messages, each when it is first needed.

    >>> read = Converter(arrays=True).codec(messages.descriptor("DenseVector")).read
    >>> read(to_message("DenseVector", [0.5, 1.0]))
    array([0.5, 1. ], dtype=float32)
    """

    def __init__(self, *, arrays: bool = False) -> None:
        self.arrays = arrays
        self._codecs: dict[str, Codec] = {}
        self._busy: set[str] = set()
        self._making = RLock()

    def codec(self, kind: Descriptor) -> Codec:
        """Return the codec of a message."""
        if (found := self._codecs.get(kind.full_name)) is not None:
            return found
        with self._making:  # or the other thread's would look like one that contains itself
            return self._made(kind)

    def _made(self, kind: Descriptor) -> Codec:
        name = kind.full_name
        codecs = self._codecs
        if (found := codecs.get(name)) is not None:
            return found
        if name in self._busy:  # it contains itself
            return Codec(lambda value: codecs[name].write(value), lambda held: codecs[name].read(held))  # type: ignore[misc]
        self._busy.add(name)
        try:
            codecs[name] = self.shaped(kind, _shape(kind))
        finally:
            self._busy.discard(name)
        return codecs[name]

    def shaped(self, kind: Descriptor, shape: Shape) -> Codec:
        """Return the codec of a message that has a certain shape."""
        match shape:
            case Only():
                return self._only(kind, shape)
            case Either():
                return Codec(self._case_writer(kind, shape), self._union_reader(kind, shape))
            case Fields(switch=True) if not kind.fields:
                return Codec(_flag, lambda _held: True)
            case Fields():
                codec = Codec(self._writer(kind, shape), self._reader(kind, shape))
                if shape.view is not None:
                    codec = _viewed(VIEWS[shape.view], codec)
                return codec if shape.under is None else _under(kind, shape.under, codec)
            case str():
                return CUSTOM[shape](self, kind)

    def field(self, field: FieldDescriptor, shape: Shape | None = None) -> Codec:
        """Return the codec of a field."""
        inner = field.message_type
        if inner is None:
            return scalars_codec(field) if field.is_repeated else scalar_codec(field)
        if inner.GetOptions().map_entry:
            value = inner.fields_by_name["value"]
            holds_json = value.message_type is not None and value.message_type.full_name == "qdrant.Value"
            return payload_codec(field) if holds_json else map_codec(field, self.field(value))
        shape = shape or _shape(inner)
        codec = message_codec(field, self.codec(inner) if shape is _shape(inner) else self.shaped(inner, shape))
        if isinstance(shape, Fields) and shape.switch:
            codec = _switched(codec)
        return list_codec(codec) if field.is_repeated else codec

    def _only(self, kind: Descriptor, shape: Only) -> Codec:
        name = shape.field
        write, read = self.field(kind.fields_by_name[name], shape.inside)

        def read_only(held: Any) -> Any:
            value = getattr(held, name)
            return value if read is None else read(value)

        return Codec(write, read_only)

    # --- messages with fields

    def _writer(self, kind: Descriptor, shape: Fields) -> Write:
        codecs = {
            field.name: self.field(field, shape.inside.get(field.name))
            for field in kind.fields
            if field.name not in shape.old
        }
        slots: dict[str, Write | None] = {
            key: codec.write for name, codec in codecs.items() for key in (name, _named(shape, name))
        }
        slots |= {key: slots[name] for key, name in shape.also.items()}
        slots |= {key: self._case_writer(kind, union) for key, union in shape.unions.items()}
        spread = {key: name for name, keys in shape.spread.items() for key in keys}
        slots |= dict.fromkeys(spread)
        ignored = shape.ignored if shape.type is None else (*shape.ignored, "type")
        slots |= dict.fromkeys(ignored, _nothing)
        short, switch = shape.short, shape.switch

        def write(value: Any) -> bytes:
            if short is not None and kind_of(value) != "object":
                value = {short: value}
            elif switch and isinstance(value, bool):
                return b""
            written: list[bytes] = []
            scattered: dict[str, dict[str, Any]] = {}
            for key, item in members(value).items():
                if item is None:
                    continue
                try:
                    write_item = slots[key]
                except KeyError:
                    raise WrongValueError(f"{kind.name} has no field {key!r}") from None
                if write_item is None:
                    scattered.setdefault(spread[key], {})[key] = item
                    continue
                try:
                    written.append(write_item(item))
                except WrongValueError as error:
                    raise error.below(key) from None
            for name, part in scattered.items():
                written.append(codecs[name].write(part))
            return b"".join(written)

        return write

    def _reader(self, kind: Descriptor, shape: Fields) -> Read:
        slots: dict[FieldDescriptor, tuple[str | None, Read | None]] = {}
        always: dict[str, Any] = {"type": shape.type}
        lists: list[tuple[str, type]] = []
        united = {case.field for union in shape.unions.values() for case in union.cases}
        for field in kind.fields:
            name = field.name
            if name in shape.unread:
                slots[field] = (None, lambda _held: {})
                continue
            read_field = self.field(field, shape.inside.get(name)).read
            key = None if name in shape.spread else _named(shape, name)
            slots[field] = (key, read_field)
            if key is None or name in shape.spared or name in united:
                continue
            if field.is_repeated:
                inner = field.message_type
                lists.append((key, dict if inner is not None and inner.GetOptions().map_entry else list))
            elif not field.has_presence:
                always[key] = field.default_value if read_field is None else read_field(field.default_value)
        for key, union in shape.unions.items():
            reads = self._case_readers(kind, union)
            slots |= {kind.fields_by_name[name]: (key, read) for name, read in reads.items()}
        always = {key: value for key, value in always.items() if value is not None}
        short = shape.short if shape.shortened else None

        def read(held: Any) -> Any:
            plain = always.copy()
            for key, empty in lists:
                plain[key] = empty()
            for field, item in held.ListFields():
                name, read_item = slots[field]
                value = item if read_item is None else read_item(item)
                if value is None:
                    continue
                if name is None:
                    plain.update(value)
                else:
                    plain[name] = value
            return plain if short is None else _shortened(plain, short)

        return read

    # --- unions

    def _case_writer(self, kind: Descriptor, shape: Either) -> Write:
        """Return what finds the case that a value is, and writes it."""
        bare: dict[str, Write] = {}
        by_key: list[tuple[str, tuple[str, ...], bool, Write]] = []
        by_type: dict[str, Write] = {}
        by_word: dict[str, bytes] = {}
        for case in shape.cases:
            field = kind.fields_by_name[case.field]
            if case.word is not None:
                by_word[case.word] = framed(tag(field), b"")
                continue
            write = self._field_writer(kind, case)
            if case.type is not None:
                by_type[case.type] = write
            elif case.keys:
                by_key += [(key, case.kinds, case.inner, write) for key in case.keys]
            else:
                bare |= {name: write for name in case.kinds if name not in bare}
        rest = bare.pop("object", None)
        scalars = (
            {} if by_word else {cls: bare[cls.__name__] for cls in (bool, int, float, str) if cls.__name__ in bare}
        )

        def write_either(value: Any) -> bytes:
            write = scalars.get(type(value))
            if write is not None:
                return write(value)
            found = kind_of(value)
            if found in bare:
                return bare[found](value)
            if found == "object":
                held = members(value)
                for key, kinds, inner, write in by_key:
                    item = held.get(key)
                    if item is not None and (not kinds or kind_of(item) in kinds):
                        return _below(key, write, item) if inner else write(value)
                if by_type and (item := held.get("type")) is not None and (typed := by_type.get(text(item))):
                    return typed(value)
                if rest is not None:
                    return rest(value)
            elif found == "str" and text(value) in by_word:
                return by_word[text(value)]
            raise WrongValueError(f"this is no {kind.name}: {value!r:.60}; it would be {_expected(shape)}")

        return write_either

    def _field_writer(self, kind: Descriptor, case: Case) -> Write:
        fields = kind.fields_by_name
        write = self.field(fields[case.field]).write
        if not case.beside:
            return write
        others = [(key, self.field(fields[other]).write) for other, key in case.beside.items()]

        def write_all(value: Any) -> bytes:
            held = members(value)
            return write(value) + b"".join([other(held[key]) for key, other in others if held.get(key) is not None])

        return write_all

    def _case_readers(self, kind: Descriptor, shape: Either) -> dict[str, Read | None]:
        """Return what reads each field of a union."""
        reads: dict[str, Read | None] = {}
        for case in shape.cases:
            if case.field not in reads:
                reads[case.field] = _case_reader(case, self.field(kind.fields_by_name[case.field]).read)
        return reads

    def _union_reader(self, kind: Descriptor, shape: Either) -> Read:
        oneof = kind.fields_by_name[shape.cases[0].field].containing_oneof
        union = "" if oneof is None else oneof.name
        reads = self._case_readers(kind, shape)
        old = "vectors_count" in kind.fields_by_name

        def read(held: Any) -> Any:
            name = held.WhichOneof(union)
            if name not in reads:
                return read_old_vector(held, arrays=self.arrays) if old and name is None else None
            read_item = reads[name]
            value = getattr(held, name)
            return value if read_item is None else read_item(value)

        return read


def _shape(kind: Descriptor) -> Shape:
    return SHAPES.get(kind.full_name.removeprefix("qdrant."), _AS_JSON)


_AS_JSON = Fields()


def _named(shape: Fields, field: str) -> str:
    """Return what a field is called in JSON."""
    return shape.names.get(field) or NAMES.get(field, field)


def _nothing(_value: Any) -> bytes:
    return b""


def _flag(value: Any) -> bytes:
    truth(value)
    return b""


def _switched(codec: Codec) -> Codec:
    """Return the codec of a field that is left out for ``false``."""
    return Codec(lambda value: b"" if value is False else codec.write(value), codec.read)


def _viewed(view: View, codec: Codec) -> Codec:
    """Return the codec of a message some of whose fields JSON joins."""
    return Codec(lambda value: codec.write(view.part(members(value))), lambda held: view.join(codec.read(held)))  # type: ignore[misc]


def _under(kind: Descriptor, key: str, codec: Codec) -> Codec:
    """Return the codec of a message whose fields stand below a key."""

    def write(value: Any) -> bytes:
        given = members(value).get(key)
        if given is None:
            raise WrongValueError(f"this is no {kind.name}: it has no {key!r}")
        return _below(key, codec.write, given)

    return Codec(write, lambda held: {key: codec.read(held)})  # type: ignore[misc]


def _below(key: str, write: Write, value: Any) -> bytes:
    try:
        return write(value)
    except WrongValueError as error:
        raise error.below(key) from None


def _case_reader(case: Case, read: Read | None) -> Read | None:
    """Return what reads a field of a union as JSON has it."""
    if case.word is not None:
        return lambda _held: case.word
    if case.inner:
        key = case.keys[0]
        return (lambda held: {key: held}) if read is None else lambda held: {key: read(held)}
    return read


def _expected(shape: Either) -> str:
    """Describe what a union accepts."""
    parts = []
    for case in shape.cases:
        if case.word is not None:
            parts.append(repr(case.word))
        elif case.type is not None:
            parts.append(f"an object of type {case.type!r}")
        elif case.keys:
            parts.append(f"an object with {' or '.join(case.keys)}")
        else:
            parts += [_KIND_NAMES[kind] for kind in case.kinds]
    return ", ".join(dict.fromkeys(parts))


_KIND_NAMES = {
    "bool": "true or false",
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "time": "a date",
    "numbers": "a list of numbers",
    "texts": "a list of texts",
    "rows": "a list of lists of numbers",
    "objects": "a list of objects",
    "empty": "an empty list",
    "object": "an object",
}


def _shortened(plain: dict[str, Any], short: str) -> Any:
    """Return the one value that says as much as the object."""
    if len(plain) != 1 or short not in plain:
        return plain
    value = plain[short]
    if isinstance(value, list):
        return value[0] if len(value) == 1 else plain
    return value


LISTS = Converter()
"""Reads vectors as lists of numbers."""

ARRAYS = Converter(arrays=True)
"""Reads vectors as numpy arrays."""
