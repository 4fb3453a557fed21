"""The messages, enums and services of Qdrant's gRPC API, and of gRPC's own health checks and reflection.

They live in a pool of their own: the official client registers files of the same names in the pool that all programs
share. Importing this module needs protobuf.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from quiverdb.errors import InvalidInputError, MissingLibraryError

try:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
    from google.protobuf.message import Message
    from google.protobuf.message_factory import GetMessageClass
except ImportError as error:
    raise MissingLibraryError("gRPC", library="protobuf", extra="grpc") from error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor

__all__ = ["POOL", "SERVICES", "MessageClass", "Rpc", "descriptor", "enum", "message"]

MessageClass: TypeAlias = type[Message]


class Rpc(NamedTuple):
    """Name the messages of a remote procedure; a pair of classes, and whether either side sends many."""

    request: MessageClass
    reply: MessageClass
    streamed_requests: bool = False
    streamed_replies: bool = False


def _pool() -> tuple[DescriptorPool, FileDescriptorSet]:
    pool = DescriptorPool()
    described = FileDescriptorSet.FromString(files("quiverdb.wire").joinpath("descriptors.bin").read_bytes())
    for file in described.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool, described


POOL, _FILES = _pool()
"""Where all descriptors are."""


@cache
def descriptor(name: str) -> Descriptor:
    """Return the descriptor of a message by its full name, or by its name within Qdrant's API.

    Raises ``InvalidInputError`` if there is no such message.
    """
    for full in (f"qdrant.{name}", name):
        try:
            return POOL.FindMessageTypeByName(full)
        except KeyError:
            continue
    raise InvalidInputError(f"there is no message {name!r}")


@cache
def message(name: str) -> MessageClass:
    """Return the class of a message by its full name, or by its name within Qdrant's API.

    Raises ``InvalidInputError`` if there is no such message.

    >>> message("PointId")(num=7).num
    7
    """
    return GetMessageClass(descriptor(name))


@cache
def enum(name: str) -> EnumTypeWrapper:
    """Return an enum, which maps names to numbers and back.

    Raises ``InvalidInputError`` if there is no such enum.

    >>> enum("Distance").Value("Cosine")
    1
    """
    for full in (f"qdrant.{name}", name):
        try:
            return EnumTypeWrapper(POOL.FindEnumTypeByName(full))
        except KeyError:
            continue
    raise InvalidInputError(f"there is no enum {name!r}")


def _services() -> Mapping[str, Mapping[str, Rpc]]:
    found = {}
    for file in _FILES.file:
        for service in file.service:
            name = service.name if file.package == "qdrant" else f"{file.package}.{service.name}"
            found[name] = MappingProxyType(
                {
                    method.name: Rpc(
                        message(method.input_type.removeprefix(".")),
                        message(method.output_type.removeprefix(".")),
                        method.client_streaming,
                        method.server_streaming,
                    )
                    for method in service.method
                }
            )
    return MappingProxyType(found)


SERVICES: Mapping[str, Mapping[str, Rpc]] = _services()
"""The messages of each procedure by service and method: ``SERVICES["Points"]["Query"].request``.

Qdrant's services go by their bare names, others by their full ones.
"""
