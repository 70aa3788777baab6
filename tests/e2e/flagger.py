"""What Flagger leaves in the clusters: an application whose first version it has initialised and promoted.

The mesh objects are on a control plane of their own, where nothing can belong to a Canary of the workload
cluster: there Flagger sets no owner.
"""

import json
from typing import Any

import yaml

from tests.e2e import manifests
from tests.e2e.user import Application

MANAGER = "--field-manager=flagger"
NAME, PRIMARY, CANARY = "podinfo", "podinfo-primary", "podinfo-canary"
ISTIO = "networking.istio.io/v1beta1"
STALE = "flags-of-old-primary"
"""A copy of what an earlier version referred to; Flagger removes none."""

STATUS = {
    "phase": "Succeeded",
    "canaryWeight": 0,
    "failedChecks": 0,
    "iterations": 0,
    "lastAppliedSpec": "5978589476",
    "lastPromotedSpec": "5978589476",
    "lastTransitionTime": "2026-11-20T08:00:00Z",
    "trackedConfigs": {"configmap/flags": "0123456789abcdef"},
    "conditions": [
        {
            "type": "Promoted",
            "status": "True",
            "reason": "Succeeded",
            "message": "Canary analysis completed successfully, promotion finished.",
            "lastTransitionTime": "2026-11-20T08:00:00Z",
            "lastUpdateTime": "2026-11-20T08:00:00Z",
        }
    ],
}


def files(name: str, version: str, *flags: str, **analysis: Any) -> dict[str, str]:
    """The repository of a team that uses Flagger: podinfo, configured and autoscaled."""
    canary = manifests.canary(name, **analysis)
    canary["spec"]["autoscalerRef"] = _described(autoscaler(name))
    configured = config_map(name, "flags"), autoscaler(name)
    documents = [_configured(manifests.deployment(name, version, *flags), "flags"), *configured, canary]
    return {"podinfo.yaml": yaml.safe_dump_all(documents)}


async def install(application: Application, version: str) -> None:
    """Make all that Flagger would have made of `files`, and wait until the version answers."""
    name = application.namespace
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    git = list(yaml.safe_load_all(files(name, version)["podinfo.yaml"]))
    target, *_ = git
    target["spec"]["replicas"] = 0
    for cluster, objects in (("mesh02", git), ("asm", _mesh(application))):
        await _bring(application, cluster, "apply", namespace)
        await _bring(application, cluster, "create", *objects)
    owner = await _canary(application)
    await _bring(application, "mesh02", "create", *(_owned(each, owner) for each in _workload(name, version)))
    await application.until_version(version)


def config_map(namespace: str, name: str) -> dict[str, Any]:
    """What podinfo takes its flags from."""
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"PODINFO_UI_MESSAGE": "hi"},
    }


def autoscaler(namespace: str, target: str = NAME) -> dict[str, Any]:
    """Of one pod, or two."""
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": target, "namespace": namespace},
        "spec": {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": 2},
    }


def _described(manifest: dict[str, Any]) -> dict[str, str]:
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "name": manifest["metadata"]["name"],
    }


def _configured(deployment: dict[str, Any], config: str) -> dict[str, Any]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"configMapRef": {"name": config}}]
    return deployment


def _workload(namespace: str, version: str) -> list[dict[str, Any]]:
    """The primary, its autoscaler and its configuration, and the three Services."""
    primary = _configured(manifests.deployment(namespace, version), f"flags{PRIMARY.removeprefix(NAME)}")
    labels = {"app": PRIMARY}
    primary["metadata"] |= {"name": PRIMARY, "labels": labels}
    primary["spec"] |= {"replicas": 1, "selector": {"matchLabels": labels}}
    identified = {"flagger-id": "3f1b9a52-6a35-4c07-b1c5-0d4a3f0f7f3e"}
    primary["spec"]["template"]["metadata"] = {"labels": labels, "annotations": identified}
    scaler = autoscaler(namespace, PRIMARY)
    sides = ((NAME, PRIMARY), (PRIMARY, PRIMARY), (CANARY, NAME))
    services = [_service(namespace, *side) for side in sides]
    return [config_map(namespace, "flags-primary"), config_map(namespace, STALE), primary, scaler, *services]


def _service(namespace: str, name: str, selected: str) -> dict[str, Any]:
    port = {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"type": "ClusterIP", "selector": {"app": selected}, "ports": [port]},
    }


def _mesh(application: Application) -> list[dict[str, Any]]:
    route = [
        {"destination": {"host": host}, "weight": weight} for host, weight in ((PRIMARY, 100), (CANARY, 0))
    ]
    routes = {
        "hosts": [application.host, NAME],
        "gateways": [manifests.GATEWAY],
        "http": [{"route": route}],
    }
    rules = [_istio(application, "DestinationRule", host, {"host": host}) for host in (PRIMARY, CANARY)]
    return [*rules, _istio(application, "VirtualService", NAME, routes)]


def _istio(application: Application, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": application.namespace}
    return {"apiVersion": ISTIO, "kind": kind, "metadata": metadata, "spec": spec}


def _owned(manifest: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    return manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [owner]}}


async def _canary(application: Application) -> dict[str, Any]:
    """Give the Canary Flagger's status; the reference to it that Flagger's objects bear."""
    kubectl = ("-n", application.namespace)
    patch = ("patch", "canary", NAME, "--subresource=status", "--type=merge", "-p")
    await application.user.kubectl("mesh02", *kubectl, *patch, json.dumps({"status": STATUS}), MANAGER)
    live = json.loads(await application.user.kubectl("mesh02", *kubectl, "get", "canary", NAME, "-o", "json"))
    flags = {"controller": True, "blockOwnerDeletion": True}
    return {**_described(live), "uid": live["metadata"]["uid"], **flags}


async def _bring(application: Application, cluster: str, verb: str, *objects: dict[str, Any]) -> None:
    file = application.folder / f"{cluster}.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    await application.user.kubectl(cluster, "-n", application.namespace, verb, MANAGER, "-f", str(file))
