"""What Istio needs to split a canary's traffic: a VirtualService, and a DestinationRule for each side."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from tidegate.domain.analysis import SessionAffinity
from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest
from tidegate.domain.percent import proportions, rest
from tidegate.domain.plan import Routing
from tidegate.domain.service import Service as CanaryService
from tidegate.domain.service import ServiceMetadata
from tidegate.manifests.naming import baseline_marks, names
from tidegate.manifests.sessions import canary_match, cookies, expiry, outdated_match, primary_match
from tidegate.manifests.splits import leads_elsewhere, mirrored, shares

GROUP = "networking.istio.io"
VERSIONS = ("v1", "v1beta1", "v1alpha3")
"""Newest first; which one is used is the cluster's choice."""

_FORMS = {"exact", "prefix", "suffix", "regex"}


def destination_rules(canary: Canary, api_version: str) -> tuple[Manifest, Manifest]:
    """The primary's and the canary's DestinationRule, each with the manifest's trafficPolicy."""
    known = names(canary)
    primary, target = (
        _destination_rule(canary, api_version, host) for host in (known.primary_service, known.canary_service)
    )
    return primary, target


def baseline_rule(canary: Canary, api_version: str) -> Manifest:
    """The DestinationRule of a baseline, with the same trafficPolicy."""
    made = _destination_rule(canary, api_version, names(canary).baseline_service)
    return made | {"metadata": made["metadata"] | {"annotations": baseline_marks(canary)}}


def virtual_service(canary: Canary, api_version: str, routing: Routing, *, session: str = "") -> Manifest:
    """The VirtualService that gives canary and baseline what `routing` says, and the primary the rest.

    `session` is the value of session affinity's cookies. Routing() is the state at rest.
    """
    if canary.spec.service.is_tcp:
        rules = {"tcp": [_tcp_rule(canary, routing)]}
    else:
        rules = {"http": list(_http_rules(canary, routing, session))}
    spec = _scope(canary.spec.service, names(canary).apex) | rules
    made = _object(canary, api_version, "VirtualService", names(canary).apex, spec)
    return made | {"metadata": made["metadata"] | _asked_for(canary)}


def weights(virtual_service: Manifest, canary: Canary) -> tuple[float, float, float, int] | None:
    """(primary, canary, baseline, mirrored) in percent; None when the routes do not lead to these sides."""
    apex = names(canary).apex
    split = None if leads_elsewhere(virtual_service, apex) else shares(virtual_service, apex)
    return None if split is None else (*split, mirrored(virtual_service, apex))


def _http_rules(canary: Canary, routing: Routing, session: str) -> Iterator[Manifest]:
    """Istio takes the first rule that matches: those for few come before the one for all."""
    analysis = canary.spec.analysis
    split = {**_rules(canary.spec.service), "route": _destinations(canary, *routing.shares)}
    if analysis.match:
        home = {"route": _destinations(canary, 0)[:1]}
        yield _narrowed(split, analysis.match)
        yield split | home
        return
    if analysis.session_affinity:
        yield from _sticky(canary, analysis.session_affinity, split, session if routing.canary else "")
        if routing.canary:
            split = split | {"route": _with_cookies(split["route"], cookies(canary, session))}
    yield split | _mirror(canary, routing.mirror)


def _sticky(canary: Canary, affinity: SessionAffinity, split: Manifest, session: str) -> Iterator[Manifest]:
    """Rules for those who bring a cookie: to the side that gave it, or at rest, for the cookie to expire."""
    if not session:
        outdated = _narrowed(split, [outdated_match(affinity)])
        yield outdated | {"headers": _merged(split.get("headers") or {}, expiry(affinity))}
        return
    sticky = _narrowed(split, [canary_match(affinity, session)])
    yield sticky | {"route": _destinations(canary, 100)}
    if affinity.primary_cookie_name:
        loyal = _narrowed(split, [primary_match(affinity, session)])
        yield loyal | {"route": _destinations(canary, 0)}


def _with_cookies(route: list[Manifest], headers: Iterator[Manifest]) -> list[Manifest]:
    pairs = zip(route, headers, strict=True)
    return [destination | ({"headers": header} if header else {}) for destination, header in pairs]


def _mirror(canary: Canary, percent: int) -> Manifest:
    if not percent:
        return {}
    copies = {"mirror": {**_destination(canary, names(canary).canary_service)}}
    return copies | {"mirrorPercentage": {"value": float(percent)}}


def _narrowed(rule: Manifest, conditions: Sequence[Manifest]) -> Manifest:
    """The rule for those of its requests that one of the conditions holds for as well."""
    given = rule.get("match") or [{}]
    both = [_merged(common, condition) for condition in conditions for common in given]
    return deepcopy(rule) | {"match": both}


def _merged(common: Manifest, own: Manifest) -> Manifest:
    """Both together, to the last level; where both say something, `own` is what counts."""
    result = deepcopy(common)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        # A StringMatch has one of its forms: two of them would be none.
        result[key] = _merged(result[key], value) if both and not _FORMS & set(value) else deepcopy(value)
    return result


def _tcp_rule(canary: Canary, routing: Routing) -> Manifest:
    ports = [{"port": match["port"]} for match in canary.spec.service.match if match.get("port")]
    return ({"match": ports} if ports else {}) | {"route": _destinations(canary, *routing.shares)}


def _destinations(canary: Canary, share: float, baseline: float = 0) -> list[Manifest]:
    """A baseline is there only while it gets something: between releases nobody answers for it."""
    known = names(canary)
    sides = [(known.primary_service, rest(share + baseline)), (known.canary_service, share)]
    sides += [(known.baseline_service, baseline)] if baseline else []
    whole = proportions(*(part for _, part in sides))
    return [
        {"destination": _destination(canary, host), "weight": weight}
        for (host, _), weight in zip(sides, whole, strict=True)
    ]


def _destination(canary: Canary, host: str) -> Manifest:
    """With several ports, or behind a delegating route, the port has to be named."""
    service = canary.spec.service
    behind_gateway = bool(service.gateways) and service.gateways[0] != "mesh"
    named = service.delegation or (service.port_discovery and behind_gateway)
    return {"host": host} | ({"port": {"number": service.port}} if named else {})


def _scope(service: CanaryService, apex: str) -> Manifest:
    """For whom the rules are; a delegate's are for whom the delegating VirtualService says."""
    if service.delegation:
        return {}
    return {"hosts": _hosts(service, apex), "gateways": list(service.gateways) or ["mesh"]}


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


def _asked_for(canary: Canary) -> Manifest:
    """The apex Service's labels and annotations are the VirtualService's too, for external-dns to read."""
    asked = canary.spec.service.apex or ServiceMetadata()
    parts = {"labels": dict(asked.labels), "annotations": dict(asked.annotations)}
    return {name: part for name, part in parts.items() if part}


def _object(canary: Canary, api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": canary.namespace},
        "spec": spec,
    }
