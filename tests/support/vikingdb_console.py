"""Works through the control plane with Volcano Engine's own client of it, in a process of its own, and prints what came
back.

Arguments: host with port, access key, secret key.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

warnings.simplefilter("ignore")

import volcenginesdkcore  # noqa: E402
import volcenginesdkvikingdb as sdk  # noqa: E402

FIELDS = [
    sdk.FieldForCreateVikingdbCollectionInput(field_name="id", field_type="int64", is_primary_key=True),
    sdk.FieldForCreateVikingdbCollectionInput(field_name="price", field_type="float32", default_value=1.5),
    sdk.FieldForCreateVikingdbCollectionInput(field_name="vector", field_type="vector", dim=8),
]
COLLECTION = {"collection_name": "console"}
INDEX = {**COLLECTION, "index_name": "by_console"}


def work(api: Any, tell: Callable[..., None]) -> None:
    """Call everything."""
    made = sdk.CreateVikingdbCollectionRequest(**COLLECTION, fields=FIELDS, description="made")
    tell("create", api.create_vikingdb_collection, made)
    tell(
        "create again", api.create_vikingdb_collection, sdk.CreateVikingdbCollectionRequest(**COLLECTION, fields=FIELDS)
    )
    vector_index = sdk.VectorIndexForCreateVikingdbIndexInput(
        index_type="hnsw", distance="cosine", quant="int8", hnsw_m=16
    )
    index = sdk.CreateVikingdbIndexRequest(**INDEX, vector_index=vector_index, scalar_index=["price"])
    tell("create index", api.create_vikingdb_index, index)
    tell("get", api.get_vikingdb_collection, sdk.GetVikingdbCollectionRequest(**COLLECTION))
    tell("list", api.list_vikingdb_collection, sdk.ListVikingdbCollectionRequest(
        page_number=1, page_size=5, filter=sdk.FilterForListVikingdbCollectionInput(collection_name_keyword="cons")
    ))  # fmt: skip
    tell("get index", api.get_vikingdb_index, sdk.GetVikingdbIndexRequest(**INDEX))
    tell("list indexes", api.list_vikingdb_index, sdk.ListVikingdbIndexRequest(
        filter=sdk.FilterForListVikingdbIndexInput(collection_name=["console"], status=["READY"])
    ))  # fmt: skip
    tell("update", api.update_vikingdb_collection, sdk.UpdateVikingdbCollectionRequest(
        **COLLECTION,
        description="told",
        fields=[sdk.FieldForUpdateVikingdbCollectionInput(field_name="new", field_type="int64")],
    ))  # fmt: skip
    tell(
        "update index",
        api.update_vikingdb_index,
        sdk.UpdateVikingdbIndexRequest(**INDEX, scalar_index=["price", "new"]),
    )
    tell("disable", api.disable_vikingdb_index, sdk.DisableVikingdbIndexRequest(**INDEX))
    tell("enable", api.enable_vikingdb_index, sdk.EnableVikingdbIndexRequest(**INDEX))
    tell("delete too early", api.delete_vikingdb_collection, sdk.DeleteVikingdbCollectionRequest(**COLLECTION))
    tell("delete index", api.delete_vikingdb_index, sdk.DeleteVikingdbIndexRequest(**INDEX))
    tell(
        "delete",
        api.delete_vikingdb_collection,
        sdk.DeleteVikingdbCollectionRequest(**COLLECTION, project_name="default"),
    )
    tell("get deleted", api.get_vikingdb_collection, sdk.GetVikingdbCollectionRequest(**COLLECTION))


def main(host: str, access_key: str, secret_key: str) -> None:
    configuration = volcenginesdkcore.Configuration()
    configuration.ak, configuration.sk, configuration.region = access_key, secret_key, "cn-beijing"
    configuration.host, configuration.scheme = host, "http"
    told: dict[str, Any] = {}

    def tell(name: str, method: Callable[..., Any], request: Any) -> None:
        try:
            told[name] = method(request).to_dict()
        except volcenginesdkcore.rest.ApiException as error:
            told[name] = {"status": error.status, **json.loads(error.body)["ResponseMetadata"]["Error"]}

    work(sdk.VIKINGDBApi(volcenginesdkcore.ApiClient(configuration)), tell)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
