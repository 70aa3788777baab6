"""Pod addresses, as the clusters know them and as they are on this machine."""

import pytest

from tidegate.sandbox.addresses import cluster_address, loopback_address
from tidegate.sandbox.ports import reserve_network


@pytest.mark.parametrize(
    ("here", "there"),
    [("127.37.2.9", "10.37.2.9"), ("127.0.0.1", "10.0.0.1"), ("192.0.2.1", "192.0.2.1"), ("::1", "::1")],
)
def test_an_address_is_the_same_one_there_and_back(here: str, there: str) -> None:
    assert cluster_address(here) == there
    assert loopback_address(there) == here


def test_pods_are_never_given_addresses_of_services() -> None:
    holders, networks = zip(*(reserve_network() for _ in range(60)), strict=True)
    for holder in holders:
        holder.close()

    assert len(set(networks)) == 60
    assert "127.96" not in networks
