"""Write the descriptors of all gRPC messages and services from ``facts/*_grpc.json``.

``descriptors.bin`` is a ``FileDescriptorSet``: the files of Qdrant's API and those of the services that gRPC itself
defines, each after the files it imports.

    python tools/gen_messages.py            write the file
    python tools/gen_messages.py --check    fail if the file differs from what would be written
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP

TOOLS = Path(__file__).resolve().parent
DESCRIPTORS = TOOLS.parent / "src" / "quiverdb" / "wire" / "descriptors.bin"
FACTS = ("qdrant_grpc.json", "standard_grpc.json")

SCALARS = {
    name: FieldDescriptorProto.Type.Value(f"TYPE_{name.upper()}")
    for name in ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")
}
MAP = re.compile(r"map<(\w+), ([\w.]+)>")
STREAMS = {"replies": (False, True), "both": (True, True)}
"""Whether requests and replies are streams."""


def read_facts() -> dict[str, Any]:
    """Return the facts of each proto file, those it imports first."""
    files: dict[str, Any] = {}
    for name in FACTS:
        files |= json.loads((TOOLS / "facts" / name).read_text())["files"]
    ordered: dict[str, Any] = {}

    def place(name: str) -> None:
        if name in files and name not in ordered:
            for needed in files[name]["imports"]:
                place(needed)
            ordered[name] = files[name]

    for name in files:
        place(name)
    return ordered


def enum_names(scope: str, holder: dict[str, Any]) -> set[str]:
    """Return the full names of the enums of a file or message, also of nested ones."""
    found = {f"{scope}.{name}" for name in holder.get("enums", ())}
    for name, inner in {**holder.get("messages", {}), **holder.get("nested", {})}.items():
        found |= enum_names(f"{scope}.{name}", inner)
    return found


def camel(name: str) -> str:
    """Return the name of a map's entry message, as protoc makes it from the name of the field."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"


class Builder:
    """Build descriptors; knows which names are enums."""

    def __init__(self, enums: set[str]) -> None:
        self.enums = enums

    def typed(self, field: FieldDescriptorProto, kind: str) -> FieldDescriptorProto:
        """Set the type of a field."""
        if kind in SCALARS:
            field.type = SCALARS[kind]
        else:
            field.type = field.TYPE_ENUM if kind in self.enums else field.TYPE_MESSAGE
            field.type_name = f".{kind}"
        return field

    def message(self, scope: str, name: str, facts: dict[str, Any]) -> DescriptorProto:
        """Return the descriptor of a message and all that is nested in it."""
        full = f"{scope}.{name}"
        message = DescriptorProto(name=name)
        choices = list(dict.fromkeys(fact["oneof"] for fact in facts["fields"] if "oneof" in fact))
        message.oneof_decl.extend(DescriptorProto(name=name, oneof_decl=[{"name": c} for c in choices]).oneof_decl)
        for fact in facts["fields"]:
            field = message.field.add(name=fact["name"], number=fact["number"], label="LABEL_OPTIONAL")
            if pair := MAP.fullmatch(fact["type"]):
                entry = message.nested_type.add(name=camel(fact["name"]))
                entry.options.map_entry = True
                for number, (key, kind) in enumerate(zip(("key", "value"), pair.groups(), strict=True), start=1):
                    self.typed(entry.field.add(name=key, number=number, label="LABEL_OPTIONAL"), kind)
                field.label, field.type = field.LABEL_REPEATED, field.TYPE_MESSAGE
                field.type_name = f".{full}.{entry.name}"
                continue
            self.typed(field, fact["type"])
            if fact.get("repeated"):
                field.label = field.LABEL_REPEATED
            if fact.get("deprecated"):
                field.options.deprecated = True
            if "oneof" in fact:
                field.oneof_index = choices.index(fact["oneof"])
            if fact.get("optional"):
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{fact['name']}")
        message.nested_type.extend(self.message(full, inner, what) for inner, what in facts.get("nested", {}).items())
        message.enum_type.extend(enum(inner, what) for inner, what in facts.get("enums", {}).items())
        return message

    def file(self, name: str, facts: dict[str, Any]) -> FileDescriptorProto:
        """Return the descriptor of a file."""
        package = facts["package"]
        return FileDescriptorProto(
            name=name,
            package=package,
            syntax="proto3",
            dependency=facts["imports"],
            message_type=[self.message(package, inner, what) for inner, what in facts.get("messages", {}).items()],
            enum_type=[enum(inner, what) for inner, what in facts.get("enums", {}).items()],
            service=[service(inner, what) for inner, what in facts.get("services", {}).items()],
        )


def enum(name: str, members: dict[str, int]) -> EnumDescriptorProto:
    """Return the descriptor of an enum."""
    return EnumDescriptorProto(name=name, value=[{"name": key, "number": n} for key, n in members.items()])


def service(name: str, methods: dict[str, list[str]]) -> ServiceDescriptorProto:
    """Return the descriptor of a service."""
    built = ServiceDescriptorProto(name=name)
    for method, (request, reply, *streams) in methods.items():
        added = built.method.add(name=method, input_type=f".{request}", output_type=f".{reply}")
        for stream in streams:
            added.client_streaming, added.server_streaming = STREAMS[stream]
    return built


def generate() -> bytes:
    """Return the bytes of the generated file."""
    files = read_facts()
    builder = Builder(set().union(*(enum_names(facts["package"], facts) for facts in files.values())))
    timestamp = FileDescriptorProto.FromString(TIMESTAMP.serialized_pb)
    built = [timestamp, *(builder.file(name, facts) for name, facts in files.items())]
    return FileDescriptorSet(file=built).SerializeToString(deterministic=True)


def main() -> int:
    """Write the file, or compare it; return the exit status."""
    check = "--check" in sys.argv[1:]
    data = generate()
    stale = not DESCRIPTORS.exists() or DESCRIPTORS.read_bytes() != data
    if stale:
        print(f"{DESCRIPTORS.name} is {'stale: run python tools/gen_messages.py' if check else 'written'}")
        if not check:
            DESCRIPTORS.write_bytes(data)
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
