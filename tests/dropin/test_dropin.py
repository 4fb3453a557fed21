"""Programs that import ``qdrant_client`` get QuiverDB, and the real package when they are done."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from typing import Any

import pytest

from quiverdb import dropin
from quiverdb.errors import AlreadyExistsError, InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant.official import MODULES

OFFICIAL = "qdrant_client"


def official(inside: str) -> Any:
    return importlib.import_module(f"{OFFICIAL}.{inside}".rstrip("."))


@pytest.fixture
def installed() -> Any:
    with dropin.installed(OFFICIAL, replace=True):
        yield


def python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("installed")
class TestInstalled:
    @pytest.mark.parametrize(
        "statement",
        [
            "import qdrant_client",
            "from qdrant_client import QdrantClient, AsyncQdrantClient, models",
            "from qdrant_client import *",
            "from qdrant_client.qdrant_client import QdrantClient",
            "from qdrant_client.async_qdrant_client import AsyncQdrantClient",
            "import qdrant_client.models as m; m.PointStruct, m.TelemetryData",
            "from qdrant_client.models import *; PointStruct, QuotaStatus",
            "from qdrant_client.http import models as rest, exceptions; rest.Filter, exceptions.UnexpectedResponse",
            "from qdrant_client.http.models import Distance, VectorParams",
            "from qdrant_client.http.models import models; models.Filter",
            "from qdrant_client.http.models.models import PointStruct",
            "from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse",
            "from qdrant_client.client_base import QdrantBase",
            "from qdrant_client.async_client_base import AsyncQdrantBase",
            "from qdrant_client.conversions import common_types as t; t.Filter, t.PointId, t.NumpyArray",
            "from qdrant_client.conversions.common_types import QuantizationConfig, ScoredPoint, WithPayloadInterface",
            "from qdrant_client._pydantic_compat import construct, to_dict",
            "from qdrant_client.local.qdrant_local import QdrantLocal",
            "from qdrant_client.local.async_qdrant_local import AsyncQdrantLocal",
            "from qdrant_client.local import datetime_utils; datetime_utils.parse",
            "from qdrant_client.local.order_by import to_order_value",
            "from qdrant_client.local.sparse import validate_sparse_vector",
            "from qdrant_client.qdrant_remote import QdrantRemote",
            "from qdrant_client.async_qdrant_remote import AsyncQdrantRemote",
            "from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse",
            "from qdrant_client.common.version_check import is_compatible, parse_version",
            "from qdrant_client.common.client_warnings import show_warning_once",
            "from qdrant_client.connection import get_async_channel, get_channel",
            "from qdrant_client.context_headers import async_headers, get_context_headers, headers",
            "from qdrant_client.qdrant_fastembed import QdrantFastembedMixin",
            "from qdrant_client.async_qdrant_fastembed import AsyncQdrantFastembedMixin",
            "from qdrant_client.fastembed_common import QueryResponse",
            "from qdrant_client.migrate import migrate; migrate.__call__",
            "from qdrant_client.hybrid.fusion import distribution_based_score_fusion, reciprocal_rank_fusion",
            "from qdrant_client.uploader.uploader import iter_batch",
            "from qdrant_client.uploader.rest_uploader import RestBatchUploader",
            "from qdrant_client.uploader.grpc_uploader import GrpcBatchUploader",
            "from qdrant_client.auth import BearerAuth",
            "from qdrant_client.auth.bearer_auth import BearerAuth",
            "from qdrant_client.http import ApiClient, AsyncApiClient, AsyncApis, SyncApis",
            "from qdrant_client.http.api_client import AsyncApis, SyncApis",
            "from qdrant_client.http.api.points_api import AsyncPointsApi, SyncPointsApi",
        ],
    )
    def test_names_that_programs_import(self, statement: str) -> None:
        exec(statement, {})

    def test_names_are_those_of_quiverdb(self) -> None:
        import qdrant_client
        from qdrant_client import models as found

        from quiverdb.qdrant import AsyncQdrantClient, QdrantClient

        assert (qdrant_client.QdrantClient, qdrant_client.AsyncQdrantClient) == (QdrantClient, AsyncQdrantClient)
        assert found is qdrant_client.models is sys.modules["qdrant_client.models"]
        assert found.Filter is models.Filter is qdrant_client.http.models.models.Filter
        assert {"PointStruct", "Filter"} <= set(dir(found))

    def test_what_is_inside_is_reached_by_attributes(self) -> None:
        package = importlib.import_module(OFFICIAL)
        for name in MODULES:
            place = package
            for step in filter(None, name.split(".")):
                place = getattr(place, step)
            assert place is official(name)

    def test_names_can_be_patched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from quiverdb.qdrant import QdrantClient

        monkeypatch.setattr("qdrant_client.QdrantClient", 1)
        from qdrant_client import QdrantClient as Patched

        assert Patched == 1
        assert QdrantClient != 1

    def test_pickles_of_the_official_models_are_read(self) -> None:
        text = b"cqdrant_client.http.models.models\nDistance\n(S'Dot'\ntR."
        assert pickle.loads(text) is models.Distance.DOT

    def test_what_is_unknown_is_never_taken_from_the_real_package(self) -> None:
        with pytest.raises(ModuleNotFoundError, match="QuiverDB stands in for qdrant_client") as caught:
            official("parallel_processor")
        assert caught.value.name == "qdrant_client.parallel_processor"
        with pytest.raises(ImportError, match="cannot import name 'nothing'"):
            exec("from qdrant_client import nothing")
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = importlib.import_module(OFFICIAL).nothing

    def test_a_second_installation_changes_nothing(self) -> None:
        package = importlib.import_module(OFFICIAL)
        dropin.install(OFFICIAL)
        with dropin.installed(OFFICIAL):
            assert importlib.import_module(OFFICIAL) is package
        assert importlib.import_module(OFFICIAL) is package


def test_the_real_package_is_back_afterwards() -> None:
    import qdrant_client as real

    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == OFFICIAL}
    path = list(sys.meta_path)
    with dropin.installed(OFFICIAL, replace=True):
        assert importlib.import_module(OFFICIAL) is not real
    after = {name: module for name, module in sys.modules.items() if name.split(".")[0] == OFFICIAL}
    assert after == before
    assert sys.meta_path == path
    assert official("parallel_processor").__file__


def test_the_real_package_is_importable_after_uninstall() -> None:
    program = (
        "import sys; from quiverdb import dropin\n"
        "dropin.install('qdrant_client'); import qdrant_client.models\n"
        "print(qdrant_client.QdrantClient.__module__)\n"
        "dropin.uninstall(); import qdrant_client.models\n"
        "print(qdrant_client.QdrantClient.__module__)"
    )
    assert python(program).split() == ["quiverdb.qdrant._client", "qdrant_client.qdrant_client"]


def test_installing_loads_little() -> None:
    heavy = {"numpy", "pydantic", "msgspec", "faiss", "asyncio", "typer"}
    program = "import sys; from quiverdb.dropin import install; install('qdrant_client')"
    program += "; import qdrant_client; print(*sys.modules)"
    assert not heavy & set(python(program).split())


def test_an_imported_package_is_not_replaced_unasked() -> None:
    import qdrant_client

    with pytest.raises(AlreadyExistsError, match="imported already: install the drop-in before") as caught:
        dropin.install(OFFICIAL)
    assert (caught.value.kind, caught.value.name) == ("module", OFFICIAL)
    assert importlib.import_module(OFFICIAL) is qdrant_client


@pytest.mark.parametrize("name", ["pinecone", "qdrant_client.models", ""])
def test_unknown_packages_are_refused(name: str) -> None:
    for call in (dropin.install, dropin.uninstall):
        with pytest.raises(InvalidInputError, match=r"only for .*qdrant_client"):
            call(name)
    with pytest.raises(InvalidInputError), dropin.installed(name):
        pass


def test_no_names_mean_all_packages() -> None:
    program = "from quiverdb import dropin; dropin.install(); import qdrant_client; print(qdrant_client.QdrantClient)"
    assert "quiverdb" in python(program)
