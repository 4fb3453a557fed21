"""What only programs written for the official package ask for, and where each of that package's modules is found.

``quiverdb.dropin`` reads the table. A module stands for those of QuiverDB whose names it offers, the first one
first; a package that offers none of its own stands for none.
"""

from __future__ import annotations

__all__ = ["MODULES"]

_HERE = "quiverdb.qdrant"
_GRPC_FILES = (
    "collections_pb2", "collections_service_pb2_grpc", "json_with_int_pb2", "points_pb2", "points_service_pb2_grpc",
    "qdrant_common_pb2", "qdrant_pb2", "qdrant_pb2_grpc", "snapshots_service_pb2", "snapshots_service_pb2_grpc",
)  # fmt: skip
_GROUPS = (
    "aliases", "beta", "collections", "distributed", "indexes", "points", "quotas", "search", "service", "snapshots",
)  # fmt: skip

MODULES: dict[str, tuple[str, ...]] = {
    "": (_HERE,),
    "_pydantic_compat": (f"{_HERE}.official.pydantic_compat",),
    "async_client_base": (f"{_HERE}.official.bases",),
    "async_qdrant_client": (_HERE,),
    "async_qdrant_fastembed": (f"{_HERE}.official.fastembed",),
    "async_qdrant_remote": (f"{_HERE}.official.remote",),
    "auth": (f"{_HERE}.official.auth",),
    "auth.bearer_auth": (f"{_HERE}.official.auth",),
    "client_base": (f"{_HERE}.official.bases",),
    "common": (),
    "common.client_exceptions": (f"{_HERE}.common.client_exceptions",),
    "common.client_warnings": (f"{_HERE}.official.client_warnings",),
    "common.version_check": (f"{_HERE}.official.version_check",),
    "connection": (f"{_HERE}.official.connection",),
    "context_headers": (f"{_HERE}.official.context_headers",),
    "conversions": (),
    "conversions.conversion": (f"{_HERE}.official.conversion",),
    "conversions.common_types": (f"{_HERE}.official.common_types", f"{_HERE}.models"),
    "fastembed_common": (f"{_HERE}.official.fastembed",),
    "http": (f"{_HERE}.http",),
    "http.api": (f"{_HERE}.http.api",),
    **{f"http.api.{group}_api": (f"{_HERE}.http.api",) for group in _GROUPS},
    "http.api_client": (f"{_HERE}.http.api_client",),
    "http.exceptions": (f"{_HERE}.http.exceptions",),
    "http.models": (f"{_HERE}.models",),
    "http.models.models": (f"{_HERE}.models",),
    "grpc": (f"{_HERE}.official.grpc",),
    **{f"grpc.{name}": (f"{_HERE}.official.grpc",) for name in _GRPC_FILES},
    "hybrid": (),
    "hybrid.fusion": (f"{_HERE}.official.fusion",),
    "local": (),
    "local.async_qdrant_local": (f"{_HERE}.official.local",),
    "local.datetime_utils": (f"{_HERE}.official.values",),
    "local.order_by": (f"{_HERE}.official.values",),
    "local.qdrant_local": (f"{_HERE}.official.local",),
    "local.sparse": (f"{_HERE}.official.values",),
    "migrate": (f"{_HERE}.official.migration",),
    "models": (f"{_HERE}.models",),
    "qdrant_client": (_HERE,),
    "qdrant_fastembed": (f"{_HERE}.official.fastembed",),
    "qdrant_remote": (f"{_HERE}.official.remote",),
    "uploader": (),
    "uploader.grpc_uploader": (f"{_HERE}.official.uploader",),
    "uploader.rest_uploader": (f"{_HERE}.official.uploader",),
    "uploader.uploader": (f"{_HERE}.official.uploader",),
}
"""Modules of the official package, and the modules that stand in for each."""
