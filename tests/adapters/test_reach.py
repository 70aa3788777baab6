"""When the service proxy is used."""

import pytest

from tidegate.adapters.reach import Direct, Reach, shown
from tidegate.settings import ClusterSettings, Settings


class Cluster:
    def service_proxy(self, url: str) -> Direct:
        return Direct(f"proxied {url}", headers={"Authorization": "Bearer s3cret"})


class Clusters:
    def cluster(self, name: str) -> Cluster:
        assert name == "mesh01"
        return Cluster()


SETTINGS = Settings(clusters={"mesh01": ClusterSettings(service_proxy=True), "mesh02": ClusterSettings()})
REACH = Reach(SETTINGS, Clusters())


@pytest.mark.parametrize(
    ("cluster", "url", "expected"),
    [
        ("mesh01", "http://loadtester.test/", "proxied http://loadtester.test/"),
        ("mesh01", "http://127.0.0.1:9090/", "http://127.0.0.1:9090/"),
        ("mesh01", "https://hooks.example.com/x", "https://hooks.example.com/x"),
        ("mesh02", "http://loadtester.test/", "http://loadtester.test/"),
        ("unknown", "http://loadtester.test/", "http://loadtester.test/"),
    ],
)
def test_the_settings_and_the_address_decide(cluster: str, url: str, expected: str) -> None:
    assert REACH.target(cluster, url).url == expected


def test_a_target_does_not_print_its_credentials() -> None:
    assert "s3cret" not in repr(REACH.target("mesh01", "http://loadtester.test/"))


def test_an_address_is_told_without_its_secrets() -> None:
    assert shown("https://user:pass@hooks.example.com:8443/T0/B0?token=x") == "https://hooks.example.com:8443"
