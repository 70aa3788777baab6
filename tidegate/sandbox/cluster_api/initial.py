"""What the server itself gives to a new object, owned by no field manager: addresses, phases, selectors."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from tidegate.sandbox.cluster_api.defaults import fill, part
from tidegate.sandbox.cluster_api.objects import Object, dig, meta, now

SERVICE_NETWORK = ipaddress.ip_network("10.96.0.0/16")


class ServiceAddresses:
    """Cluster addresses for services, each in use once."""

    def __init__(self, in_use: Callable[[], Iterable[str]]) -> None:
        self._in_use = in_use
        self._next = 10

    def allot(self, service: Object) -> None:
        """Give the service its clusterIP, unless it brought one or wants none."""
        spec = part(service, "spec")
        if spec.get("type") == "ExternalName":
            return
        if not spec.get("clusterIP"):
            spec["clusterIP"] = self._free()
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        fill(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")

    def _free(self) -> str:
        used = set(self._in_use())
        while True:
            address = str(SERVICE_NETWORK[self._next % SERVICE_NETWORK.num_addresses])
            self._next += 1
            if address not in used:
                return address


def begin(group: str, kind: str, obj: Object, addresses: ServiceAddresses) -> None:
    """Set a new object's first state, in place."""
    if (group, kind) == ("", "Service"):
        addresses.allot(obj)
        fill(part(obj, "status"), loadBalancer={})
    elif (group, kind) == ("", "Namespace"):
        fill(part(obj, "spec"), finalizers=["kubernetes"])
        obj["status"] = {"phase": "Active"}
    elif (group, kind) in _BEGINNINGS:
        _BEGINNINGS[group, kind](obj)


def _pod(obj: Object) -> None:
    fill(part(obj, "status"), phase="Pending", qosClass=_quality(obj))


def _quality(pod: Object) -> str:
    resources = [container.get("resources") or {} for container in dig(pod, "spec", "containers") or []]
    if not any(resource.get("limits") or resource.get("requests") for resource in resources):
        return "BestEffort"
    whole = all(
        {"cpu", "memory"} <= (resource.get("limits") or {}).keys()
        and (resource.get("requests") or resource["limits"]) == resource["limits"]
        for resource in resources
    )
    return "Guaranteed" if whole else "Burstable"


def _claim(obj: Object) -> None:
    fill(part(obj, "status"), phase="Pending")


def _job(obj: Object) -> None:
    """A job selects its pods by its own uid, unless it says otherwise."""
    spec, metadata = part(obj, "spec"), meta(obj)
    if spec.get("manualSelector"):
        return
    label = "batch.kubernetes.io/controller-uid"
    spec["selector"] = {"matchLabels": {label: metadata["uid"]}}
    labels = part(part(part(spec, "template"), "metadata"), "labels")
    labels.update({label: metadata["uid"], "batch.kubernetes.io/job-name": metadata["name"]})
    labels.update({"controller-uid": metadata["uid"], "job-name": metadata["name"]})


def _definition(obj: Object) -> None:
    """A definition is accepted and served at once: nothing here could clash."""
    stored = [version["name"] for version in obj["spec"]["versions"] if version.get("storage")]
    obj["status"] = {
        "acceptedNames": dict(obj["spec"]["names"]),
        "storedVersions": stored,
        "conditions": [
            _condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            _condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    }


def _condition(kind: str, reason: str, message: str) -> Object:
    return {"type": kind, "status": "True", "lastTransitionTime": now(), "reason": reason, "message": message}


_BEGINNINGS: dict[tuple[str, str], Callable[[Object], None]] = {
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _claim,
    ("batch", "Job"): _job,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
