"""How a live VirtualService splits the traffic between a service's sides; and the same led back home.

The primary and the canary always have a place in it; a baseline only while the two are compared.

A canary's routes may have several rules: for matching requests, for a visitor's cookie, for all others.
"""

from collections.abc import Collection
from copy import deepcopy
from typing import NamedTuple, Self

from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.percent import rest, share_of
from tidegate.domain.plan import Routing
from tidegate.manifests.naming import BASELINE_SUFFIX, CANARY_SUFFIX, PRIMARY_SUFFIX
from tidegate.manifests.rules import by_service, destinations, host_of, rules, short

_SIDES = (PRIMARY_SUFFIX, CANARY_SUFFIX, BASELINE_SUFFIX)
_GUESTS = (CANARY_SUFFIX, BASELINE_SUFFIX)


class Split(NamedTuple):
    """What each side gets, in percent."""

    primary: float
    canary: float
    baseline: float = 0

    @classmethod
    def of(cls, routing: Routing) -> Self:
        """The one that a routing asks for."""
        return cls(rest(sum(routing.shares)), *routing.shares)

    def __str__(self) -> str:
        """As messages tell it: 90/10, or 80/10 and 10% to the baseline."""
        beside = f" and {self.baseline}% to the baseline" if self.baseline else ""
        return f"{self.primary}/{self.canary}{beside}"


HOME = Split(100, 0)
"""All traffic on the primary."""


def shares(virtual_service: Manifest, service: str) -> Split | None:
    """What each side gets; None when no rule leads to these sides alone.

    Of several rules, the last that gives the canary anything: those before it are for few.
    """
    found = [split for rule in rules(virtual_service) if (split := _split(rule, service))]
    return next((split for split in reversed(found) if split != HOME), HOME) if found else None


def leads_elsewhere(virtual_service: Manifest, service: str) -> bool:
    """Whether the last rule, which is for all others, does not lead to these sides alone."""
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
    """Whether canary or baseline gets anything: requests, or copies of them; beside whomever else."""
    given = any(_gives(rule, service + side) for rule in rules(virtual_service) for side in _GUESTS)
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
        found.append(f"traffic {split}{whose}" + (f", {copies}% mirrored" if copies else ""))
    if leads_elsewhere(virtual_service, service):
        found.append(f"VirtualService {service} leads elsewhere")
    return ", ".join(found)


def _is_for_few(virtual_service: Manifest, service: str) -> bool:
    """Whether all but those whom a rule matches are at home."""
    last = _split([*rules(virtual_service)][-1], service)
    return last == HOME and shares(virtual_service, service) != HOME


def routed_back(live: Manifest, service: str) -> Manifest:
    """A live VirtualService whose splits between `service`'s sides are 100/0, the rest as it is."""
    hosts, guests = _hosts(service, (PRIMARY_SUFFIX, CANARY_SUFFIX)), _hosts(service, _GUESTS)
    changed = deepcopy(live)
    for rule in rules(changed):
        if short(dig(rule, "mirror", "host")) == hosts[1]:
            del rule["mirror"]
            rule.pop("mirrorPercentage", None)
        found = by_service(rule)
        if found and set(found) <= {*hosts, *guests}:
            rule["route"] = [
                found.get(host, _like(found, host)) | {"weight": weight}
                for host, weight in zip(hosts, (100, 0), strict=True)
            ]
        elif not set(guests).isdisjoint(found):
            rule["route"] = _without(rule["route"], guests)
    return changed


def _without(route: list[Manifest], guests: Collection[str]) -> list[Manifest]:
    """Whoever else has a share of a mixed rule gets the guests' too: the first of them."""
    first, *others = [part for part in route if short(host_of(part)) not in guests]
    given = sum(part.get("weight", 0) for part in route if short(host_of(part)) in guests)
    return [first | {"weight": first.get("weight", 0) + given}, *others]


def _hosts(service: str, suffixes: Collection[str]) -> tuple[str, ...]:
    return tuple(service + suffix for suffix in suffixes)


def _like(found: dict[str, Manifest], host: str) -> Manifest:
    """A destination beside those that are there, at their port."""
    other = next(iter(found.values()))["destination"]
    return {"destination": other | {"host": host}}


def _split(rule: Manifest, service: str) -> Split | None:
    found, hosts = by_service(rule), _hosts(service, _SIDES)
    if not found or not set(found) <= set(hosts):
        return None
    alone = 100 if len(found) == 1 else 0
    parts = [int(found[host].get("weight") or alone) if host in found else 0 for host in hosts]
    _, canary, baseline = (share_of(part, sum(parts)) for part in parts)
    return Split(rest(canary + baseline), canary, baseline)
