"""What Istio needs to split a canary's traffic: a VirtualService, and a DestinationRule for either side."""

from copy import deepcopy
from typing import Any

from tidegate.domain.canary import Canary
from tidegate.domain.canary import Service as CanaryService
from tidegate.domain.manifest import Manifest, dig
from tidegate.manifests.naming import CANARY_SUFFIX, PRIMARY_SUFFIX, names

GROUP = "networking.istio.io"
VERSIONS = ("v1", "v1beta1", "v1alpha3")
"""Newest first; which one is used is the cluster's choice."""


def destination_rules(canary: Canary, api_version: str) -> tuple[Manifest, Manifest]:
    """The primary's and the canary's DestinationRule, each with the manifest's trafficPolicy."""
    known = names(canary)
    primary, target = (
        _destination_rule(canary, api_version, host) for host in (known.primary_service, known.canary_service)
    )
    return primary, target


def virtual_service(canary: Canary, api_version: str, *, canary_weight: int) -> Manifest:
    """The VirtualService that gives the canary `canary_weight` percent and the primary the rest."""
    service = canary.spec.service
    route = {
        **_rules(service),
        "route": _destinations(canary, canary_weight),
    }
    spec = {
        "hosts": _hosts(service, names(canary).apex),
        "gateways": list(service.gateways) or ["mesh"],
        "http": [route],
    }
    return _object(canary, api_version, "VirtualService", names(canary).apex, spec)


def weights(virtual_service: Manifest, canary: Canary) -> tuple[int, int] | None:
    """(primary, canary) as the first HTTP route has them; None when it does not lead to these two."""
    return shares(virtual_service, names(canary).apex)


def shares(virtual_service: Manifest, service: str) -> tuple[int, int] | None:
    """The same by the name of the apex service."""
    http = dig(virtual_service, "spec", "http") or [{}]
    found = {dig(each, "destination", "host"): each for each in http[0].get("route") or ()}
    hosts = (service + PRIMARY_SUFFIX, service + CANARY_SUFFIX)
    if not found or not set(found) <= set(hosts):
        return None
    alone = 100 if len(found) == 1 else 0
    primary, target = (int(found[host].get("weight") or alone) if host in found else 0 for host in hosts)
    return primary, target


def routed_back(live: Manifest, service: str) -> Manifest:
    """A live VirtualService whose splits between `service`'s two sides are 100/0, the rest as it is."""
    hosts = service + PRIMARY_SUFFIX, service + CANARY_SUFFIX
    changed = deepcopy(live)
    for rule in dig(changed, "spec", "http") or ():
        found = {dig(each, "destination", "host"): each for each in rule.get("route") or ()}
        if found and set(found) <= set(hosts):
            rule["route"] = [
                found.get(host, {"destination": {"host": host}}) | {"weight": weight}
                for host, weight in zip(hosts, (100, 0), strict=True)
            ]
    return changed


def _destinations(canary: Canary, canary_weight: int) -> list[Manifest]:
    if not 0 <= canary_weight <= 100:
        raise ValueError(f"a weight of {canary_weight} is not within 0 and 100")
    known = names(canary)
    return [
        {"destination": {"host": known.primary_service}, "weight": 100 - canary_weight},
        {"destination": {"host": known.canary_service}, "weight": canary_weight},
    ]


def _hosts(service: CanaryService, apex: str) -> list[str]:
    hosts = list(service.hosts)
    return hosts if apex in hosts or "*" in hosts else [*hosts, apex]


def _rules(service: CanaryService) -> dict[str, Any]:
    rewrite = service.rewrite.model_dump(exclude_defaults=True) if service.rewrite else None
    parts = {
        "match": list(service.match),
        "rewrite": rewrite,
        "timeout": service.timeout,
        "retries": service.retries,
        "headers": service.headers,
        "corsPolicy": service.cors_policy,
    }
    return {name: deepcopy(part) for name, part in parts.items() if part}


def _destination_rule(canary: Canary, api_version: str, host: str) -> Manifest:
    spec: Manifest = {"host": host}
    if canary.spec.service.traffic_policy:
        spec["trafficPolicy"] = deepcopy(canary.spec.service.traffic_policy)
    return _object(canary, api_version, "DestinationRule", host, spec)


def _object(canary: Canary, api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": canary.namespace},
        "spec": spec,
    }
