"""Plain data as messages, and messages as plain data.

Plain data has the shapes of the REST API. ``Converter`` compiles one codec per message from its descriptor and the
tables in ``shapes``; what stands below a message is compiled with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quiverdb.errors import InvalidInputError
from quiverdb.wire import messages
from quiverdb.wire.codecs import (
    PAYLOAD,
    Codec,
    Function,
    list_codec,
    map_codec,
    repeated_codec,
    scalar_codec,
    text,
    truth,
)
from quiverdb.wire.custom import CUSTOM, VIEWS, View, read_old_vector
from quiverdb.wire.shapes import NAMES, SHAPES, Case, Either, Fields, Only, Shape
from quiverdb.wire.values import WrongValueError, kind_of, members

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from quiverdb.wire.messages import MessageClass

__all__ = ["ARRAYS", "LISTS", "Converter", "build", "to_message", "to_plain"]


def to_message(kind: str | MessageClass, value: Any) -> Message:
    """Return the message that stands for plain data; ``kind`` is the name of its class or the class.

    Raises ``InvalidInputError``, whose field says where the data is wrong.

    >>> to_message("Filter", {"must": [{"key": "city", "match": {"value": "Oslo"}}]}).must[0].field.match.keyword
    'Oslo'
    """
    cls = messages.message(kind) if isinstance(kind, str) else kind
    return build(cls, LISTS.codec(messages.descriptor(cls.DESCRIPTOR.full_name)).write, value)


def to_plain(message: Message, *, arrays: bool = False) -> Any:
    """Return the plain data that a message stands for; with ``arrays``, vectors as numpy arrays.

    Raises ``InvalidInputError`` if the message contradicts itself.

    >>> to_plain(to_message("PointId", 7))
    7
    """
    read = (ARRAYS if arrays else LISTS).codec(messages.descriptor(message.DESCRIPTOR.full_name)).read
    return message if read is None else read_message(read, message)


def build(cls: MessageClass, write: Function, value: Any) -> Message:
    """Return the message of a class that a codec's ``write`` makes of plain data; raises ``InvalidInputError``."""
    try:
        written = write(value)
        return written if isinstance(written, cls) else cls(**(written or {}))
    except WrongValueError as error:
        raise _invalid(error) from None
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"no {cls.DESCRIPTOR.name} can be made of this: {error}") from error


def read_message(read: Function, message: Message) -> Any:
    """Return what a codec's ``read`` makes of a message; raises ``InvalidInputError``."""
    try:
        return read(message)
    except WrongValueError as error:
        raise _invalid(error) from None


