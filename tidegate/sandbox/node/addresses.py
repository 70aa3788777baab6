"""Pod addresses: a loopback address for each pod, so that every pod listens on its own ports.

The cluster is told another form of it: see `tidegate.sandbox.addresses`.
"""

from __future__ import annotations

from collections import deque
from ipaddress import IPv4Network


class AddressPool:
    """The addresses of a subnet; one that was given back is used again as late as possible."""

    def __init__(self, subnet: str) -> None:
        self._free = deque(str(address) for address in IPv4Network(subnet).hosts())

    def take(self) -> str | None:
        """An address that nobody has; None when all are taken."""
        return self._free.popleft() if self._free else None

    def give_back(self, address: str) -> None:
        """The pod that had the address is gone."""
        self._free.append(address)
