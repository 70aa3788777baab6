"""Which addresses are in-cluster ones."""

import pytest

from tidegate.decisions.addresses import ServiceAddress, service_address


@pytest.mark.parametrize("suffix", ["", ".svc", ".svc.cluster.local"])
def test_a_service_is_known_by_its_dns_names(suffix: str) -> None:
    assert service_address(f"http://loadtester.test{suffix}/gate?x=1") == ServiceAddress(
        scheme="http", service="loadtester", namespace="test", port=80, path="/gate?x=1"
    )


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://prometheus.istio-system", 443), ("http://prometheus.istio-system:9090/", 9090)],
)
def test_the_port_is_the_scheme_s_unless_given(url: str, port: int) -> None:
    found = service_address(url)
    assert found is not None
    assert found.port == port


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/",
        "http://localhost/",
        "http://hooks.example.com/",
        "http://loadtester.test.svc.example.com/",
        "ftp://loadtester.test/",
        "http://[::1]/",
        "http://-a.b/",
    ],
)
def test_other_hosts_are_not_services(url: str) -> None:
    assert service_address(url) is None
