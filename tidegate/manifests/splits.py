"""How a live VirtualService splits the traffic between a service's two sides; and the same led back home.

A canary's routes may have several rules: for matching requests, for a visitor's cookie, for all others.
"""

from collections.abc import Iterator
from copy import deepcopy

from tidegate.domain.manifest import Manifest, dig
from tidegate.manifests.naming import CANARY_SUFFIX, PRIMARY_SUFFIX

HOME = (100, 0)
"""All traffic on the primary."""


def shares(virtual_service: Manifest, service: str) -> tuple[int, int] | None:
    """(primary, canary) in percent; None when the first rule does not lead to these two sides.

    Of several rules, the last that gives the canary anything: those before it are for few.
    """
    found = [_split(rule, service) for rule in _rules(virtual_service)]
    if not found or found[0] is None:
        return None
    return next((split for split in reversed(found) if split not in (None, HOME)), HOME)


def mirrored(virtual_service: Manifest, service: str) -> int:
    """How many percent of the requests are copied to the canary."""
    copies = [
        dig(rule, "mirrorPercentage", "value")
        for rule in _rules(virtual_service)
        if dig(rule, "mirror", "host") == service + CANARY_SUFFIX
    ]
    return max((100 if value is None else round(value) for value in copies), default=0)


def is_home(virtual_service: Manifest, service: str) -> bool:
    """Whether the canary gets nothing, neither requests nor copies of them."""
    return shares(virtual_service, service) == HOME and not mirrored(virtual_service, service)


def described(virtual_service: Manifest, service: str) -> str:
    """The split in words, such as "traffic 90/10"; "" when the routes lead elsewhere."""
    split, copies = shares(virtual_service, service), mirrored(virtual_service, service)
    if split is None:
        return ""
    return f"traffic {split[0]}/{split[1]}" + (f", {copies}% mirrored" if copies else "")


def routed_back(live: Manifest, service: str) -> Manifest:
    """A live VirtualService whose splits between `service`'s two sides are 100/0, the rest as it is."""
    hosts = service + PRIMARY_SUFFIX, service + CANARY_SUFFIX
    changed = deepcopy(live)
    for rule in _rules(changed):
        if dig(rule, "mirror", "host") == hosts[1]:
            del rule["mirror"]
            rule.pop("mirrorPercentage", None)
        found = {dig(each, "destination", "host"): each for each in rule.get("route") or ()}
        if found and set(found) <= set(hosts):
            rule["route"] = [
                found.get(host, _like(found, host)) | {"weight": weight}
                for host, weight in zip(hosts, (100, 0), strict=True)
            ]
    return changed


def _like(found: dict[str, Manifest], host: str) -> Manifest:
    """A destination beside those that are there, at their port."""
    other = next(iter(found.values()))["destination"]
    return {"destination": other | {"host": host}}


def _rules(virtual_service: Manifest) -> Iterator[Manifest]:
    for protocol in ("http", "tcp"):
        yield from dig(virtual_service, "spec", protocol) or ()


def _split(rule: Manifest, service: str) -> tuple[int, int] | None:
    found = {dig(each, "destination", "host"): each for each in rule.get("route") or ()}
    hosts = (service + PRIMARY_SUFFIX, service + CANARY_SUFFIX)
    if not found or not set(found) <= set(hosts):
        return None
    alone = 100 if len(found) == 1 else 0
    primary, target = (int(found[host].get("weight") or alone) if host in found else 0 for host in hosts)
    return primary, target
