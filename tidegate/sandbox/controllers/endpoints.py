"""The endpoints controller: one EndpointSlice per Service, holding the addresses of its ready pods.

Real clusters also list pods that are not ready, marked so; here a slice holds only what may get
traffic. The older `Endpoints` object is not made: nothing in the sandbox reads it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.sandbox.client import (
    ENDPOINT_SLICES,
    PODS,
    SERVICES,
    ClusterClient,
    ConflictError,
    Object,
)
from tidegate.sandbox.controllers.objects import (
    deleting,
    labels_match,
    owner_reference,
    pod_active,
    pod_ready,
)
from tidegate.sandbox.informer import Informer, Key, Reconciler, key_of

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


class EndpointsController:
    """Keeps each Service's slice at its ready pods."""

    def __init__(self, client: ClusterClient, services: Informer, pods: Informer, slices: Informer) -> None:
        self._client = client
        self._services = services
        self._pods = pods
        self._slices = slices
        self.reconciler = Reconciler("endpoints", self.reconcile)
        services.on_change(lambda obj, _: self.reconciler.queue.add(key_of(obj)))
        pods.on_change(self._pod_changed)
        slices.on_change(self._slice_changed)

    async def reconcile(self, key: Key) -> None:
        """Make the Service's slice what its pods say."""
        service = self._services.get(key)
        selector = (service or {}).get("spec", {}).get("selector")
        if service is None or deleting(service) or not selector:
            return
        wanted = self._slice(service, self._ready_pods(service, selector))
        known = self._slices.get(key)
        if known is None:
            await self._create(wanted)
        elif any((known.get(part) or []) != wanted[part] for part in ("endpoints", "ports")):
            wanted["metadata"]["resourceVersion"] = known["metadata"]["resourceVersion"]
            self._slices.observe(await self._client.replace(ENDPOINT_SLICES, wanted))

    async def _create(self, wanted: Object) -> None:
        """The slice of a Service that was deleted and made again may not be gone yet: then once more."""
        try:
            self._slices.observe(await self._client.create(ENDPOINT_SLICES, wanted))
        except ConflictError:
            meta = wanted["metadata"]
            found = await self._client.get(ENDPOINT_SLICES, meta["namespace"], meta["name"])
            self._slices.observe(found)
            raise

    def _pod_changed(self, pod: Object, before: Object | None) -> None:
        states = [state for state in (pod, before) if state is not None]
        for service in self._services.all(pod["metadata"]["namespace"]):
            selector = service["spec"].get("selector") or {}
            if any(labels_match(selector, state) for state in states):
                self.reconciler.queue.add(key_of(service))

    def _slice_changed(self, endpoint_slice: Object, _: Object | None) -> None:
        self.reconciler.queue.add(key_of(endpoint_slice))

    def _ready_pods(self, service: Object, selector: dict[str, str]) -> list[Object]:
        pods = self._pods.all(service["metadata"]["namespace"])
        ready = [pod for pod in pods if labels_match(selector, pod) and _serves(pod)]
        return sorted(ready, key=lambda pod: str(pod["metadata"]["name"]))

    def _slice(self, service: Object, pods: list[Object]) -> Object:
        meta = service["metadata"]
        return {
            "metadata": {
                "name": meta["name"],
                "namespace": meta["namespace"],
                "labels": {SERVICE_NAME: meta["name"], MANAGED_BY: "endpointslice-controller.k8s.io"},
                "ownerReferences": [owner_reference(SERVICES, service)],
            },
            "addressType": "IPv4",
            "endpoints": [_endpoint(pod) for pod in pods],
            "ports": list(_ports(service, pods)),
        }


def _serves(pod: Object) -> bool:
    return pod_active(pod) and pod_ready(pod) and bool(pod["status"].get("podIP"))


def _endpoint(pod: Object) -> Object:
    meta = pod["metadata"]
    endpoint: Object = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {
            "kind": PODS.kind,
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
        },
    }
    if pod["spec"].get("nodeName"):
        endpoint["nodeName"] = pod["spec"]["nodeName"]
    return endpoint


def _ports(service: Object, pods: list[Object]) -> Iterator[Object]:
    """The slice's ports: numbers as they are, names as the first pod that declares them has them."""
    for port in service["spec"].get("ports") or []:
        number = _target_port(port, pods)
        if number is not None:
            yield {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}


def _target_port(port: Object, pods: list[Object]) -> int | None:
    target: int | str = port.get("targetPort") or port["port"]
    if isinstance(target, int) or target.isdigit():
        return int(target)
    declared = (
        entry
        for pod in pods
        for container in pod["spec"]["containers"]
        for entry in container.get("ports") or []
    )
    named: Iterator[int] = (entry["containerPort"] for entry in declared if entry.get("name") == target)
    return next(named, None)
