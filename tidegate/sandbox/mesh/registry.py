"""The mesh's services: what they are called, which ports they have, and which pods stand behind them.

Services of all workload clusters are one mesh: the same name in the same namespace is the same service.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tidegate.sandbox.addresses import loopback_address
from tidegate.sandbox.mesh.istio import Manifest

DOMAIN = "svc.cluster.local"
CLUSTER_LABEL = "topology.istio.io/cluster"
"""Label of what comes from a further workload cluster: its name. Requests there are counted apart."""


class Snapshot(BaseModel):
    """Everything the mesh's configuration depends on, as manifests."""

    model_config = ConfigDict(frozen=True)

    gateways: tuple[Manifest, ...] = ()
    virtual_services: tuple[Manifest, ...] = ()
    destination_rules: tuple[Manifest, ...] = ()
    sidecars: tuple[Manifest, ...] = ()
    services: tuple[Manifest, ...] = ()
    endpoint_slices: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    deployments: tuple[Manifest, ...] = ()
    daemon_sets: tuple[Manifest, ...] = ()

    @property
    def owners(self) -> tuple[Manifest, ...]:
        """All that pods belong to."""
        return (*self.deployments, *self.daemon_sets)


class Key(NamedTuple):
    """What a namespaced object is called."""

    namespace: str
    name: str


class Endpoint(NamedTuple):
    """A ready address on this machine behind a port; its workload is None when no workload's pod has it.

    `cluster` is empty but for a further workload cluster.
    """

    address: str
    port: int
    workload: str | None
    cluster: str = ""


class Service(NamedTuple):
    """A service of the mesh; its workloads are the Deployments and DaemonSets that its selector selects.

    Its clusters are those that declare it, named as an endpoint's.
    """

    key: Key
    ports: tuple[int, ...]
    workloads: tuple[str, ...]
    endpoints: Mapping[int, tuple[Endpoint, ...]]
    clusters: tuple[str, ...] = ("",)

    @property
    def host(self) -> str:
        """`podinfo.test.svc.cluster.local`."""
        return f"{self.key.name}.{self.key.namespace}.{DOMAIN}"

    @property
    def default_port(self) -> int:
        """The port of a request that names none: 80 if the service has it, otherwise its first."""
        return 80 if 80 in self.ports else self.ports[0]


class Registry:
    """The services by their key, and the ways to name them."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._services = {service.key: service for service in services}
        self._namespaces: dict[str, set[str]] = defaultdict(set)
        for key in self._services:
            self._namespaces[key.name].add(key.namespace)

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    def find(self, host: str, namespace: str) -> Service | None:
        """The service that `host` names in an object of `namespace`: short, `name.ns`, or fully qualified."""
        name, _, rest = host.partition(".")
        own = rest.removesuffix(f".{DOMAIN}").removesuffix(".svc")
        return self._services.get(Key(own or namespace, name))

    def names(self, service: Service) -> tuple[str, ...]:
        """The hosts a client may call a service by; the bare name only if it is the mesh's only one."""
        name, namespace = service.key.name, service.key.namespace
        full = (service.host, f"{name}.{namespace}.svc", f"{name}.{namespace}")
        return (*full, name) if len(self._namespaces[name]) == 1 else full


def registry(snapshot: Snapshot) -> Registry:
    """Resolve a snapshot's services."""
    workloads = _workloads_of_pods(snapshot.pods)
    slices = _by_service(snapshot.endpoint_slices)
    declared: dict[Key, list[Manifest]] = defaultdict(list)
    for declaration in snapshot.services:
        declared[key_of(declaration)].append(declaration)
    return Registry(
        service
        for key, manifests in sorted(declared.items())
        if (service := _service(key, manifests, slices[key], snapshot.owners, workloads)).ports
    )


def key_of(manifest: Manifest) -> Key:
    """An object's namespace and name."""
    metadata = manifest["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


def _service(
    key: Key,
    manifests: Iterable[Manifest],
    slices: Iterable[Manifest],
    owners: Iterable[Manifest],
    workloads: Mapping[Key, str],
) -> Service:
    ports: dict[int, str] = {}
    clusters: set[str] = set()
    selected: set[str] = set()
    for manifest in manifests:
        ports |= _ports(manifest)
        clusters.add(_cluster_of(manifest))
        selected |= _selected(manifest, owners)
    endpoints = {
        number: tuple(sorted(_endpoints(key, slices, name, workloads))) for number, name in ports.items()
    }
    return Service(key, tuple(ports), tuple(sorted(selected)), endpoints, tuple(sorted(clusters)))


def _cluster_of(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("labels") or {}).get(CLUSTER_LABEL, ""))


def _ports(service: Manifest) -> dict[int, str]:
    ports = service.get("spec", {}).get("ports") or ()
    return {port["port"]: port.get("name") or "" for port in ports if port.get("protocol", "TCP") == "TCP"}


def _selected(service: Manifest, owners: Iterable[Manifest]) -> set[str]:
    selector = service.get("spec", {}).get("selector") or {}
    namespace = key_of(service).namespace
    return {
        key_of(owner).name
        for owner in owners
        if selector and key_of(owner).namespace == namespace and selector.items() <= _labels(owner).items()
    }


def _labels(owner: Manifest) -> dict[str, str]:
    metadata = owner.get("spec", {}).get("template", {}).get("metadata") or {}
    return metadata.get("labels") or {}


def _by_service(slices: Iterable[Manifest]) -> dict[Key, list[Manifest]]:
    found: dict[Key, list[Manifest]] = defaultdict(list)
    for manifest in slices:
        service = (manifest["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
        if service:
            found[Key(key_of(manifest).namespace, service)].append(manifest)
    return found


def _endpoints(
    service: Key, slices: Iterable[Manifest], port_name: str, workloads: Mapping[Key, str]
) -> set[Endpoint]:
    return {
        Endpoint(loopback_address(address), port["port"], workload, _cluster_of(manifest))
        for manifest in slices
        for port in manifest.get("ports") or ()
        if (port.get("name") or "") == port_name
        for endpoint in manifest.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for known, workload in [_workload(service.namespace, endpoint, workloads)]
        if known
        for address in endpoint.get("addresses") or ()
    }


def _workload(namespace: str, endpoint: Manifest, workloads: Mapping[Key, str]) -> tuple[bool, str | None]:
    """Whether the endpoint may be used, and its workload.

    An endpoint of a pod that is not known (any more) is left out: the pod's own news are on their way.
    """
    target = endpoint.get("targetRef") or {}
    if target.get("kind") != "Pod":
        return True, None
    workload = workloads.get(Key(target.get("namespace") or namespace, target["name"]))
    return workload is not None, workload or None


def _workloads_of_pods(pods: Iterable[Manifest]) -> dict[Key, str]:
    """Each pod's Deployment or DaemonSet, or an empty name when it has none.

    A ReplicaSet is called `<deployment>-<pod template hash>`: Istio's telemetry reads the name the same way.
    """
    return {key_of(pod): _workload_of(pod["metadata"]) for pod in pods}


def _workload_of(metadata: Manifest) -> str:
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    owners = {owner.get("kind"): str(owner["name"]) for owner in metadata.get("ownerReferences") or ()}
    deployment = owners.get("ReplicaSet", "").removesuffix(f"-{template}") if template else ""
    return deployment or owners.get("DaemonSet", "")
