"""From a snapshot of the clusters' objects to Envoy's whole configuration. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from tidegate.sandbox.mesh.clusters import clusters, inbounds
from tidegate.sandbox.mesh.connections import tcp_listeners
from tidegate.sandbox.mesh.delegation import merged
from tidegate.sandbox.mesh.destination_rule import DestinationRuleSpec, TrafficPolicy
from tidegate.sandbox.mesh.istio import (
    GatewaySpec,
    Manifest,
    SidecarSpec,
    VirtualServiceSpec,
)
from tidegate.sandbox.mesh.listeners import Layout, inbound_listener, outer_listeners, sidecar_listener
from tidegate.sandbox.mesh.registry import Key, Registry, Snapshot, key_of, registry
from tidegate.sandbox.mesh.routes import Json
from tidegate.sandbox.mesh.sidecars import LOADTESTER, sidecars
from tidegate.sandbox.mesh.virtual_hosts import VirtualService, ingress, mesh

_ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_Spec = TypeVar("_Spec", bound=BaseModel)


class Problem(NamedTuple):
    """An object that was left out, and why."""

    kind: str
    key: Key
    reason: str


class Configuration(NamedTuple):
    """Envoy's resources, by their names."""

    clusters: Mapping[str, Json]
    listeners: Mapping[str, Json]
    routes: Mapping[str, Json]
    problems: tuple[Problem, ...]


def translate(snapshot: Snapshot, layout: Layout) -> Configuration:
    """What Envoy has to be told about a snapshot. An invalid object is left out and listed in `problems`."""
    services = registry(snapshot)
    problems: list[Problem] = []
    gateways = dict(_valid(snapshot.gateways, GatewaySpec, problems))
    oldest_first = sorted(snapshot.virtual_services, key=_age)
    virtual_services = merged(
        VirtualService(key, spec) for key, spec in _valid(oldest_first, VirtualServiceSpec, problems)
    )
    policies = _policies(_valid(snapshot.destination_rules, DestinationRuleSpec, problems), services)
    every_cluster = (
        cluster
        for service in services
        for cluster in clusters(service, policies.get(service.key, TrafficPolicy()))
    )
    every_inbound = (inbound_listener(inbound) for service in services for inbound in inbounds(service))
    beside = tuple(sidecars(_valid(snapshot.sidecars, SidecarSpec, problems)))
    outer = (
        *outer_listeners(layout),
        *tcp_listeners(virtual_services, gateways, services, layout),
        *(sidecar_listener(each, layout) for each in beside),
    )
    at_gateway = _route_configuration("ingress", ingress(virtual_services, gateways, services), 404)
    sources = {"egress": LOADTESTER} | {each.name: each.source for each in beside}
    within = (
        _route_configuration(name, mesh(virtual_services, services, source), 502)
        for name, source in sources.items()
    )
    return Configuration(
        clusters={cluster["name"]: cluster for cluster in every_cluster},
        listeners={found["name"]: found for found in (*outer, *every_inbound)},
        routes={
            "ingress": at_gateway | {"ignore_port_in_host_matching": True},
            **{routes["name"]: routes for routes in within},
        },
        problems=tuple(problems),
    )


def _age(manifest: Manifest) -> tuple[str, Key]:
    return manifest["metadata"].get("creationTimestamp") or "", key_of(manifest)


def _valid(
    manifests: Iterable[Manifest], model: type[_Spec], problems: list[Problem]
) -> list[tuple[Key, _Spec]]:
    valid = []
    for manifest in manifests:
        try:
            valid.append((key_of(manifest), model.model_validate(manifest.get("spec") or {})))
        except ValidationError as error:
            problems.append(Problem(manifest.get("kind", ""), key_of(manifest), _reason(error)))
    return valid


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"spec.{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _policies(
    rules: Iterable[tuple[Key, DestinationRuleSpec]], services: Registry
) -> dict[Key, TrafficPolicy]:
    found = ((services.find(rule.host, key.namespace), rule.traffic_policy) for key, rule in rules)
    return {service.key: policy for service, policy in found if service}


def _route_configuration(name: str, hosts: list[Json], otherwise: int) -> Json:
    """Routes for the hosts, and a status for all others: 404 as at a gateway, 502 as in a closed mesh."""
    if not any("*" in host["domains"] for host in hosts):
        nowhere = {"match": {"prefix": "/"}, "direct_response": {"status": otherwise}}
        hosts = [*hosts, {"name": "nowhere", "domains": ["*"], "routes": [nowhere]}]
    return {"@type": _ROUTES, "name": name, "virtual_hosts": hosts, "validate_clusters": False}
