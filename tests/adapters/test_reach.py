"""When the service proxy is used."""

import ipaddress

import pytest
from aiohttp import web

import tidegate.adapters.reach as reach_module
from tests.conftest import Serve
from tidegate.adapters.reach import Direct, Reach, client, shown
from tidegate.decisions import egress
from tidegate.domain.errors import InvalidInput
from tidegate.settings import AddressSettings, ClusterSettings, Settings


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


async def _call(reach: Reach, url: str) -> int:
    async with client(reach.target("mesh02", url), timeout=5) as http:
        return (await http.post(url, json={})).status_code


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Reach:
    """As if this machine's own address were a cloud provider's metadata address."""
    monkeypatch.setattr(egress, "METADATA_NETWORKS", (ipaddress.ip_network("127.0.0.0/8"),))
    return Reach(SETTINGS, Clusters())


@pytest.fixture
async def neighbour(serve: Serve) -> tuple[str, list[str]]:
    """A server's address by name, and the paths that it was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="credentials of the machine")

    address = await serve(answer)
    return address.replace("127.0.0.1", "localhost"), asked


async def test_a_name_at_a_metadata_address_is_not_called(
    guarded: Reach, neighbour: tuple[str, list[str]]
) -> None:
    address, asked = neighbour

    with pytest.raises(InvalidInput, match=r"'localhost' is at 127\.0\.0\.1, a link-local or metadata"):
        await _call(guarded, f"{address}/latest/meta-data")
    assert asked == []


async def test_the_answer_of_a_name_that_moved_meanwhile_is_thrown_away(
    guarded: Reach, neighbour: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        """What was found before the name moved."""

    monkeypatch.setattr(reach_module, "check_resolved", nothing)
    address, asked = neighbour

    with pytest.raises(InvalidInput, match="'localhost' is at"):
        await _call(guarded, f"{address}/latest/meta-data")
    assert asked == ["/latest/meta-data"]


async def test_an_address_of_the_settings_is_the_operators_word(
    guarded: Reach, neighbour: tuple[str, list[str]]
) -> None:
    address, asked = neighbour
    async with client(guarded.own_target("mesh02", address), timeout=5) as http:
        assert (await http.get(f"{address}/own")).is_success
    assert asked == ["/own"]


def test_the_allow_list_counts_for_proxied_addresses_as_well() -> None:
    addresses = AddressSettings(allowed_hosts=("loadtester.test",))
    reach = Reach(SETTINGS.model_copy(update={"addresses": addresses}), Clusters())

    assert reach.target("mesh01", "http://loadtester.test/").url == "proxied http://loadtester.test/"
    with pytest.raises(InvalidInput, match=r"'other.test' is not among addresses.allowed_hosts"):
        reach.target("mesh01", "http://other.test/")
