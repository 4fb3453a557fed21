"""Messages, enums, stubs and servicers of the gRPC API by the names that the official package gives them.

The messages are QuiverDB's own, apart from those of an official package in the same process. What only needs messages
does not need grpcio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from quiverdb.errors import InvalidInputError
from quiverdb.wire.messages import POOL, SERVICES, enum, message

__all__ = ["enum_names", "message_names", "service_names"]

_SERVICES = ("Collections", "Points", "Qdrant", "Snapshots")
_FILES = ("collections", "json_with_int", "points", "qdrant_common", "qdrant", "snapshots_service")


def _files() -> Iterator[Any]:
    return (POOL.FindFileByName(f"{name}.proto") for name in _FILES)


def message_names() -> list[str]:
    """Return the names of all messages that stand in no other message."""
    return sorted(name for file in _files() for name in file.message_types_by_name)


def enum_names() -> list[str]:
    """Return the names of all enums that stand in no message."""
    return sorted(name for file in _files() for name in file.enum_types_by_name)


def service_names() -> list[str]:
    """Return the names of what there is for each service: a stub, a servicer, and what adds it to a server."""
    patterns = ("{}Stub", "{}Servicer", "add_{}Servicer_to_server")
    return sorted(pattern.format(service) for service in _SERVICES for pattern in patterns)


def _stub(service: str) -> type:
    """Return the class whose objects call a service over a channel of grpcio."""

    def connect(self: Any, channel: Any) -> None:
        for method, rpc in SERVICES[service].items():
            call = channel.unary_unary(
                f"/qdrant.{service}/{method}",
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.reply.FromString,
            )
            setattr(self, method, call)

    return type(f"{service}Stub", (), {"__init__": connect, "__doc__": f"Call the service {service} over a channel."})


def _servicer(service: str) -> type:
    """Return the class that servers of a service derive theirs from."""

    def unanswered(method: str) -> Callable[[Any, Any, Any], NoReturn]:
        def answer(self: Any, request: Any, context: Any) -> NoReturn:  # noqa: ARG001
            from grpc import StatusCode

            context.set_code(StatusCode.UNIMPLEMENTED)
            context.set_details("Method not implemented!")
            raise NotImplementedError(f"{service}/{method} is not implemented")

        return answer

    methods: dict[str, Any] = {method: unanswered(method) for method in SERVICES[service]}
    return type(f"{service}Servicer", (), {**methods, "__doc__": f"Answer the calls of the service {service}."})


def _adder(service: str) -> Callable[[Any, Any], None]:
    """Return the function that adds a servicer of a service to a server of grpcio."""

    def add(servicer: Any, server: Any) -> None:
        from grpc import method_handlers_generic_handler, unary_unary_rpc_method_handler

        handlers = {
            method: unary_unary_rpc_method_handler(
                getattr(servicer, method),
                request_deserializer=rpc.request.FromString,
                response_serializer=rpc.reply.SerializeToString,
            )
            for method, rpc in SERVICES[service].items()
        }
        server.add_generic_rpc_handlers((method_handlers_generic_handler(f"qdrant.{service}", handlers),))

    return add


def _of_service(name: str) -> Any:
    for service in _SERVICES:
        if name == f"{service}Stub":
            return _stub(service)
        if name == f"{service}Servicer":
            return _servicer(service)
        if name == f"add_{service}Servicer_to_server":
            return _adder(service)
    return None


def _member(name: str) -> int | None:
    """Return the number of an enum's member, which has no other name in the official package."""
    for file in _files():
        for kind in file.enum_types_by_name.values():
            if name in kind.values_by_name:
                return int(kind.values_by_name[name].number)
    return None


def __getattr__(name: str) -> Any:
    for find in (message, enum):
        try:
            value: Any = find(name)
            break
        except InvalidInputError:
            continue
    else:
        value = _of_service(name)
        if value is None:
            value = _member(name)
    if value is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, *message_names(), *enum_names(), *service_names()]
