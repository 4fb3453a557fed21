"""The messages: described as Qdrant describes them, and out of the official client's way."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from qdrant_client import grpc as official

from quiverdb.errors import InvalidInputError, MissingLibraryError
from quiverdb.wire import messages
from quiverdb.wire.messages import POOL, SERVICES, enum, message

TOOLS = Path(__file__).parents[2] / "tools"
OFFICIAL_FILES = [found.name for found in pkgutil.iter_modules(official.__path__) if found.name.endswith("_pb2")]


def load_generator() -> Any:
    spec = importlib.util.spec_from_file_location("gen_messages", TOOLS / "gen_messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_file_is_current() -> None:
    generator = load_generator()
    assert generator.DESCRIPTORS.read_bytes() == generator.generate(), "run python tools/gen_messages.py"


def without_remarks(holder: Any) -> Any:
    """Clear what says nothing of how messages are written: options of languages, reserved names and numbers."""
    for name in ("reserved_range", "reserved_name"):
        if name in holder.DESCRIPTOR.fields_by_name:
            holder.ClearField(name)
    if holder.DESCRIPTOR.name in ("FileDescriptorProto", "MethodDescriptorProto"):
        holder.ClearField("options")
    for field, items in holder.ListFields():
        if field.message_type is not None and field.is_repeated:
            for item in items:
                without_remarks(item)
    return holder


@pytest.mark.parametrize("name", OFFICIAL_FILES)
def test_a_file_describes_what_the_official_one_does(name: str) -> None:
    module = importlib.import_module(f"qdrant_client.grpc.{name}")
    theirs = without_remarks(FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    ours = without_remarks(FileDescriptorProto.FromString(POOL.FindFileByName(theirs.name).serialized_pb))
    assert ours == theirs


def test_all_official_files_were_compared() -> None:
    assert len(OFFICIAL_FILES) == 8


def test_messages_are_not_those_of_the_shared_pool() -> None:
    ours = message("PointId")
    assert ours is not official.PointId
    assert ours.FromString(official.PointId(num=7).SerializeToString()).num == 7
    assert ours is message("qdrant.PointId")


def test_services_name_their_messages() -> None:
    assert {name: len(SERVICES[name]) for name in ("Points", "Collections", "Snapshots", "Qdrant")} == {
        "Points": 30,
        "Collections": 14,
        "Snapshots": 6,
        "Qdrant": 1,
    }
    query = SERVICES["Points"]["Query"]
    assert (query.request, query.reply) == (message("QueryPoints"), message("QueryResponse"))
    assert not query.streamed_replies


def test_health_and_reflection_are_there() -> None:
    watch = SERVICES["grpc.health.v1.Health"]["Watch"]
    assert (watch.streamed_requests, watch.streamed_replies) == (False, True)
    assert watch.reply(status=1).SerializeToString() == b"\x08\x01"
    for version in ("v1", "v1alpha"):
        reflect = SERVICES[f"grpc.reflection.{version}.ServerReflection"]["ServerReflectionInfo"]
        assert (reflect.streamed_requests, reflect.streamed_replies) == (True, True)
        assert reflect.request(list_services="").WhichOneof("message_request") == "list_services"


def test_enums_map_names_and_numbers() -> None:
    assert enum("Distance").Name(3) == "Dot"
    assert enum("MaxOptimizationThreads.Setting").Value("Auto") == 0


@pytest.mark.parametrize("find", [message, enum, messages.descriptor])
def test_what_does_not_exist_is_named(find: Any) -> None:
    with pytest.raises(InvalidInputError, match="'Nothing'"):
        find("Nothing")


def test_a_missing_protobuf_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "quiverdb.wire.messages")
    monkeypatch.setitem(sys.modules, "google.protobuf.message", None)
    with pytest.raises(MissingLibraryError, match=r"quiverdb\[grpc\]"):
        importlib.import_module("quiverdb.wire.messages")
