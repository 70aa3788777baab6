"""What a cluster serves."""

import pytest

from tidegate.adapters.kubernetes import Cluster
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest


def definition(*versions: str, kind: str = "VirtualService") -> Manifest:
    served = [
        {
            "name": version,
            "served": True,
            "storage": index == 0,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }
        for index, version in enumerate(versions)
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.networking.istio.io"},
        "spec": {
            "group": "networking.istio.io",
            "scope": "Namespaced",
            "names": {"plural": f"{kind.lower()}s", "singular": kind.lower(), "kind": kind},
            "versions": served,
        },
    }


def test_a_cores_kind_is_served_as_v1(cluster: Cluster) -> None:
    assert cluster.served("", "Service") == "v1"


@pytest.mark.parametrize(
    ("served", "chosen"),
    [
        (("v1", "v1beta1", "v1alpha3"), "networking.istio.io/v1"),
        (("v1beta1", "v1alpha3"), "networking.istio.io/v1beta1"),
        (("v1alpha3",), "networking.istio.io/v1alpha3"),
        (("v2",), "networking.istio.io/v2"),
    ],
)
def test_the_first_preferred_version_that_is_served_is_chosen(
    cluster: Cluster, served: tuple[str, ...], chosen: str
) -> None:
    cluster.apply(definition(*served), manager="test")
    preferred = ("v1", "v1beta1", "v1alpha3")
    assert cluster.served("networking.istio.io", "VirtualService", preferred) == chosen


def test_a_kind_that_is_not_served_names_the_cluster_and_the_mend(cluster: Cluster) -> None:
    wanted = r"cluster mesh02 does not serve VirtualService \(networking.istio.io\); install Istio there"
    with pytest.raises(InvalidInput, match=wanted):
        cluster.served("networking.istio.io", "VirtualService")


def test_a_definition_that_came_later_is_found(cluster: Cluster) -> None:
    with pytest.raises(InvalidInput):
        cluster.served("networking.istio.io", "VirtualService")
    cluster.apply(definition("v1"), manager="test")
    assert cluster.served("networking.istio.io", "VirtualService") == "networking.istio.io/v1"
    assert cluster.namespaced("networking.istio.io/v1", "VirtualService")


def test_another_kind_of_a_known_group_that_came_later_is_found(cluster: Cluster) -> None:
    cluster.apply(definition("v1", kind="Gateway"), manager="test")
    cluster.served("networking.istio.io", "Gateway")
    cluster.apply(definition("v1"), manager="test")
    assert cluster.served("networking.istio.io", "VirtualService") == "networking.istio.io/v1"


def test_an_object_of_a_version_that_is_not_served_is_invalid_input(cluster: Cluster) -> None:
    with pytest.raises(InvalidInput, match=r"does not serve HorizontalPodAutoscaler \(autoscaling/v2beta1\)"):
        cluster.get("autoscaling/v2beta1", "HorizontalPodAutoscaler", "test", "podinfo")


@pytest.mark.parametrize(
    ("api_version", "kind", "namespaced"),
    [("v1", "Namespace", False), ("apps/v1", "Deployment", True)],
)
def test_kinds_live_in_namespaces_or_not(
    cluster: Cluster, api_version: str, kind: str, namespaced: bool
) -> None:
    assert cluster.namespaced(api_version, kind) is namespaced


def test_whether_a_kind_is_served_is_asked_anew_while_it_is_not(cluster: Cluster) -> None:
    kind = ("networking.istio.io/v1", "VirtualService")
    assert not cluster.serves(*kind)
    cluster.apply(definition("v1"), manager="test")
    assert cluster.serves(*kind)