def _invalid(error: WrongValueError) -> InvalidInputError:
    place = error.path
    return InvalidInputError(f"{place}: {error.reason}" if place else error.reason, field=place or None)


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

    def codec(self, kind: Descriptor) -> Codec:
        """Return the codec of a message."""
        name = kind.full_name
        codecs = self._codecs
        if (found := codecs.get(name)) is not None:
            return found
        if name in self._busy:  # it contains itself
            return Codec(lambda value: codecs[name].write(value), lambda held: codecs[name].read(held))  # type: ignore[misc]
        self._busy.add(name)
        try:
            codecs[name] = self.shaped(kind, SHAPES.get(name.removeprefix("qdrant."), Fields()))
        finally:
            self._busy.discard(name)
        return codecs[name]

    def shaped(self, kind: Descriptor, shape: Shape) -> Codec:
        """Return the codec of a message that has a certain shape."""
        match shape:
            case Only():
                return self._only(kind, shape)
            case Either():
                return self._either(kind, shape)
            case Fields(switch=True) if not kind.fields:
                return Codec(lambda value: {} if truth(value) else None, lambda _held: True)
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
            return repeated_codec(field) if field.is_repeated else scalar_codec(field)
        if inner.GetOptions().map_entry:
            value = inner.fields_by_name["value"]
            holds_json = value.message_type is not None and value.message_type.full_name == "qdrant.Value"
            return PAYLOAD if holds_json else map_codec(self.field(value))
        codec = self.codec(inner) if shape is None else self.shaped(inner, shape)
        return list_codec(codec) if field.is_repeated else codec

    def _only(self, kind: Descriptor, shape: Only) -> Codec:
        name = shape.field
        write, read = self.field(kind.fields_by_name[name], shape.inside)

        def read_only(held: Any) -> Any:
            value = getattr(held, name)
            return value if read is None else read(value)

        return Codec(lambda value: {name: write(value)}, read_only)

    # --- messages with fields

    def _writer(self, kind: Descriptor, shape: Fields) -> Function:
        fields = [field for field in kind.fields if field.name not in (*shape.hidden, *shape.old)]
        codecs = {field.name: self.field(field, shape.inside.get(field.name)) for field in fields}
        slots: dict[str, tuple[str | None, Function | None]] = {
            key: (name, codec.write) for name, codec in codecs.items() for key in (name, _named(shape, name))
        }
        slots |= {key: slots[name] for key, name in shape.also.items()}
        slots |= {key: (name, None) for name, keys in shape.spread.items() for key in keys}
        slots |= {key: (None, self._either(kind, union).write) for key, union in shape.unions.items()}
        ignored = shape.ignored if shape.type is None else (*shape.ignored, "type")
        short, switch = shape.short, shape.switch

        def write(value: Any) -> dict[str, Any] | None:
            if short is not None and kind_of(value) != "object":
                value = {short: value}
            elif switch and isinstance(value, bool):
                return {} if value else None
            written: dict[str, Any] = {}
            scattered: dict[str, dict[str, Any]] = {}
            for key, item in members(value).items():
                if item is None or key in ignored:
                    continue
                try:
                    name, write_item = slots[key]
                except KeyError:
                    raise WrongValueError(f"{kind.name} has no field {key!r}") from None
                try:
                    if name is None:
                        written.update(write_item(item))  # type: ignore[misc]
                    elif write_item is None:
                        scattered.setdefault(name, {})[key] = item
                    else:
                        written[name] = write_item(item)
                except WrongValueError as error:
                    raise error.below(key) from None
            for name, part in scattered.items():
                written[name] = codecs[name].write(part)
            return written

        return write

    def _reader(self, kind: Descriptor, shape: Fields) -> Function:
        slots: dict[int, tuple[str | None, Function | None]] = {}
        always: dict[str, Any] = {"type": shape.type}
        lists: list[tuple[str, type]] = []
        united = {case.field for union in shape.unions.values() for case in union.cases}
        for field in kind.fields:
            name = field.name
            if name in shape.hidden:
                slots[field.number] = (None, _nothing)
                continue
            read_field = self.field(field, shape.inside.get(name)).read
            key = None if name in shape.spread else _named(shape, name)
            slots[field.number] = (key, read_field)
            if key is None or name in shape.spared or name in united:
                continue
            if field.is_repeated:
                inner = field.message_type
                lists.append((key, dict if inner is not None and inner.GetOptions().map_entry else list))
            elif not field.has_presence:
                always[key] = field.default_value if read_field is None else read_field(field.default_value)
        for key, union in shape.unions.items():
            reads = self._case_readers(kind, union)
            slots |= {kind.fields_by_name[name].number: (key, read) for name, read in reads.items()}
        always = {key: value for key, value in always.items() if value is not None}
        short = shape.short if shape.shortened else None

        def read(held: Any) -> Any:
            plain = always.copy()
            for key, empty in lists:
                plain[key] = empty()
            for field, item in held.ListFields():
                name, read_item = slots[field.number]
                value = item if read_item is None else read_item(item)
                if name is None:
                    plain.update(value)
                elif value is not None:
                    plain[name] = value
            return plain if short is None else _shortened(plain, short)

        return read

    # --- unions

    def _either(self, kind: Descriptor, shape: Either) -> Codec:
        return Codec(self._case_writer(kind, shape), self._union_reader(kind, shape))

    def _case_writer(self, kind: Descriptor, shape: Either) -> Function:
        """Return what finds the case that a value is, and writes it."""
        bare: dict[str, Function] = {}
        by_key: list[tuple[str, tuple[str, ...], bool, Function]] = []
        by_type: dict[str, Function] = {}
        by_word: dict[str, dict[str, Any]] = {}
        for case in shape.cases:
            if case.word is not None:
                by_word[case.word] = {case.field: {}}
                continue
            write = self._field_writer(kind, case)
            if case.type is not None:
                by_type[case.type] = write
            elif case.keys:
                by_key += [(key, case.kinds, case.inner, write) for key in case.keys]
            else:
                bare |= {name: write for name in case.kinds if name not in bare}
        rest = bare.pop("object", None)

        def write_either(value: Any) -> dict[str, Any]:
            found = kind_of(value)
            if found in bare:
                return bare[found](value)  # type: ignore[no-any-return]
            if found == "object":
                held = members(value)
                for key, kinds, inner, write in by_key:
                    item = held.get(key)
                    if item is not None and (not kinds or kind_of(item) in kinds):
                        return _below(key, write, item) if inner else write(value)  # type: ignore[no-any-return]
                if by_type and (item := held.get("type")) is not None and (found_type := by_type.get(text(item))):
                    return found_type(value)  # type: ignore[no-any-return]
                if rest is not None:
                    return rest(value)  # type: ignore[no-any-return]
            elif found == "str" and text(value) in by_word:
                return by_word[text(value)]
            raise WrongValueError(f"this is no {kind.name}: {value!r:.60}; it would be {_expected(shape)}")

        return write_either

    def _field_writer(self, kind: Descriptor, case: Case) -> Function:
        name, fields = case.field, kind.fields_by_name
        write = self.field(fields[name]).write
        if not case.beside:
            return lambda value: {name: write(value)}
        others = [(other, key, self.field(fields[other]).write) for other, key in case.beside.items()]

        def write_all(value: Any) -> dict[str, Any]:
            held = members(value)
            repeated = {other: write_one(held[key]) for other, key, write_one in others if held.get(key) is not None}
            return {name: write(value), **repeated}

        return write_all

    def _case_readers(self, kind: Descriptor, shape: Either) -> dict[str, Function | None]:
        """Return what reads each field of a union."""
        reads: dict[str, Function | None] = {}
        for case in shape.cases:
            if case.field not in reads:
                reads[case.field] = _case_reader(case, self.field(kind.fields_by_name[case.field]).read)
        return reads

    def _union_reader(self, kind: Descriptor, shape: Either) -> Function:
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


def _named(shape: Fields, field: str) -> str:
    """Return what a field is called in JSON."""
    return shape.names.get(field) or NAMES.get(field, field)


def _nothing(_held: Any) -> dict[str, Any]:
    return {}


def _viewed(view: View, codec: Codec) -> Codec:
    """Return the codec of a message some of whose fields JSON joins."""
    return Codec(lambda value: codec.write(view.part(members(value))), lambda held: view.join(codec.read(held)))  # type: ignore[misc]


def _under(kind: Descriptor, key: str, codec: Codec) -> Codec:
    """Return the codec of a message whose fields stand below a key."""

    def write(value: Any) -> Any:
        given = members(value).get(key)
        if given is None:
            raise WrongValueError(f"this is no {kind.name}: it has no {key!r}")
        return _below(key, codec.write, given)

    return Codec(write, lambda held: {key: codec.read(held)})  # type: ignore[misc]


def _below(key: str, write: Function, value: Any) -> Any:
    try:
        return write(value)
    except WrongValueError as error:
        raise error.below(key) from None


def _case_reader(case: Case, read: Function | None) -> Function | None:
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
