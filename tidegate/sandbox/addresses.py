"""Pod addresses, as the clusters know them and as they are on this machine.

Kubernetes refuses endpoints on the loopback network, where the sandbox's pods listen. So the clusters are
told 10.a.b.c for a pod that listens on 127.a.b.c; whoever connects to it translates back.
"""

from __future__ import annotations

_CLUSTER = "10."
_LOOPBACK = "127."


def cluster_address(address: str) -> str:
    """What the clusters are told of a loopback address; other addresses stay what they are."""
    return _exchange(address, _LOOPBACK, _CLUSTER)


def loopback_address(address: str) -> str:
    """Where to connect to for an address that a cluster knows; other addresses stay what they are."""
    return _exchange(address, _CLUSTER, _LOOPBACK)


def _exchange(address: str, before: str, after: str) -> str:
    return after + address.removeprefix(before) if address.startswith(before) else address
