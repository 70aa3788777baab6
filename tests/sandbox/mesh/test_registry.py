"""Which service a host names."""

from typing import Any

import pytest

from tidegate.sandbox.mesh.registry import Key, Snapshot, registry


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("podinfo", Key("test", "podinfo")),
        ("podinfo.test", Key("test", "podinfo")),
        ("podinfo.test.svc", Key("test", "podinfo")),
        ("podinfo.test.svc.cluster.local", Key("test", "podinfo")),
        ("podinfo.my-svc", Key("my-svc", "podinfo")),
        ("podinfo.other", None),
        ("other", None),
        ("podinfo.test.example.com", None),
    ],
)
def test_a_host_names_a_service_as_in_kubernetes(mesh: Any, host: str, found: Key | None) -> None:
    elsewhere = mesh.service("podinfo", "podinfo")
    elsewhere["metadata"]["namespace"] = "my-svc"
    services = registry(Snapshot(services=(mesh.service("podinfo", "podinfo"), elsewhere)))

    service = services.find(host, "test")
    assert (service.key if service else None) == found


def test_a_service_of_two_clusters_has_the_endpoints_of_both(mesh: Any) -> None:
    here, there = mesh.pod("podinfo", 1), mesh.pod("podinfo", 2)
    slices = [mesh.slice("podinfo", [(pod, f"127.0.0.{n}")], 9898) for n, pod in enumerate((here, there), 1)]
    services = (mesh.service("podinfo", "podinfo"),) * 2
    (service,) = registry(Snapshot(services=services, endpoint_slices=tuple(slices), pods=(here, there)))

    assert [endpoint.address for endpoint in service.endpoints[9898]] == ["127.0.0.1", "127.0.0.2"]


def test_an_endpoint_that_is_not_ready_gets_no_traffic(mesh: Any) -> None:
    pod = mesh.pod("podinfo", 1)
    manifest = mesh.slice("podinfo", [(pod, "127.0.0.1")], 9898)
    manifest["endpoints"][0]["conditions"]["ready"] = False
    services = (mesh.service("podinfo", "podinfo"),)
    (service,) = registry(Snapshot(services=services, endpoint_slices=(manifest,), pods=(pod,)))

    assert service.endpoints[9898] == ()
