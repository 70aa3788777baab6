"""How a live VirtualService splits the traffic between a service's two sides; and the same led back home.

A canary's routes may have several rules: for matching requests, for a visitor's cookie, for all others.
"""

from copy import deepcopy

from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.percent import rest, share_of
from tidegate.manifests.naming import CANARY_SUFFIX, PRIMARY_SUFFIX
from tidegate.manifests.rules import by_service, destinations, host_of, rules, short

HOME = (100, 0)
"""All traffic on the primary."""


def shares(virtual_service: Manifest, service: str) -> tuple[float, float] | None:
    """(primary, canary) in percent; None when no rule leads to these two sides.

    Of several rules, the last that gives the canary anything: those before it are for few.
    """
    found = [split for rule in rules(virtual_service) if (split := _split(rule, service))]
    return next((split for split in reversed(found) if split != HOME), HOME) if found else None


def leads_elsewhere(virtual_service: Manifest, service: str) -> bool:
    """Whether the last rule, which is for all others, does not lead to these two sides."""
    every = list(rules(virtual_service))
    return not every or _split(every[-1], service) is None


def mirrored(virtual_service: Manifest, service: str) -> int:
    """How many percent of the requests are copied to the canary."""
    copies = [
        dig(rule, "mirrorPercentage", "value")
        for rule in rules(virtual_service)
        if short(dig(rule, "mirror", "host")) == service + CANARY_SUFFIX
    ]
    return max((100 if value is None else round(value) for value in copies), default=0)


def exposes(virtual_service: Manifest, service: str) -> bool:
    """Whether the canary gets anything: requests, or copies of them; beside whomever else."""
    given = any(_gives(rule, service + CANARY_SUFFIX) for rule in rules(virtual_service))
    return given or bool(mirrored(virtual_service, service))


def _gives(rule: Manifest, host: str) -> bool:
    """Whether a rule gives a host any share; one alone needs no weight."""
    route = destinations(rule)
    alone = 100 if len(route) == 1 else 0
    return any(short(host_of(part)) == host and (part.get("weight") or alone) for part in route)


def described(virtual_service: Manifest, service: str) -> str:
    """What is not at home, in words such as "traffic 90/10"."""
    split, copies = shares(virtual_service, service), mirrored(virtual_service, service)
    found = []
    if split is not None and exposes(virtual_service, service):
        whose = " of matching requests" if _is_for_few(virtual_service, service) else ""
        found.append(f"traffic {split[0]}/{split[1]}{whose}" + (f", {copies}% mirrored" if copies else ""))
    if leads_elsewhere(virtual_service, service):
        found.append(f"VirtualService {service} leads elsewhere")
    return ", ".join(found)


def _is_for_few(virtual_service: Manifest, service: str) -> bool:
    """Whether all but those whom a rule matches are at home."""
    last = _split([*rules(virtual_service)][-1], service)
    return last == HOME and shares(virtual_service, service) != HOME


def routed_back(live: Manifest, service: str) -> Manifest:
    """A live VirtualService whose splits between `service`'s two sides are 100/0, the rest as it is."""
    hosts = service + PRIMARY_SUFFIX, service + CANARY_SUFFIX
    changed = deepcopy(live)
    for rule in rules(changed):
        if short(dig(rule, "mirror", "host")) == hosts[1]:
            del rule["mirror"]
            rule.pop("mirrorPercentage", None)
        found = by_service(rule)
        if found and set(found) <= set(hosts):
            rule["route"] = [
                found.get(host, _like(found, host)) | {"weight": weight}
                for host, weight in zip(hosts, (100, 0), strict=True)
            ]
        elif hosts[1] in found:
            rule["route"] = _without(rule["route"], found[hosts[1]])
    return changed


def _without(route: list[Manifest], canary: Manifest) -> list[Manifest]:
    """Whoever else has a share of a mixed rule gets the canary's too: the first of them."""
    first, *others = [part for part in route if part is not canary]
    return [first | {"weight": first.get("weight", 0) + canary.get("weight", 0)}, *others]


def _like(found: dict[str, Manifest], host: str) -> Manifest:
    """A destination beside those that are there, at their port."""
    other = next(iter(found.values()))["destination"]
    return {"destination": other | {"host": host}}


def _split(rule: Manifest, service: str) -> tuple[float, float] | None:
    found = by_service(rule)
    hosts = (service + PRIMARY_SUFFIX, service + CANARY_SUFFIX)
    if not found or not set(found) <= set(hosts):
        return None
    alone = 100 if len(found) == 1 else 0
    primary, target = (int(found[host].get("weight") or alone) if host in found else 0 for host in hosts)
    share = share_of(target, primary + target)
    return rest(share), share
