"""Reading and server-side apply, over HTTP."""

from typing import Any

import pytest

from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.domain.errors import AccessDenied, Conflict, InvalidInput, Unreachable
from tidegate.sandbox.cluster_api import ClusterApi
from tidegate.settings.model import ClusterSettings, Settings

CONFIG_MAP = ("v1", "ConfigMap", "test", "colours")


def config_map(**data: str) -> dict[str, Any]:
    metadata = {"name": "colours", "namespace": "test", "labels": {"app": "podinfo"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_an_applied_object_is_read_back(cluster: Cluster) -> None:
    cluster.apply(config_map(sky="blue"), manager="tidegate")
    live = cluster.get(*CONFIG_MAP)
    assert live is not None
    assert live["data"] == {"sky": "blue"}


def test_an_absent_object_is_none(cluster: Cluster) -> None:
    assert cluster.get(*CONFIG_MAP) is None


def test_a_list_is_filtered_by_labels_and_says_the_kind_of_each_item(cluster: Cluster) -> None:
    cluster.apply(config_map(sky="blue"), manager="tidegate")
    listed = cluster.list("v1", "ConfigMap", "test", "app=podinfo")
    assert [(each["kind"], each["metadata"]["name"]) for each in listed] == [("ConfigMap", "colours")]
    assert cluster.list("v1", "ConfigMap", "test", "app=other") == []


def test_a_dry_run_changes_nothing(cluster: Cluster) -> None:
    assert cluster.apply(config_map(sky="blue"), manager="tidegate", dry_run=True)["data"] == {"sky": "blue"}
    assert cluster.get(*CONFIG_MAP) is None


def test_an_apply_removes_what_the_manifest_no_longer_has(cluster: Cluster) -> None:
    cluster.apply(config_map(sky="blue", sea="green"), manager="tidegate")
    assert cluster.apply(config_map(sky="blue"), manager="tidegate")["data"] == {"sky": "blue"}


def test_a_given_resource_version_is_a_precondition(cluster: Cluster) -> None:
    stale = cluster.apply(config_map(sky="blue"), manager="tidegate")["metadata"]["resourceVersion"]
    cluster.apply(config_map(sky="grey"), manager="somebody")
    manifest = config_map(sky="blue")
    manifest["metadata"]["resourceVersion"] = stale
    with pytest.raises(Conflict, match="ConfigMap test/colours in cluster mesh02"):
        cluster.apply(manifest, manager="tidegate")


def test_deleting_twice_is_fine(cluster: Cluster) -> None:
    cluster.apply(config_map(), manager="tidegate")
    cluster.delete(*CONFIG_MAP)
    cluster.delete(*CONFIG_MAP)
    assert cluster.get(*CONFIG_MAP) is None


def test_an_object_that_the_api_refuses_is_named(cluster: Cluster) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "test"},
        "spec": {"replicas": -1},
    }
    with pytest.raises(InvalidInput, match=r"Deployment test/web was refused by cluster mesh02: .*spec"):
        cluster.apply(deployment, manager="tidegate")


def test_a_misspelt_field_is_bad_input_though_servers_call_it_their_own_fault(cluster: Cluster) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "test"},
        "spec": {"replcas": 1},
    }
    with pytest.raises(
        InvalidInput, match=r"Deployment test/web .*\.spec\.replcas: field not declared in schema"
    ):
        cluster.apply(deployment, manager="tidegate")


def test_a_missing_namespace_is_named(cluster: Cluster) -> None:
    manifest = config_map()
    manifest["metadata"]["namespace"] = "nowhere"
    with pytest.raises(InvalidInput, match='namespaces "nowhere" not found'):
        cluster.apply(manifest, manager="tidegate")


def test_an_outage_is_unreachable_and_says_which_cluster(
    cluster: Cluster, api: ClusterApi, servers: Any
) -> None:
    servers(api.stop())
    with pytest.raises(Unreachable, match=r"cluster mesh02 is out of reach: .*(refused|reset)"):
        cluster.get(*CONFIG_MAP)


def test_a_wrong_token_is_denied_without_being_told(api: ClusterApi, clusters: Clusters) -> None:
    api.token = "another"
    with pytest.raises(AccessDenied, match="cluster mesh02 denied access") as caught:
        clusters.cluster("mesh02").list("v1", "ConfigMap", "test")
    assert "s3cret" not in str(caught.value)


def test_an_unknown_cluster_is_invalid_input_that_lists_the_known(clusters: Clusters) -> None:
    with pytest.raises(InvalidInput, match="unknown cluster 'mesh09'; known clusters: mesh02"):
        clusters.cluster("mesh09")


def test_a_kubeconfig_that_is_not_there_is_invalid_input(tmp_path: Any) -> None:
    settings = Settings(clusters={"a": ClusterSettings(kubeconfig=str(tmp_path / "none"))})
    with pytest.raises(InvalidInput, match=r"settings: clusters.a.kubeconfig: cannot be used"):
        Clusters(settings).cluster("a")


def test_a_cluster_is_connected_once(clusters: Clusters) -> None:
    assert clusters.cluster("mesh02") is clusters.cluster("mesh02")
