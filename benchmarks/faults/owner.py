"""What an owner had before the first release of an application, and whether uninstalling gave it back."""

from collections.abc import Mapping
from typing import Any

from benchmarks.faults.canary import DESTINATION_RULES, MESH, VIRTUAL_SERVICES, Canary
from benchmarks.faults.standing import Violations
from tidegate.contracts import FENCE_ANNOTATION
from tidegate.sandbox.client import (
    AUTOSCALERS,
    DEPLOYMENTS,
    NAMESPACES,
    SERVICES,
    ConflictError,
    NotFoundError,
    Object,
    Resource,
)

FIRST_VERSION = "3.1.0"
PODS = 2
PORT = 9898
GATEWAY = "public-gateway.istio-system.svc.cluster.local"

_MARKS = "tidegate.dev/"


async def bring(canary: Canary) -> None:
    """Let podinfo serve as its owner has it: a Deployment, a Service, and routes that lead there."""
    for cluster in (*canary.clusters, MESH):
        await _create(canary, cluster, NAMESPACES, {"metadata": {"name": canary.namespace}})
    for cluster in canary.clusters:
        await _create(canary, cluster, SERVICES, _service(canary))
        await _create(canary, cluster, DEPLOYMENTS, _deployment(canary))
    await _create(canary, MESH, VIRTUAL_SERVICES, _routes(canary))


async def given_back(canary: Canary, cluster: str, template: Mapping[str, Any]) -> Violations:
    """What is not as it was, or should be gone, in a cluster and the mesh; the target runs the template."""
    try:
        target = await canary.deployment(canary.name, cluster)
        service = await _get(canary, cluster, SERVICES, canary.name)
        routes = await canary.virtual_service()
    except NotFoundError as error:
        return [str(error)]
    violations = [*_serves(target, template), *_as_it_was(service, _service(canary))]
    if routes["spec"] != _routes(canary)["spec"]:
        violations.append(f"the VirtualService leads to {routes['spec']['http']}")
    violations += [
        f"{live['kind']} {canary.name} still bears {', '.join(marks)}"
        for live in (target, service, routes)
        if (marks := _marks(live))
    ]
    return [*violations, *await _left(canary, cluster)]


def _serves(target: Object, template: Mapping[str, Any]) -> Violations:
    violations = []
    if target["spec"]["template"] != template:
        violations.append("the target does not run what the primary ran")
    wanted = target["spec"]["replicas"]
    ready = (target.get("status") or {}).get("readyReplicas", 0)
    if ready < PODS or ready != wanted:
        violations.append(f"the target has {ready} ready pods of {wanted}, and its owner had {PODS}")
    return violations


def _as_it_was(service: Object, wanted: Object) -> Violations:
    violations = []
    if service["spec"]["selector"] != wanted["spec"]["selector"]:
        violations.append(f"the Service selects {service['spec']['selector']}")
    if service["metadata"].get("labels") != wanted["metadata"]["labels"]:
        violations.append(f"the Service has labels {service['metadata'].get('labels')}")
    return violations


def _marks(live: Object) -> list[str]:
    """Ours, but the fence: that stays, and keeps late commands out."""
    metadata = live["metadata"]
    borne = (metadata.get("annotations") or {}) | (metadata.get("labels") or {})
    return sorted(mark for mark in borne if mark.startswith(_MARKS) and mark != FENCE_ANNOTATION)


async def _left(canary: Canary, cluster: str) -> Violations:
    """What releases had made, and is there still."""
    names = (canary.primary, canary.service, canary.baseline)
    made = [
        *((cluster, kind, name) for kind in (DEPLOYMENTS, SERVICES, AUTOSCALERS) for name in names),
        *((MESH, kind, name) for kind in (VIRTUAL_SERVICES, DESTINATION_RULES) for name in names),
    ]
    left = []
    for where, kind, name in made:
        try:
            await _get(canary, where, kind, name)
        except NotFoundError:
            continue
        left.append(f"{kind.kind} {name} is left in {where}")
    return left


async def _get(canary: Canary, cluster: str, resource: Resource, name: str) -> Object:
    return await canary.world.clients[cluster].get(resource, canary.namespace, name)


async def _create(canary: Canary, cluster: str, resource: Resource, manifest: Object) -> None:
    """What is there already stays."""
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    namespace = {"namespace": canary.namespace} if resource.namespaced else {}
    try:
        metadata = manifest["metadata"] | namespace
        await canary.world.clients[cluster].create(resource, {**kind, **manifest, "metadata": metadata})
    except ConflictError:
        return


def _service(canary: Canary) -> Object:
    return {
        "metadata": {"name": canary.name, "labels": {"team": "blue"}},
        "spec": {"selector": {"app": canary.name}, "ports": [{"name": "http", "port": PORT}]},
    }


def _routes(canary: Canary) -> Object:
    return {
        "metadata": {"name": canary.name},
        "spec": {
            "hosts": [canary.host],
            "gateways": [GATEWAY],
            "http": [{"route": [{"destination": {"host": canary.name}}]}],
        },
    }


def _deployment(canary: Canary) -> Object:
    labels = {"app": canary.name}
    container = {
        "name": "podinfod",
        "image": f"stefanprodan/podinfo:{FIRST_VERSION}",
        "ports": [{"name": "http", "containerPort": PORT}],
        "command": ["./podinfo", f"--port={PORT}", "--level=info"],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "metadata": {"name": canary.name, "labels": labels},
        "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template},
    }
