"""In-cluster addresses from outside."""

import httpx
import pytest

from tidegate.adapters.kubernetes import Cluster
from tidegate.adapters.kubernetes.service_proxy import proxy_path
from tidegate.domain.errors import InvalidInput
from tidegate.sandbox.cluster_api import ClusterApi

SERVICES = "/api/v1/namespaces"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://loadtester.test/", "/test/services/loadtester:80/proxy/"),
        ("http://loadtester.test", "/test/services/loadtester:80/proxy/"),
        ("http://loadtester.test.svc.cluster.local/a/b", "/test/services/loadtester:80/proxy/a/b"),
        ("http://prometheus.istio-system:9090/x?q=1", "/istio-system/services/prometheus:9090/proxy/x?q=1"),
        ("https://gate.test/check", "/test/services/https:gate:443/proxy/check"),
    ],
)
def test_a_url_becomes_a_path_of_the_service_proxy(url: str, path: str) -> None:
    assert proxy_path(url) == SERVICES + path


@pytest.mark.parametrize("url", ["http://loadtester/", "ftp://loadtester.test/", "loadtester.test"])
def test_a_url_that_names_no_service_of_a_namespace_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"write http://<service>\.<namespace>/"):
        proxy_path(url)


@pytest.mark.parametrize("path", ["../../secrets", "a/../../b", "%2e%2E/secrets", "./x", "..\\x"])
def test_a_path_that_climbs_out_of_the_proxy_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="climbs"):
        proxy_path(f"http://loadtester.test/{path}")


def test_the_target_is_called_with_the_clusters_credentials(cluster: Cluster, api: ClusterApi) -> None:
    target = cluster.service_proxy("http://nobody.test/")
    answer = httpx.get(target.url, headers=target.headers, verify=target.verify)
    assert target.url.startswith(api.url)
    assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")


def test_the_credentials_do_not_show(cluster: Cluster) -> None:
    assert "s3cret" not in repr(cluster.service_proxy("http://nobody.test/"))
