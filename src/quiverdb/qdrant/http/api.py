"""The routes of the REST API as functions: a class for each group, a method for each operation id.

All are made from the table in ``quiverdb.wire.routes``. A method takes what stands in the path, then what stands in the
query string, then the body: a model or plain data. It returns the whole answer: the model of the result has ``result``,
``status``, ``time`` and ``usage``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import Any

from quiverdb.wire.operations import Operation
from quiverdb.wire.rest import path_arguments
from quiverdb.wire.routes import ROUTES

__all__ = ["ASYNC_APIS", "SYNC_APIS", "Api"]


class Api:
    """Ask a server by the routes of one group."""

    def __init__(self, api_client: Any) -> None:
        self.api_client = api_client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.api_client.host}>"


def _signature(route: Operation) -> Signature:
    kind = Parameter.POSITIONAL_OR_KEYWORD
    needed = [Parameter(name, kind) for name in ("self", *path_arguments(route.path))]
    return Signature([*needed, *(Parameter(name, kind, default=None) for name in (*route.query, *route.body))])


def _method(route: Operation) -> Callable[..., Any]:
    signature = _signature(route)

    def ask(*args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(*args, **kwargs).arguments
        return arguments.pop("self").api_client.ask(route, arguments)

    return _described(ask, route, signature)


def _async_method(route: Operation) -> Callable[..., Any]:
    signature = _signature(route)

    async def ask(*args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(*args, **kwargs).arguments
        return await arguments.pop("self").api_client.ask(route, arguments)

    return _described(ask, route, signature)


def _described(method: Callable[..., Any], route: Operation, signature: Signature) -> Callable[..., Any]:
    method.__name__ = route.name
    method.__doc__ = f"Send ``{route.method} {route.path}`` and return the ``{route.result}``."
    method.__dict__["__signature__"] = signature
    return method


def _classes(kind: str, method: Callable[[Operation], Callable[..., Any]]) -> Mapping[str, type[Api]]:
    """Return the class of each group, and offer it under the name of the official one."""
    found = {}
    for group, routes in ROUTES.items():
        name = kind + group.title().replace("_", "")
        members = {"__doc__": f"Ask a server by the routes of {group}.", "__module__": __name__}
        found[group] = type(name, (Api,), members | {route.name: method(route) for route in routes.values()})
        globals()[name] = found[group]
        __all__.append(name)
    return found


SYNC_APIS = _classes("Sync", _method)
"""By the name of the group."""
ASYNC_APIS = _classes("Async", _async_method)
"""By the name of the group."""
